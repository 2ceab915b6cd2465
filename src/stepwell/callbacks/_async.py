"""AsyncCallbackHandler: a handler whose methods are coroutines, fed through a bounded queue of its own."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from stepwell.callbacks._handler import BaseCallbackHandler
from stepwell.callbacks._mailbox import Mailbox, Overflow
from stepwell.callbacks._schema import CBEventType

DEFAULT_MAX_QUEUE: Final = 2048


class AsyncCallbackHandler(BaseCallbackHandler):
    """The base of handlers that have to await something. Override the ``a…`` methods that you need.

    The program never waits for it: what happens is queued, and told in order by one task. If more than ``max_queue``
    items wait, ``overflow`` decides (``"drop_oldest"``, ``"drop_newest"``, or ``"block"``, which makes other threads
    wait) and ``dropped`` counts. What it raises is logged and counted; it comes too late to veto anything.
    """

    def __init__(
        self,
        event_starts_to_ignore: Sequence[CBEventType] = (),
        event_ends_to_ignore: Sequence[CBEventType] = (),
        *,
        max_queue: int = DEFAULT_MAX_QUEUE,
        overflow: Overflow = "drop_oldest",
    ) -> None:
        super().__init__(event_starts_to_ignore, event_ends_to_ignore)
        self._mailbox = Mailbox(type(self).__qualname__, max_queue, overflow)

    @property
    def dropped(self) -> int:
        """How many items were dropped because too many waited, or because it was shut down."""
        return self._mailbox.dropped

    @property
    def errors(self) -> int:
        """How many of its calls failed."""
        return self._mailbox.errors

    async def aon_event_start(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str = "",
        parent_id: str = "",
        **kwargs: Any,
    ) -> None:
        """An event has started, a moment ago."""

    async def aon_event_end(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str = "",
        **kwargs: Any,
    ) -> None:
        """An event has ended, a moment ago."""

    async def astart_trace(self, trace_id: str | None = None) -> None:
        """An outermost trace has started, a moment ago."""

    async def aend_trace(self, trace_id: str | None = None, trace_map: dict[str, list[str]] | None = None) -> None:
        """An outermost trace has ended, a moment ago."""

    async def aflush(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - the answer is whether it was enough
        """Wait until all that has happened so far is told; ``False`` if that took more than ``timeout`` seconds."""
        return await self._mailbox.aflush(timeout)

    def shutdown(self, timeout: float = 5.0) -> bool:
        """Tell what waits, and take nothing more; ``False`` if that took more than ``timeout`` seconds.

        For code outside an event loop, or in another thread than the loop; in a loop, await `aflush`.
        """
        return self._mailbox.shutdown(timeout)

    def on_event_start(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str = "",
        parent_id: str = "",
        **kwargs: Any,
    ) -> str:
        """Queue the news."""
        self._mailbox.put(partial(self.aon_event_start, event_type, payload, event_id, parent_id, **kwargs))
        return event_id

    def on_event_end(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str = "",
        **kwargs: Any,
    ) -> None:
        """Queue the news."""
        self._mailbox.put(partial(self.aon_event_end, event_type, payload, event_id, **kwargs))

    def start_trace(self, trace_id: str | None = None) -> None:
        """Queue the news."""
        self._mailbox.put(partial(self.astart_trace, trace_id))

    def end_trace(
        self,
        trace_id: str | None = None,
        trace_map: dict[str, list[str]] | None = None,
    ) -> None:
        """Queue the news."""
        self._mailbox.put(partial(self.aend_trace, trace_id, trace_map))
