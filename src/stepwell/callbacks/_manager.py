"""CallbackManager: the surface that programs call. What it does about events and traces is in `Tracer`."""

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextvars import Context
from typing import Any

from pydantic_core import CoreSchema, core_schema

from stepwell.callbacks._async import AsyncCallbackHandler
from stepwell.callbacks._defaults import defaults
from stepwell.callbacks._dispatch import ErrorPolicy
from stepwell.callbacks._event import EventContext, TraceContext
from stepwell.callbacks._handler import BaseCallbackHandler, checked_handlers
from stepwell.callbacks._schema import CBEventType
from stepwell.callbacks._span import (
    ENDED,
    ENDING,
    OPEN,
    RemoteParent,
    Scope,
    Span,
    Status,
    Trace,
    current,
    current_trace,
    enclosing_scope,
    let_go,
    open_spans,
    standing,
)
from stepwell.callbacks._tracing import LEAVES, Tracer
from stepwell.errors import CallbackArgumentError, DuplicateHandlerError, UnknownEventTypeError


class CallbackManager(Tracer, BaseCallbackHandler):
    """Tells handlers of the events and traces of a program.

    One manager serves any number of threads and tasks at once: what is running is kept in the context of the code,
    not on the manager. A manager can itself be a handler of another.

    Without ``handlers``, those of the global manager are taken (a copy); the global handler, if there is one, is
    always added. ``on_handler_error`` says what becomes of exceptions that handlers raise: ``"log"`` keeps them from
    the program, ``"raise"`` raises the first, after all handlers were told; ``None`` is the default of the process.

    Raises:
        NotAHandlerError: one of ``handlers`` is no handler.
        DuplicateHandlerError: one of ``handlers`` has the very class of the global handler.
    """

    def __init__(
        self,
        handlers: Iterable[BaseCallbackHandler] | None = None,
        *,
        on_handler_error: ErrorPolicy | None = None,
    ) -> None:
        mine = checked_handlers(handlers or ())
        global_handler, global_manager = defaults.read()
        if global_handler is not None and not any(handler is global_handler for handler in mine):
            if any(type(handler) is type(global_handler) for handler in mine):
                raise DuplicateHandlerError(handler_type=type(global_handler))
            mine.append(global_handler)
        if not mine and global_manager is not None:
            mine = list(global_manager.handlers)
        super().__init__(mine, on_handler_error)

    # Events

    def on_event_start(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str | None = None,
        parent_id: str | None = None,
        **kwargs: Any,
    ) -> str:
        """Start an event and return its id.

        Its parent is ``parent_id``, or the innermost open event of this context, or ``"root"``.
        """
        if type(event_type) is not CBEventType:
            event_type = _member(event_type)
        if payload is not None or event_id is not None or parent_id is not None:
            _check(payload, event_id, parent_id)
        span = self.place(event_type, event_id, parent_id)
        if self._handlers:
            self.begin(span, payload, kwargs)
        else:
            span.state = OPEN
            if event_type not in LEAVES:
                current.set(span)
        return span.id

    def on_event_end(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        """End the event with this id, wherever it was started; without an id, the innermost open one of this type.

        An end that finds no open event is counted, told to the handlers, and changes nothing else.
        """
        if type(event_type) is not CBEventType:
            event_type = _member(event_type)
        if payload is not None or event_id is not None:
            _check(payload, event_id, None)
        span = open_spans.get(event_id) if event_id else _innermost(event_type)
        if span is None:
            _relay(self.end_unknown(event_type, payload, event_id, kwargs))
        elif self._handlers:
            _relay(self.complete(span, payload, kwargs))
        else:
            let_go(span)

    def event(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str | None = None,
    ) -> EventContext:
        """An event for the length of a ``with`` block; it ends with the exception, if one leaves the block."""
        if type(event_type) is not CBEventType:
            event_type = _member(event_type)
        if payload is not None or event_id is not None:
            _check(payload, event_id, None)
        return EventContext(self, event_type, event_id, payload)

    # Traces

    def as_trace(self, trace_id: str, *, remote: RemoteParent | None = None) -> TraceContext:
        """A trace for the length of a ``with`` block; inside another trace, only a name in it.

        ``remote`` is an event of another process under which the trace hangs (see `extract`).
        """
        return TraceContext(self, trace_id, remote)

    def start_trace(self, trace_id: str | None = None) -> None:
        """Start a trace in this context; inside another trace, only a name in it. ``None`` does nothing."""
        if trace_id is None:
            return
        if not isinstance(trace_id, str):
            raise CallbackArgumentError(argument="trace_id", expected="a string", value=trace_id)
        self.open_scope(trace_id)

    def end_trace(self, trace_id: str | None = None, trace_map: dict[str, list[str]] | None = None) -> None:
        """End what `start_trace` began under this name in this context; the innermost, if none has the name.

        Handlers are told when the last name has ended. ``trace_map`` is ignored: the manager knows the map.
        """
        if trace_id is None:
            return
        scope = enclosing_scope(standing(current.get()))
        if scope is None or scope.trace.is_implicit:
            self.stats.count_unmatched_end()
            return
        named: Scope | None = scope
        while named is not None and (named.name != trace_id or named.state == ENDED):
            named = named.outer
        named = named or scope
        trace = scope.trace
        if named is trace and scope is not trace:
            trace.name_ended = True
            return
        _relay(self.close_scope(named))
        if trace.name_ended and enclosing_scope(standing(current.get())) is trace:
            _relay(self.close_scope(trace))

    @property
    def trace_map(self) -> dict[str, list[str]]:
        """The children of each event of the running trace; outside a trace, of the last one that ended."""
        trace = current_trace()
        if trace is not None:
            return trace.map
        return self._loose.map if self._last_map is None else self._last_map

    def _reset_trace_events(self) -> None:
        """Forget the last trace, and leave the running one in this context without ending it."""
        self._loose = Trace(self, is_implicit=True)
        self._last_map = None
        current.set(None)

    # For engines, which run code in contexts of their own

    def open_trace(
        self,
        name: str,
        *,
        context: Context | None = None,
        attributes: Mapping[str, Any] | None = None,
        remote: RemoteParent | None = None,
    ) -> Scope:
        """Start a trace in ``context`` (or here), to be ended by `close_trace`.

        Inside another trace it is a name in that one, and its events hang under the event that is current there.
        """
        if context is None:
            return self.open_scope(name, remote, attributes)
        _check_context(context)
        return context.run(self.open_scope, name, remote, attributes)

    def close_trace(
        self,
        scope: Scope,
        *,
        status: Status = "ok",
        error: BaseException | None = None,
        context: Context | None = None,
    ) -> None:
        """End ``scope``; an ``error`` that no event has reported becomes an EXCEPTION event of its own."""
        _check_place(scope, Scope, context)
        scope.status = status
        if context is None:
            _relay(self.close_scope(scope, error))
        else:
            _relay(context.run(self.close_scope, scope, error))

    def start_span(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        *,
        parent_id: str | None = None,
        links: Sequence[str] = (),
        context: Context | None = None,
    ) -> Span:
        """Start an event under ``parent_id``, which may have ended, and with ``links`` to its other causes.

        Handlers are told, and the event is made current, in ``context``. Without a context handlers are told here,
        and the event becomes current nowhere.
        """
        _check(payload, None, parent_id)
        if context is not None:
            _check_context(context)
        if not isinstance(links, (list, tuple)):
            raise CallbackArgumentError(argument="links", expected="a list of event ids", value=links)
        if context is not None:
            return context.run(self._start_current, event_type, payload, parent_id, links)
        span = self.place(event_type, None, parent_id)
        span.links = tuple(links)
        self.begin(span, payload, None, is_current=False)
        return span

    def _start_current(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None,
        parent_id: str | None,
        links: Sequence[str],
    ) -> Span:
        span = self.place(event_type, None, parent_id)
        span.links = tuple(links)
        self.begin(span, payload, None)
        return span

    def end_span(
        self,
        span: Span,
        payload: dict[str, Any] | None = None,
        *,
        status: Status = "ok",
        error: BaseException | None = None,
        context: Context | None = None,
    ) -> None:
        """End ``span`` as ``status``; ending it again changes nothing.

        The end payload tells of an ``error``, unless an event inside has, and of a status other than ``"ok"``.
        ``context`` is the one in which it started; ``None`` if that is where this is called.
        """
        _check_place(span, Span, context)
        _check(payload, None, None)
        if span.state >= ENDING:
            return
        span.status = status
        if error is not None:
            payload = {**(payload or {}), **(self.failure_payload(span, error) or {})}
        if status != "ok":
            payload = {**(payload or {}), "status": status}
        if context is None:
            _relay(self.complete(span, payload, None))
        else:
            _relay(context.run(self.complete, span, payload, None))

    # Handlers that buffer

    async def aflush(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - the answer is whether it was enough
        """Wait until async handlers were told of all that has happened; ``False`` after ``timeout`` seconds in all."""
        deadline = None if timeout is None else time.monotonic() + _seconds(timeout)
        is_done = True
        for handler in tuple(self._handlers):
            if isinstance(handler, (AsyncCallbackHandler, CallbackManager)):
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                is_done = await handler.aflush(left) and is_done
        return is_done

    def shutdown(self, timeout: float = 5.0) -> bool:
        """Let async handlers be told of all that has happened, and stop; ``False`` after ``timeout`` seconds in all.

        Raises:
            CallbackShutdownError: an event loop runs in this thread, and would be blocked; await `aflush` there.
        """
        deadline = time.monotonic() + _seconds(timeout)
        is_done = True
        for handler in tuple(self._handlers):
            if isinstance(handler, (AsyncCallbackHandler, CallbackManager)):
                is_done = handler.shutdown(max(0.0, deadline - time.monotonic())) and is_done
        return is_done

    # Copies: handlers are resources of their process, to be shared with a copy and left behind by a pickle

    def __deepcopy__(self, memo: dict[int, Any]) -> "CallbackManager":
        twin = CallbackManager(on_handler_error=self._error_policy)
        twin.set_handlers(self._handlers)
        return twin

    def __reduce__(self) -> tuple[type["CallbackManager"], tuple[()]]:
        return (CallbackManager, ())

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        return core_schema.any_schema()

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        resolved: dict[str, Any] = handler.resolve_ref_schema(handler(schema))
        return resolved


def _relay(failure: BaseException | None) -> None:
    if failure is not None:
        raise failure


def _member(event_type: object) -> CBEventType:
    """``event_type`` as a member, which may be given by its value."""
    try:
        return CBEventType(event_type)
    except Exception:  # noqa: BLE001  # an enumeration asks the value itself what it is called
        known = [member.value for member in CBEventType]
        raise UnknownEventTypeError(event_type=event_type, known=known) from None


def _seconds(timeout: object) -> float:
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 <= timeout <= threading.TIMEOUT_MAX:
        raise CallbackArgumentError(argument="timeout", expected="a number of seconds, 0 or more,", value=timeout)
    return timeout


def _check_place(place: object, kind: type, context: object) -> None:
    if not isinstance(place, kind):
        expected = "what open_trace returned" if kind is Scope else "what start_span returned"
        raise CallbackArgumentError(argument=kind.__name__.lower(), expected=expected, value=place)
    if context is not None:
        _check_context(context)


def _check_context(context: object) -> None:
    if not isinstance(context, Context):
        raise CallbackArgumentError(argument="context", expected="a contextvars.Context", value=context)


def _check(payload: object, event_id: object, parent_id: object) -> None:
    if payload is not None and not isinstance(payload, Mapping):
        raise CallbackArgumentError(argument="payload", expected="a dictionary", value=payload)
    if event_id is not None and not isinstance(event_id, str):
        raise CallbackArgumentError(argument="event_id", expected="a string", value=event_id)
    if parent_id is not None and not isinstance(parent_id, str):
        raise CallbackArgumentError(argument="parent_id", expected="a string", value=parent_id)


def _innermost(event_type: CBEventType) -> Span | None:
    """The innermost open event of ``event_type`` around the running code."""
    frame = current.get()
    while frame is not None:
        if isinstance(frame, Span) and frame.state == OPEN and frame.event_type is event_type:
            return frame
        frame = frame.up
    return None
