"""The bookkeeping of events and traces around the telling of handlers; every public way in leads through here.

The order of a start is: place the event in its context, its trace's map and the register; tell the handlers; make it
current. Of an end: tell the handlers, then let it go. The bookkeeping is complete before anything that a handler
raised is raised on: an event whose start was vetoed has ended by then, so every start that was told has its end.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from stepwell.callbacks import _ids
from stepwell.callbacks._dispatch import Dispatcher, ErrorPolicy, logger
from stepwell.callbacks._handler import BaseCallbackHandler
from stepwell.callbacks._schema import BASE_TRACE_EVENT, LEAF_EVENTS, CBEventType, EventPayload
from stepwell.callbacks._span import (
    ENDED,
    ENDING,
    MAX_OPEN_EVENTS,
    MAX_TRACE_EVENTS,
    OPEN,
    STARTING,
    Frame,
    RemoteParent,
    Scope,
    Span,
    Status,
    Trace,
    current,
    enclosing_scope,
    forget_oldest,
    let_go,
    open_spans,
    parent_of,
    standing,
)

LEAVES: Final = frozenset(LEAF_EVENTS)


def status_of(error: BaseException) -> Status:
    """What it means for an event that ``error`` passed through it."""
    if isinstance(error, (asyncio.CancelledError, KeyboardInterrupt, GeneratorExit)):
        return "cancelled"
    return "error"


class Tracer(Dispatcher):
    """Starts and ends events and traces in the context of the caller."""

    def __init__(self, handlers: Iterable[BaseCallbackHandler], on_handler_error: ErrorPolicy | None) -> None:
        super().__init__(handlers, on_handler_error)
        self._loose = Trace(self, is_implicit=True)
        self._last_map: dict[str, list[str]] | None = None

    def place(self, event_type: CBEventType, event_id: str | None, parent_id: str | None) -> Span:
        """A new event, put into the map of its trace and the register of open events."""
        up = current.get()
        # The common cases, inside an open event, right inside a trace and outside all, are decided without a call.
        if type(up) is Span and up.state < ENDED and ((outer := up.up) is None or outer.state != ENDED):
            around, scope, trace = up.id, up.scope, up.trace
        elif type(up) is Trace and up.state < ENDED:
            around, scope, trace = up.id, up, up
        elif up is None:
            around = BASE_TRACE_EVENT
            scope = trace = self._loose
            self._last_map = None
        else:
            up, around, scope, trace = self._look_around(up)
        if not parent_id:
            parent_id = around
        elif (named := open_spans.get(parent_id)) is not None and named.trace is not trace:
            scope, trace = named.scope, named.trace
        span = Span(event_id or _ids.new_event_id(), event_type, parent_id, up, scope, trace)
        if trace.listed < MAX_TRACE_EVENTS and trace.map:
            trace.listed += 1
            trace.map[parent_id].append(span.id)
        else:
            trace.record(span.id, parent_id)
        open_spans[span.id] = span
        if len(open_spans) > MAX_OPEN_EVENTS:
            forget_oldest()
        return span

    def _look_around(self, frame: Frame) -> tuple[Frame | None, str, Scope, Trace]:
        """What encloses code whose innermost frame has ended, or is only a name: frame, parent, name and trace."""
        up = standing(frame)
        # An ended frame between two open ones is taken out here, or a chain of such frames would stay alive.
        if up is not None and up.up is not None and up.up.state == ENDED:
            up.up = standing(up.up)
        parent = parent_of(up)
        scope = enclosing_scope(up)
        if isinstance(parent, Span):
            trace = parent.trace
        elif isinstance(parent, Trace):
            trace = parent
        else:
            trace = self._loose
            self._last_map = None
        if scope is None or scope.trace is not trace:
            scope = trace
        return up, BASE_TRACE_EVENT if parent is None else parent.id, scope, trace

    def begin(
        self,
        span: Span,
        payload: dict[str, Any] | None,
        extra: Mapping[str, Any] | None,
        *,
        is_current: bool = True,
    ) -> None:
        """Tell of the start of ``span``, and make it current if that is wanted and its type has children."""
        failure = None
        if self._handlers:
            span.started_ns = time.perf_counter_ns()
            failure = self.tell_start(span, payload, extra)
        if span.state == STARTING:  # a handler may have ended it already
            span.state = OPEN
            if is_current and span.event_type not in LEAVES:
                current.set(span)
        if failure is not None:
            self.veto(span, failure)

    def veto(self, span: Span, failure: BaseException) -> None:
        """End ``span``, whose start a handler refused, and raise the refusal."""
        span.status = "vetoed"
        span.error = failure
        self._note(span, failure)
        _log(self.complete(span, {EventPayload.EXCEPTION: failure, "status": "vetoed"}, None))
        raise failure

    def complete(
        self, span: Span, payload: dict[str, Any] | None, extra: Mapping[str, Any] | None
    ) -> BaseException | None:
        """End ``span`` if it is open; return what a handler raised that has to reach the program."""
        if span.state >= ENDING:
            return None
        failure = None
        if payload and span.error is None and EventPayload.EXCEPTION in payload:
            self._take_error(span, payload[EventPayload.EXCEPTION])
        if self._handlers:
            span.state = ENDING
            if span.started_ns:
                span.ended_ns = time.perf_counter_ns()
            if span.learnt is not None or span.stream is not None:
                payload = span.end_payload(payload)
            failure = self.tell_end(span.event_type, span.id, payload, extra)
        let_go(span)
        return failure

    def _take_error(self, span: Span, error: object) -> None:
        """Learn from a caller's own end payload that the event failed."""
        if isinstance(error, BaseException):
            span.error = error
            if span.status == "ok":
                span.status = status_of(error)

    def fail(self, span: Span, error: BaseException) -> None:
        """End ``span`` because ``error`` passes through it; ``error`` stays what the program sees."""
        span.status = status_of(error)
        _log(self.complete(span, self.failure_payload(span, error), None))

    def failure_payload(self, span: Span, error: BaseException) -> dict[str, Any] | None:
        """The end payload for ``error``: only the innermost event carries the exception, as handlers expect."""
        span.error = error
        is_told = isinstance(error, GeneratorExit) or span.has_noted(error)  # a closed generator is no failure
        payload: dict[str, Any] = {} if is_told else {EventPayload.EXCEPTION: error}
        if span.status != "error":
            payload["status"] = span.status
        self._note(span, error)
        return payload or None

    def _note(self, frame: Frame, error: BaseException) -> None:
        around = standing(frame.up)
        if around is not None:
            around.note_error(error)

    def end_unknown(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None,
        event_id: str | None,
        extra: Mapping[str, Any] | None,
    ) -> BaseException | None:
        """Tell of an end without a start: its payload may still matter to a handler; the bookkeeping stays."""
        self.stats.count_unmatched_end()
        return self.tell_end(event_type, event_id or _ids.new_event_id(), payload, extra)

    def open_scope(
        self,
        name: str,
        remote: RemoteParent | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Scope:
        """Start a trace in this context; inside another trace, only a name in it."""
        up = standing(current.get())
        outer = enclosing_scope(up)
        if outer is not None and not outer.trace.is_implicit:
            scope = Scope(name, up, outer)
            scope.attributes = attributes or scope.attributes
            current.set(scope)
            return scope
        self._loose = Trace(self, is_implicit=True)
        trace = Trace(self, name, up, remote=remote)
        self._last_map = trace.map
        trace.attributes = attributes or trace.attributes
        current.set(trace)
        failure = self.tell_trace_start(name)
        trace.state = OPEN
        if failure is not None:
            trace.status = "vetoed"
            self.close_scope(trace, failure)
            raise failure
        return trace

    def close_scope(self, scope: Scope, error: BaseException | None = None) -> BaseException | None:
        """End ``scope`` if it is open; return what a handler raised that has to reach the program.

        An exception that no event has reported is reported by an EXCEPTION event of its own.
        """
        if scope.state in (ENDING, ENDED):
            return None
        if error is not None:
            self._report(scope, error)
        if not isinstance(scope, Trace):
            scope.state = ENDED
            if current.get() is scope:
                current.set(standing(scope.up))
            return None
        scope.state = ENDING
        failure = self.tell_trace_end(scope)
        scope.state = ENDED
        scope.noted = None
        self._last_map = scope.map
        frame = current.get()
        while frame is not None and frame is not scope:
            frame = frame.up
        if frame is scope:
            current.set(standing(scope.up))
        return failure

    def leave(self, scope: Scope, error: BaseException | None) -> None:
        """End ``scope`` because its block ends, by ``error`` or without; ``error`` stays what the program sees."""
        failure = self.close_scope(scope, error)
        if error is not None:
            _log(failure)
        elif failure is not None:
            raise failure

    def _report(self, scope: Scope, error: BaseException) -> None:
        scope.error = error
        if scope.status == "ok":
            scope.status = status_of(error)
        if isinstance(error, Exception) and scope.status in ("error", "timeout") and not scope.has_noted(error):
            span = self.place(CBEventType.EXCEPTION, None, None)
            payload: dict[str, Any] = {EventPayload.EXCEPTION: error}
            span.status = "error"
            span.error = error
            _log(self.tell_start(span, payload, None))
            span.state = OPEN
            _log(self.complete(span, None, None))
        self._note(scope, error)


def _log(failure: BaseException | None) -> None:
    """Log what a handler raised at an end that is a failure anyway: the program's own exception goes on its way."""
    if failure is None:
        return
    if not isinstance(failure, Exception):
        raise failure
    logger.error("a callback handler refused what had failed already", exc_info=failure)
