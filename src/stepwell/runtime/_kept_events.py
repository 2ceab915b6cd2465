"""The events that a stream keeps: a list that everybody reads with a cursor of their own.

Rule 1. At most ``limit`` events are kept; a reader behind that edge gets one ``StreamGap`` for what it missed.
Rule 2. Input requests are never dropped.
Rule 3. What the only reader has passed is put by, as values: see ``_backlog.py``.
"""

import itertools
import sys
from collections.abc import Iterator, Sequence
from typing import Generic, TypeAlias, TypeVar

from stepwell.core import record
from stepwell.errors import StreamCursorError
from stepwell.flow import Event, InputRequiredEvent, StreamGap
from stepwell.runtime._backlog import BLOCK, Backlog, Batch
from stepwell.runtime._origins import Origin

EventT_co = TypeVar("EventT_co", bound=Event, covariant=True)


@record(frozen=True)
class StreamItem(Generic[EventT_co]):
    """An event and its place: ``cursor`` can be given as ``after=`` to go on behind it.

    ``origin`` names the child runs that the event came through, outermost first: the last is the one that showed
    it. Empty for the run's own events.
    """

    cursor: int
    event: EventT_co
    origin: tuple[Origin, ...] = ()


Events: TypeAlias = list[Event] | Batch

BLOCKS_AT_ONCE = 4
"""How many are put by before a reader goes on: it must not wait long, however much it read at once."""

NO_ORIGINS: dict[int, tuple[Origin, ...]] = {}
"""Shared by all streams that nothing was forwarded to; never written."""


class KeptEvents:
    """What is kept for readers, and what each of them gets. ``readers`` is how many there have been."""

    __slots__ = ("_base", "_events", "_full_at", "_limit", "_older", "_origins", "_pinned", "readers")

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._full_at = sys.maxsize if limit is None else 2 * limit
        self._events: list[Event] = []
        self._base = 0  # the cursor of the first of them
        self._older: Backlog | None = None
        self._pinned: tuple[StreamItem[Event], ...] = ()
        self._origins = NO_ORIGINS
        self.readers = 0

    @property
    def end(self) -> int:
        """The cursor that the next event will have."""
        return self._base + len(self._events)

    def restore(self, end: int, questions: list[StreamItem[Event]]) -> None:
        """Begin where another stream of the run stood: its cursors go on, and its open questions are kept."""
        self._base = end
        self._pinned = tuple(questions)

    def newest_first(self) -> Iterator[StreamItem[Event]]:
        """Yield what is still there as it was shown, from the end; among it are all questions."""
        for place in range(len(self._events) - 1, -1, -1):
            yield self._item(self._base + place, self._events[place])
        if self._older is not None:
            yield from (self._item(cursor, event) for cursor, event in self._older.whole())
        yield from reversed(self._pinned)

    def _trim(self, keep: int) -> None:
        """Drop the oldest but for input requests. Doing it for many at once keeps each write O(1)."""
        gone = self.end - self._first - keep
        dropped: list[tuple[int, Event]] = []
        if self._older is not None:
            put_by = min(gone, self._older.count)
            dropped = self._older.drop(put_by)
            gone -= put_by
            self._count_older()
        dropped.extend(enumerate(self._events[:gone], self._base))
        pinned = [self._item(cursor, event) for cursor, event in dropped if isinstance(event, InputRequiredEvent)]
        if pinned:
            self._pinned = (*self._pinned, *pinned)
        del self._events[:gone]
        self._base += gone
        if self._origins:  # a new dictionary: readers go on with the one they have
            first = self._first
            self._origins = {cursor: origin for cursor, origin in self._origins.items() if cursor >= first}

    def _put_by(self, cursor: int) -> None:
        """Put what its reader has passed into blocks, but for the last that it got, which it may still hold."""
        if self._older is None:
            self._older = Backlog(self._base)
        for _ in range(BLOCKS_AT_ONCE):
            if cursor - self._base <= BLOCK:
                break
            block = self._events[:BLOCK]
            del self._events[:BLOCK]
            self._base += BLOCK
            self._older.add(block)
        self._count_older()

    def _count_older(self) -> None:
        """Let the list be swept in time; nothing is kept of a backlog that is empty."""
        assert self._older is not None
        if self._limit is not None:
            self._full_at = 2 * self._limit - self._older.count
        if not self._older.count:
            self._older = None

    def _item(self, cursor: int, event: Event) -> StreamItem[Event]:
        return StreamItem(cursor, event, self._origins.get(cursor, ()))

    @property
    def _first(self) -> int:
        """The first cursor still there."""
        return self._base if self._older is None else self._older.first

    def _edge(self) -> int:
        """Return the first cursor within the limit; what is before it counts as gone, swept or not."""
        return self._first if self._limit is None else max(self._first, self.end - self._limit)

    def _sweep(self) -> int:
        """Drop what is beyond the limit, and return the first cursor still there."""
        older = self._older  # ``_first`` and ``end`` without their calls: each new reader comes here
        first = self._base if older is None else older.first
        if self._limit is not None and self._base + len(self._events) - first > self._limit:
            self._trim(self._limit)
            first = self._first
        return first

    def take(self, cursor: int | None) -> tuple[Sequence[StreamItem[Event]], int, Events]:
        """Return what a reader at ``cursor`` gets instead of what is gone, a cursor, and the events from there on.

        ``None`` for a reader that comes late: it begins with the input requests, and the first event still there.
        """
        instead: Sequence[StreamItem[Event]] = ()
        if cursor is None:
            cursor = self._sweep()
            instead = self._pinned
        elif cursor < self._edge():
            instead = self._gap(cursor)
            cursor = self._first
        elif cursor - self._base > BLOCK and self.readers == 1:
            self._put_by(cursor)
        if self._older is None or cursor >= self._base:
            return instead, cursor, self._events[cursor - self._base :]
        return instead, cursor, self._older.since(cursor, self._events[:])

    def items(self, cursor: int, events: Events) -> Iterator[StreamItem[Event]]:
        """Return events as items, the first at ``cursor``."""
        origins = self._origins  # as it is now: who reads on slowly still finds what is swept meanwhile
        if not origins:
            return map(StreamItem, itertools.count(cursor), events)
        return (StreamItem(place, event, origins.get(place, ())) for place, event in enumerate(events, cursor))

    def behind(self, cursor: int) -> int:
        """Return where a reader goes on behind ``cursor``. Raises ``StreamCursorError``."""
        if type(cursor) is not int or not -1 <= cursor < self.end:
            raise StreamCursorError(cursor=cursor, end=self.end)
        return cursor + 1

    def _gap(self, cursor: int) -> list[StreamItem[Event]]:
        """Return what a reader at ``cursor``, behind the edge, gets instead of what is gone."""
        first = self._sweep()
        kept = [item for item in self._pinned if cursor <= item.cursor]
        missed = first - cursor - len(kept)
        return [StreamItem(first - 1, StreamGap(missed=missed)), *kept] if missed else kept
