"""The ``with`` forms: an event, and a trace. Each ends exactly what it began, whatever happens inside."""

import time
from collections.abc import Mapping
from contextlib import ContextDecorator
from types import TracebackType
from typing import Any, Final

from stepwell.callbacks import _ids
from stepwell.callbacks._schema import CBEventType
from stepwell.callbacks._span import RemoteParent, Scope, Span, Stream, Trace
from stepwell.callbacks._tracing import Tracer
from stepwell.errors import CallbackArgumentError

UPDATE_INTERVAL_NS: Final = 100_000_000
"""Handlers that listen for updates hear of the chunks of one event at most ten times a second."""


class EventContext(ContextDecorator):
    """One event of a manager: a context manager, or a pair of calls to ``on_start`` and ``on_end``."""

    def __init__(
        self,
        callback_manager: Tracer,
        event_type: CBEventType,
        event_id: str | None = None,
        payload: dict[str, Any] | None = None,
    ) -> None:
        self._callback_manager = callback_manager
        self._event_type = event_type
        self._event_id = event_id or _ids.new_event_id()
        self._payload = payload
        self._span: Span | None = None
        self.started = False
        self.finished = False

    @property
    def event_id(self) -> str:
        """The id by which handlers know the event, and which children can name as their parent."""
        return self._event_id

    @property
    def span(self) -> Span | None:
        """The event as the manager knows it, once it has started."""
        return self._span

    def on_start(self, payload: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Start the event; if it has started, add ``payload`` to what is known about it.

        What is added reaches handlers with ``on_event_update`` at once, and every handler in the payload of the end.
        """
        if payload is not None:
            _check_payload(payload)
        if self.started:
            if payload and self._span is not None and not self.finished:
                self._span.learnt = {**(self._span.learnt or {}), **payload}
                self._callback_manager.tell_update(self._span, payload)
            return
        self.started = True
        parent_id = kwargs.pop("parent_id", None) if kwargs else None
        manager = self._callback_manager
        self._span = manager.place(self._event_type, self._event_id, parent_id)
        try:
            manager.begin(self._span, payload, kwargs)
        except BaseException:
            self.finished = True
            raise

    def on_chunk(self, chunk: str | int | None = None) -> None:
        """Take note that a piece of a stream has arrived.

        ``chunk`` is its text, which counts as one token as servers send them, or its exact number of tokens; ``None``
        counts a piece without tokens. The end payload gains ``time_to_first_chunk`` (seconds), ``chunk_count``, and
        ``tokens_per_second`` after the first chunk.
        """
        span = self._span
        if span is None or self.finished or not span.started_ns:
            return
        now = time.perf_counter_ns()
        stream = span.stream
        if stream is None:
            stream = span.stream = Stream(now)
        stream.take(chunk if isinstance(chunk, int) else 1 if chunk else 0, now)
        manager = self._callback_manager
        if now - stream.told_ns >= UPDATE_INTERVAL_NS:
            stream.told_ns = now
            manager.tell_update(span, stream.figures(span.started_ns))

    def on_end(self, payload: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """End the event; a second call changes nothing."""
        if payload is not None:
            _check_payload(payload)
        if self.finished:
            return
        self.finished = True
        manager = self._callback_manager
        if self._span is not None:
            failure = manager.complete(self._span, payload, kwargs)
        else:
            failure = manager.end_unknown(self._event_type, payload, self._event_id, kwargs)
        if failure is not None:
            raise failure

    def fail(self, error: BaseException) -> None:
        """End the event because of ``error``, as if it had left the ``with`` block; nothing is raised for it."""
        if self._span is not None and not self.finished:
            self.finished = True
            self._callback_manager.fail(self._span, error)

    def __enter__(self) -> "EventContext":
        self.on_start(self._payload)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.on_end()
        else:
            self.fail(error)

    def _recreate_cm(self) -> "EventContext":
        return EventContext(self._callback_manager, self._event_type, None, self._payload)


class TraceContext(ContextDecorator):
    """A trace for the length of a ``with`` block, which yields it."""

    def __init__(self, tracer: Tracer, name: str, remote: RemoteParent | None) -> None:
        if not isinstance(name, str):
            raise CallbackArgumentError(argument="trace_id", expected="a string", value=name)
        self._tracer = tracer
        self._name = name
        self._remote = remote
        self._scope: Scope | None = None

    def __enter__(self) -> Trace:
        self._scope = self._tracer.open_scope(self._name, self._remote)
        return self._scope.trace

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._scope is not None
        self._tracer.leave(self._scope, error)

    def _recreate_cm(self) -> "TraceContext":
        return TraceContext(self._tracer, self._name, self._remote)


def _check_payload(payload: object) -> None:
    if not isinstance(payload, Mapping):
        raise CallbackArgumentError(argument="payload", expected="a dictionary", value=payload)
