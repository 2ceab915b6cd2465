"""The timers of one run: a heap, and one ``call_later`` for the earliest of them."""

import asyncio
import heapq
from typing import Protocol

_COMPACT_AT = 64
NEVER = float("inf")

NONE_ALIVE: dict[int, float] = {}
"""Shared by all who have no timer; never written."""


class Owner(Protocol):
    """Whose timers they are: its clock in seconds, and what is called with each timer that is due."""

    loop: asyncio.AbstractEventLoop

    def now(self) -> float: ...

    def fire(self, timer: int, now: float) -> None: ...


class Timers:
    """Keeps named deadlines in seconds of their owner's clock, and fires each that is due.

    Stopping a timer leaves its entry in the heap, and the loop's handle as it is: both are passed over
    later, and swept when they outnumber what is alive. ``earliest`` is when something may be due: cheap enough to
    look at before each result.
    """

    __slots__ = ("_alive", "_handle", "_handle_at", "_heap", "_owner", "earliest")

    def __init__(self, owner: Owner | None) -> None:
        self._owner = owner
        self._heap: list[tuple[float, int]] | None = None  # made for the first timer
        self._alive: dict[int, float] = NONE_ALIVE
        self._handle: asyncio.TimerHandle | None = None
        self._handle_at = 0.0
        self.earliest = NEVER

    def start(self, name: int, at: float) -> None:
        """Set the timer, anew if it runs already."""
        if self._heap is None:
            self._heap, self._alive = [], {}
        self._alive[name] = at
        heapq.heappush(self._heap, (at, name))
        if len(self._heap) > _COMPACT_AT and len(self._heap) > 2 * len(self._alive):
            self._heap = [(due, which) for which, due in self._alive.items()]
            heapq.heapify(self._heap)
        self.earliest = self._heap[0][0]
        if self._handle is None or at < self._handle_at:
            self._arm()

    def stop(self, name: int) -> float | None:
        """Forget the timer; return when it would have been due."""
        return self._alive.pop(name, None)

    def due_at(self, name: int) -> float | None:
        """Return when a timer is due; ``None`` for one that does not run."""
        return self._alive.get(name)

    def fire_due(self, now: float) -> None:
        """Fire everything whose time has come, earliest first."""
        while self._owner is not None and self._heap and self._heap[0][0] <= now:
            at, name = heapq.heappop(self._heap)
            if self._alive.get(name) == at:
                del self._alive[name]
                self._owner.fire(name, now)
        self.earliest = self._heap[0][0] if self._heap else NEVER

    def close(self) -> None:
        """Forget everything, also whom to tell."""
        self._owner = None
        self._heap, self._alive = None, NONE_ALIVE
        self.earliest = NEVER
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        assert self._heap
        assert self._owner is not None
        self._handle_at = self._heap[0][0]
        self._handle = self._owner.loop.call_later(max(0.0, self._handle_at - self._owner.now()), self._ring)

    def _ring(self) -> None:
        self._handle = None
        assert self._owner is not None
        self.fire_due(self._owner.now())
        while self._heap and self._alive.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        if self._heap and self._handle is None:
            self._arm()


NO_TIMERS = Timers(None)
"""Shared by all owners that never had a timer; none is started in it."""


class TimedOwner(Owner, Protocol):
    """An owner that keeps its timers itself."""

    timers: Timers


def own_timers(owner: TimedOwner) -> Timers:
    """Return the timers of an owner, which are made for the first of them."""
    if owner.timers is NO_TIMERS:
        owner.timers = Timers(owner)
    return owner.timers
