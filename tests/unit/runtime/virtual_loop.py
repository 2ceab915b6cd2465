"""An event loop whose time jumps to the next timer when nothing else is left to do: no test sleeps for real.

What comes from other threads (``def`` steps) is waited for in real time, but only when no timer is set:
with one set, time jumps past it, whatever a thread is about to do.
"""

import asyncio
import functools
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

Arguments = ParamSpec("Arguments")

PATIENCE_SECONDS = 5.0
"""How long in all, in real time, the loop waits for threads while no timer is set."""


class JumpingSelector(selectors.DefaultSelector):
    """Looks for what is ready now; where the loop would wait, it lets the time of the loop pass instead."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 1_000.0
        self.patience = PATIENCE_SECONDS

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            began = time.monotonic()
            ready = super().select(self.patience)
            self.patience = max(0.0, self.patience - (time.monotonic() - began))
            if not self.patience:
                raise RuntimeError("nothing will ever happen in this loop: no timer is set and no thread calls")
        elif timeout > 0:
            self.time += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop with a clock of its own, which runs of workflows follow as well."""

    def __init__(self) -> None:
        self._jumping = JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.time

    stepwell_clock = time

    def pass_time(self, seconds: float) -> None:
        """Let time pass without a turn of the loop, as a step does that blocks it."""
        self._jumping.time += seconds


def virtually(test: Callable[Arguments, Coroutine[Any, Any, None]]) -> Callable[Arguments, None]:
    """Run an async test in a virtual loop."""

    @functools.wraps(test)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


def pass_time(seconds: float) -> None:
    """Let time pass in the running virtual loop without a turn of it."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.pass_time(seconds)


def passed_since(start: float) -> float:
    """Return the seconds that passed in the running loop, rounded to microseconds."""
    return round(asyncio.get_running_loop().time() - start, 6)
