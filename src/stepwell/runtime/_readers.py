"""Consumers of a run's stream, each with a place of its own.

Rule 1. A reader takes what is there in one go; what is dropped from the stream then, it still gets.
Rule 2. A wait for the next event that is cancelled, as by a time limit, loses nothing: the reader goes on behind the
        last one that it gave. (An async generator is over after that; and one that is left early costs a task.)
Rule 3. Tasks that share a reader share its events: each goes to one of them.
Rule 4. Who asked for internal events gets them between those of the stream, where they happened.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

from stepwell.flow import Event, StreamGap
from stepwell.runtime._kept_events import Events, StreamItem
from stepwell.runtime._stream import EventStream

ItemT_co = TypeVar("ItemT_co", covariant=True)
Items = Iterable[StreamItem[Event]]

NONE_YET: Iterator[Any] = iter(())
"""What all readers begin with: an iterator at its end stays there."""


class StreamReader(Generic[ItemT_co]):
    """What ``async for`` goes through; the item is an event here, or has its cursor too."""

    __slots__ = ("_batch", "_cursor", "_stream", "_with_internal")

    def __init__(self, stream: EventStream, after: int | None, internal: bool) -> None:
        self._stream: EventStream | None = stream
        stream.readers += 1
        self._cursor = None if after is None else stream.behind(after)
        self._with_internal: _WithInternal | None = _WithInternal(after) if internal else None
        self._batch: Iterator[ItemT_co] = NONE_YET

    def __aiter__(self) -> "StreamReader[ItemT_co]":
        return self

    async def __anext__(self) -> ItemT_co:
        for item in self._batch:
            return item
        while (stream := self._stream) is not None:
            if not self._refill(stream):
                if stream.closed:
                    stream.read_out()
                    break
                await stream.more()
            for item in self._batch:  # perhaps of what another task took meanwhile
                return item
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Read no further."""
        self._stream = None
        self._batch = NONE_YET

    def _refill(self, stream: EventStream) -> bool:
        """Take what is new; return whether there is anything."""
        instead, cursor, events = stream.take(self._cursor)
        self._cursor = cursor + len(events)
        if self._with_internal is not None:
            items = self._with_internal.merged(stream, [*instead, *stream.items(cursor, events)])
            self._batch = self._chosen(items)
            return bool(items)
        if instead:
            self._batch = self._chosen([*instead, *stream.items(cursor, events)])
        elif events:
            self._batch = self._all(stream, cursor, events)
        return bool(instead or events)

    def _chosen(self, items: Items) -> Iterator[ItemT_co]:
        raise NotImplementedError  # abstract: what of an item is given

    def _all(self, stream: EventStream, cursor: int, events: Events) -> Iterator[ItemT_co]:
        """Return what is given of events that follow one another: the common case."""
        return self._chosen(stream.items(cursor, events))


class EventReader(StreamReader[Event]):
    """Gives the events themselves."""

    __slots__ = ()

    def _chosen(self, items: Items) -> Iterator[Event]:
        return iter([item.event for item in items])

    def _all(self, stream: EventStream, cursor: int, events: Events) -> Iterator[Event]:
        return iter(events)


class ItemReader(StreamReader[StreamItem[Event]]):
    """Gives each event with its cursor, and where it comes from. Internal ones have that of the event before them."""

    __slots__ = ()

    def _chosen(self, items: Items) -> Iterator[StreamItem[Event]]:
        return iter(items)


class _WithInternal:
    """The place of a reader among the internal events of a stream."""

    __slots__ = ("_after", "_number")

    def __init__(self, after: int | None) -> None:
        self._after = after
        self._number: int | None = None  # known when it begins to read

    def merged(self, stream: EventStream, items: list[StreamItem[Event]]) -> list[StreamItem[Event]]:
        """Return ``items`` with the internal events that are new, each before what came after it."""
        ring = stream.internal
        if self._number is None:
            self._number = 0 if ring is None else ring.place_behind(self._after)
        if ring is None:
            return items
        missed, new = ring.take(self._number)
        self._number += missed + len(new)
        found: list[StreamItem[Event]] = []
        if missed:
            found.append(StreamItem((new[0].before if new else stream.end) - 1, StreamGap(missed=missed)))
        shown = 0
        for item in items:
            while shown < len(new) and new[shown].before <= item.cursor:
                found.append(StreamItem(new[shown].before - 1, new[shown].event, new[shown].origin))
                shown += 1
            found.append(item)
        found.extend(StreamItem(one.before - 1, one.event, one.origin) for one in new[shown:])
        return found
