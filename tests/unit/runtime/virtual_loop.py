"""Virtual time for the tests of the engine: the loop of ``stepwell.testing``, and two words to read its clock."""

import asyncio

from stepwell.testing import VirtualLoop
from stepwell.testing import virtual_time as virtually

__all__ = ["VirtualLoop", "pass_time", "passed_since", "virtually"]


def pass_time(seconds: float) -> None:
    """Let time pass in the running virtual loop without a turn of it."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.pass_time(seconds)


def passed_since(start: float) -> float:
    """Return the seconds that passed in the running loop, rounded to microseconds."""
    return round(asyncio.get_running_loop().time() - start, 6)
