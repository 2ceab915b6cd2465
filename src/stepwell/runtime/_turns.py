"""What is to be done in a loop's next turn, by all runs in it.

Each callback of asyncio's has a handle and a context of its own, which cost more than beginning a step does: here all
of a turn share one. They are called in the order they came in, as the loop would.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol


class Soon(Protocol):
    """Makes a call in the loop's next turn. (Pyright takes a ``Callable`` in a slot for a method.)"""

    def __call__(self, call: Callable[[], object], /) -> object: ...


class Turns:
    """Calls for the next turn of one loop. They run in no particular context."""

    __slots__ = ("_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[Callable[[], object]] | None = None

    def soon(self, call: Callable[[], object]) -> None:
        """Make ``call`` in the loop's next turn."""
        if self._waiting is None:
            self._waiting = [call]
            self._loop.call_soon(self._go)
        else:
            self._waiting.append(call)

    def _go(self) -> None:
        calls, self._waiting = iter(self._waiting or ()), None
        try:
            for call in calls:
                call()
        finally:
            for call in calls:  # those that are left: one of them ended the program
                self._loop.call_soon(call)
