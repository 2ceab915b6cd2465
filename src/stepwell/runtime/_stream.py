"""The stream of one run: a list that everybody reads with a cursor of their own, and that always ends.

Rule 1. Writing never waits and never fails for want of readers.
Rule 2. At most ``limit`` events are kept; a reader behind that edge gets one ``StreamGap`` for what it missed.
Rule 3. Input requests and what comes last are never dropped.
Rule 4. Whatever happens to the run, the stream is closed, and every reader comes to its end.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

from stepwell.core import record
from stepwell.errors import StreamCursorError
from stepwell.flow import Event, InputRequiredEvent, InternalDispatchEvent, StreamGap

EventT_co = TypeVar("EventT_co", bound=Event, covariant=True)


class Origin(NamedTuple):
    """A child run that an event came through: the step that ran it, its workflow's name, its id."""

    step: str
    workflow: str
    run_id: str


@record(frozen=True)
class StreamItem(Generic[EventT_co]):
    """An event and its place: ``cursor`` can be given as ``after=`` to go on behind it.

    ``origin`` names the child runs that the event came through, outermost first: the last is the one that showed
    it. Empty for the run's own events.
    """

    cursor: int
    event: EventT_co
    origin: tuple[Origin, ...] = ()


NO_ORIGINS: dict[int, tuple[Origin, ...]] = {}
"""Shared by all streams that nothing was forwarded to; never written."""


def _nothing() -> None:
    """Stands in where nobody wants to know that a reader came to the end."""


class EventStream:
    """What one run shows to whoever listens.

    The driver sets ``expecting`` while bodies are to begin in the loop's next turn. ``woke`` says that a reader was
    woken since the driver last set it to ``False``. ``read_out`` is called when a reader has come to the end.
    """

    __slots__ = (
        "_asked",
        "_base",
        "_events",
        "_full_at",
        "_has_internal",
        "_limit",
        "_loop",
        "_origins",
        "_pinned",
        "_waiters",
        "_watched",
        "closed",
        "expecting",
        "read_out",
        "woke",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int | None) -> None:
        self._loop = loop
        self._limit = limit
        self._events: list[Event] = []
        self._base = 0
        self._pinned: tuple[StreamItem[Event], ...] = ()
        self._asked: set[int] | None = None
        self._origins = NO_ORIGINS
        self._waiters: list[asyncio.Future[None]] | None = None
        self._full_at = sys.maxsize if limit is None else 2 * limit
        self._watched = False
        self.closed = False
        self.read_out: Callable[[], object] = _nothing
        self.woke = False
        self.expecting = False
        self._has_internal = False

    @property
    def end(self) -> int:
        """The cursor that the next event will have."""
        return self._base + len(self._events)

    def restore(self, end: int, questions: list[StreamItem[Event]]) -> None:
        """Begin where another stream of the run stood: its cursors go on, and its open questions are kept."""
        self._base = end
        self._pinned = tuple(questions)

    def conclude(self, question: object) -> None:
        """Note that the wait is over that asked a question; it is there as long as the stream: its id stays its own."""
        if isinstance(question, InputRequiredEvent):
            self._asked = self._asked or set()
            self._asked.add(id(question))

    def is_concluded(self, question: Event) -> bool:
        """Return whether a wait had asked a question, and is over."""
        return self._asked is not None and id(question) in self._asked

    def newest_first(self) -> Iterator[StreamItem[Event]]:
        """Yield what is still there, from the end."""
        for place in range(len(self._events) - 1, -1, -1):
            yield self._item(self._base + place, self._events[place])
        yield from reversed(self._pinned)

    def write(self, event: Event) -> None:
        """Add an event and wake who waits for it. After the end it is dropped."""
        if self.closed:
            return
        events = self._events
        events.append(event)
        if len(events) > self._full_at:
            self._sweep()
        if self._waiters is not None or self._watched:
            self._wake()

    def write_internal(self, event: InternalDispatchEvent) -> None:
        """Add an event that only consumers who asked for such events see."""
        self._has_internal = True
        self.write(event)

    def write_from(self, event: Event, origin: tuple[Origin, ...]) -> bool:
        """Add an event that a child run shows; return whether that woke somebody."""
        if self.closed:
            return False
        if self._origins is NO_ORIGINS:
            self._origins = {}
        self._origins[self.end] = origin
        if isinstance(event, InternalDispatchEvent):
            self._has_internal = True
        is_awaited = self._waiters is not None or self._watched
        EventStream.write(self, event)  # not the child's own way of writing, which tells the runs above
        return is_awaited

    def close(self, last: Event) -> None:
        """Add the last event and end the stream for everybody."""
        if self.closed:
            return
        self.write(last)
        self.closed = True

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, None
        self._watched = False
        self.woke = True
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    def _trim(self, keep: int) -> None:
        """Drop the oldest but for input requests. Doing it for many at once keeps each write O(1)."""
        gone = len(self._events) - keep
        pinned = [
            self._item(self._base + place, event)
            for place, event in enumerate(self._events[:gone])
            if isinstance(event, InputRequiredEvent)
        ]
        if pinned:
            self._pinned = (*self._pinned, *pinned)
        del self._events[:gone]
        self._base += gone
        if self._origins:  # a new dictionary: readers go on with the one they have
            self._origins = {cursor: origin for cursor, origin in self._origins.items() if cursor >= self._base}

    def _item(self, cursor: int, event: Event) -> StreamItem[Event]:
        return StreamItem(cursor, event, self._origins.get(cursor, ()))

    def _edge(self) -> int:
        """Return the first cursor within the limit; what is before it counts as gone, swept or not."""
        return self._base if self._limit is None else max(self._base, self.end - self._limit)

    def _sweep(self) -> int:
        """Drop what is beyond the limit, and return the first cursor still there."""
        if self._limit is not None and len(self._events) > self._limit:
            self._trim(self._limit)
        return self._base

    async def read(
        self, *, after: int | None = None, internal: bool = False
    ) -> AsyncGenerator[StreamItem[Event], None]:
        """Yield items behind ``after``, or from the first event still there, until the stream ends."""
        if after is None:
            cursor = self._sweep()
            for item in self._pinned:
                yield item
        else:
            cursor = self._behind(after)
        while True:
            instead: list[StreamItem[Event]] = []
            if cursor < self._edge():
                instead = self._gap(cursor)
                cursor = self._base
            batch = self._events[cursor - self._base :]  # taken before the reader goes on: the edge moves while it does
            origins = self._origins
            for item in instead:
                yield item
            for event in batch:
                if self._is_for(event, internal):
                    yield StreamItem(cursor, event, origins.get(cursor, ())) if origins else StreamItem(cursor, event)
                cursor += 1
            if cursor >= self.end:
                if self.closed:
                    self.read_out()
                    return
                await self._more()

    def _behind(self, cursor: int) -> int:
        if type(cursor) is not int or not -1 <= cursor < self.end:
            raise StreamCursorError(cursor=cursor, end=self.end)
        return cursor + 1

    def _is_for(self, event: Event, internal: bool) -> bool:
        return internal or not self._has_internal or not isinstance(event, InternalDispatchEvent)

    def _gap(self, cursor: int) -> list[StreamItem[Event]]:
        """Return what a reader at ``cursor``, behind the edge, gets instead of what is gone."""
        first = self._sweep()
        kept = [item for item in self._pinned if cursor <= item.cursor]
        missed = first - cursor - len(kept)
        return [StreamItem(first - 1, StreamGap(missed=missed)), *kept] if missed else kept

    async def events(self, *, after: int | None = None, internal: bool = False) -> AsyncGenerator[Event, None]:
        """Yield the events of ``read``; the common case without an item for each."""
        if after is not None or self._edge():
            async for item in self.read(after=after, internal=internal):
                yield item.event
            return
        cursor = 0
        while cursor >= self._edge():
            batch = self._events[cursor - self._base :]
            if self._has_internal and not internal:
                batch_seen = [event for event in batch if not isinstance(event, InternalDispatchEvent)]
            else:
                batch_seen = batch
            for event in batch_seen:
                yield event
            cursor += len(batch)
            if cursor >= self.end:
                if self.closed:
                    self.read_out()
                    return
                await self._more()
        async for item in self.read(after=cursor - 1, internal=internal):
            yield item.event

    def lose(self, last: Event) -> None:
        """Add the last event of a run whose loop is closed: there is nobody to wake."""
        self._waiters = None
        self.close(last)

    async def _more(self) -> None:
        if self.expecting:  # the loop's next turn may bring something: half the price of a future
            self._watched = True
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = self._loop.create_future()
        if self._waiters is None:
            self._waiters = []
        self._waiters.append(waiter)
        await waiter
