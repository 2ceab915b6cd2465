"""Consumers of a run's stream, each with a place of its own.

Rule 1. A reader takes what is there in one go; what is dropped from the stream then, it still gets.
Rule 2. A wait for the next event that is cancelled, as by a time limit, loses nothing: the reader goes on behind the
        last one that it gave. (An async generator is over after that; and one that is left early costs a task.)
Rule 3. Tasks that share a reader share its events: each goes to one of them.
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

from stepwell.flow import Event, InternalDispatchEvent
from stepwell.runtime._stream import EventStream, StreamItem

ItemT_co = TypeVar("ItemT_co", covariant=True)


class StreamReader(Generic[ItemT_co]):
    """What ``async for`` goes through; the item is an event here, or has its cursor too."""

    __slots__ = ("_batch", "_cursor", "_internal", "_stream")

    def __init__(self, stream: EventStream, *, after: int | None = None, internal: bool = False) -> None:
        self._stream: EventStream | None = stream
        self._cursor = None if after is None else stream.behind(after)
        self._internal = internal
        self._batch: Iterator[ItemT_co] = iter(())

    def __aiter__(self) -> "StreamReader[ItemT_co]":
        return self

    async def __anext__(self) -> ItemT_co:
        for item in self._batch:
            return item
        return await self._next()

    async def aclose(self) -> None:
        """Read no further."""
        self._stream = None
        self._batch = iter(())

    async def _next(self) -> ItemT_co:
        while (stream := self._stream) is not None:
            instead, cursor, events = stream.take(self._cursor)
            self._cursor = cursor + len(events)
            if instead or events:
                self._batch = self._chosen(stream, instead, cursor, events)
            elif stream.closed:
                stream.read_out()
                break
            else:
                await stream.more()
            for item in self._batch:  # perhaps of what another task took meanwhile
                return item
        raise StopAsyncIteration

    def _chosen(
        self, stream: EventStream, instead: list[StreamItem[Event]], cursor: int, events: list[Event]
    ) -> Iterator[ItemT_co]:
        raise NotImplementedError  # abstract: what an item is


class EventReader(StreamReader[Event]):
    """Gives the events themselves."""

    __slots__ = ()

    def _chosen(
        self, stream: EventStream, instead: list[StreamItem[Event]], cursor: int, events: list[Event]
    ) -> Iterator[Event]:
        if instead:
            events = [*(item.event for item in instead), *events]
        if stream.has_internal and not self._internal:
            return iter([event for event in events if not isinstance(event, InternalDispatchEvent)])
        return iter(events)


class ItemReader(StreamReader[StreamItem[Event]]):
    """Gives each event with its cursor, and where it comes from."""

    __slots__ = ()

    def _chosen(
        self, stream: EventStream, instead: list[StreamItem[Event]], cursor: int, events: list[Event]
    ) -> Iterator[StreamItem[Event]]:
        items = [*instead, *stream.items(cursor, events)]
        if stream.has_internal and not self._internal:
            return iter([item for item in items if not isinstance(item.event, InternalDispatchEvent)])
        return iter(items)
