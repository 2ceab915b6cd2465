"""The run's own events, beside what its stream shows: they take no cursor there, and push nothing out."""

from typing import NamedTuple

from stepwell.flow import InternalDispatchEvent
from stepwell.runtime._origins import Origin


class Internal(NamedTuple):
    """An internal event, and the cursor of the first event of the stream that came after it."""

    before: int
    event: InternalDispatchEvent
    origin: tuple[Origin, ...]


class InternalRing:
    """The last ``limit`` internal events (``None``: all), numbered from 0."""

    __slots__ = ("_gone", "_kept", "_limit")

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._kept: list[Internal] = []
        self._gone = 0

    def add(self, one: Internal) -> None:
        """Keep one more. The oldest are dropped many at once: each costs the same, however many there are."""
        self._kept.append(one)
        if self._limit is not None and len(self._kept) > 2 * self._limit:
            self._sweep()

    def take(self, number: int) -> tuple[int, list[Internal]]:
        """Return how many from ``number`` on are dropped, and those that are not."""
        self._sweep()
        missed = max(0, self._gone - number)
        return missed, self._kept[number + missed - self._gone :]

    def place_behind(self, cursor: int | None) -> int:
        """Return the number of the first that came after the event at ``cursor``, or (``None``) is still there."""
        self._sweep()
        return self._gone + (0 if cursor is None else sum(one.before <= cursor for one in self._kept))

    def _sweep(self) -> None:
        beyond = 0 if self._limit is None else len(self._kept) - self._limit
        if beyond > 0:
            self._gone += beyond
            del self._kept[:beyond]
