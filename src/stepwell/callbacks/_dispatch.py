"""Telling handlers: every one, in order, whatever any of them raises; and only then deciding about what was raised.

A handler's failure is counted, and logged once for each kind. It reaches the program only if it is a veto, if the
handler asks for it by ``raise_error``, or if the manager was made so; KeyboardInterrupt and its like always do.
"""

import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

from stepwell.callbacks._handler import BaseCallbackHandler, checked_handler, checked_handlers
from stepwell.callbacks._schema import CBEventType
from stepwell.callbacks._span import Span, Trace
from stepwell.errors import CallbackArgumentError, CallbackVeto

ErrorPolicy: TypeAlias = Literal["log", "raise"]

logger = logging.getLogger("stepwell.callbacks")


@dataclass(slots=True)
class CallbackStats:
    """What went wrong without disturbing the program, in numbers.

    ``unmatched_ends`` counts ends of events and traces that were not open; ``handler_errors`` what handlers raised.
    """

    unmatched_ends: int = 0
    handler_errors: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def count_unmatched_end(self) -> None:
        with self._lock:
            self.unmatched_ends += 1

    def count_handler_error(self) -> None:
        with self._lock:
            self.handler_errors += 1


class Dispatcher:
    """The handlers of one manager, and the telling of them. Another dispatcher can be one of them, and passes it on.

    The ``tell_…`` methods never raise; they return the first failure that has to reach the program, or ``None``.
    """

    default_error_policy: ClassVar[ErrorPolicy] = "log"
    """The policy of every manager that was made without one."""

    # A dispatcher among the handlers wants none of the plain calls: it is told by its own tell_… methods. Looking for
    # one only among those that ignore the event saves a type check for each handler.
    event_starts_to_ignore: tuple[CBEventType, ...] = tuple(CBEventType)
    event_ends_to_ignore: tuple[CBEventType, ...] = tuple(CBEventType)

    def __init__(self, handlers: Iterable[BaseCallbackHandler], on_handler_error: ErrorPolicy | None) -> None:
        if on_handler_error not in ("log", "raise", None):
            raise CallbackArgumentError(
                argument="on_handler_error", expected='"log" or "raise"', value=on_handler_error
            )
        self._handlers = checked_handlers(handlers)
        self._error_policy: ErrorPolicy | None = on_handler_error
        self._reported: set[tuple[type, str, type]] = set()
        self.stats = CallbackStats()

    @property
    def handlers(self) -> list[BaseCallbackHandler]:
        """The handlers in the order in which they are told. The list is live, and this manager's own."""
        return self._handlers

    @handlers.setter
    def handlers(self, handlers: Iterable[BaseCallbackHandler]) -> None:
        self.set_handlers(handlers)

    @property
    def has_handlers(self) -> bool:
        """Whether anybody listens. An engine that asks this first pays nothing when nobody does."""
        return bool(self._handlers)

    def add_handler(self, handler: BaseCallbackHandler) -> None:
        """Tell ``handler`` of everything from now on, after the others.

        Raises:
            NotAHandlerError: it lacks a handler's methods, or is a class.
        """
        self._handlers.append(checked_handler(handler))

    def remove_handler(self, handler: BaseCallbackHandler) -> None:
        """Tell ``handler`` nothing more; ValueError if it is none of the handlers."""
        self._handlers.remove(handler)

    def set_handlers(self, handlers: Iterable[BaseCallbackHandler]) -> None:
        """Have exactly these handlers. The caller's list is copied."""
        self._handlers = checked_handlers(handlers)

    def tell_start(
        self, span: Span, payload: dict[str, Any] | None, extra: Mapping[str, Any] | None
    ) -> BaseException | None:
        """Tell of the start of ``span``. ``extra`` are keyword arguments of the caller's own."""
        failure: BaseException | None = None
        event_type, event_id, parent_id = span.event_type, span.id, span.parent_id
        # A copy: a handler may remove itself or others while it is told.
        for handler in tuple(self._handlers):
            try:
                if event_type in handler.event_starts_to_ignore:
                    if isinstance(handler, Dispatcher):
                        nested = handler.tell_start(span, payload, extra)
                        failure = failure or nested
                elif extra:
                    handler.on_event_start(event_type, payload, event_id=event_id, parent_id=parent_id, **extra)
                else:
                    handler.on_event_start(event_type, payload, event_id=event_id, parent_id=parent_id)
            except BaseException as error:  # noqa: BLE001 - the others must still be told; what has to be raised is
                failure = self._failed(handler, "on_event_start", error, failure)
        return failure

    def tell_end(
        self,
        event_type: Any,
        event_id: str,
        payload: dict[str, Any] | None,
        extra: Mapping[str, Any] | None,
    ) -> BaseException | None:
        """Tell of the end of an event, which need not have been seen to start."""
        failure: BaseException | None = None
        for handler in tuple(self._handlers):
            try:
                if event_type in handler.event_ends_to_ignore:
                    if isinstance(handler, Dispatcher):
                        nested = handler.tell_end(event_type, event_id, payload, extra)
                        failure = failure or nested
                elif extra:
                    handler.on_event_end(event_type, payload, event_id=event_id, **extra)
                else:
                    handler.on_event_end(event_type, payload, event_id=event_id)
            except BaseException as error:  # noqa: BLE001 - as above
                failure = self._failed(handler, "on_event_end", error, failure)
        return failure

    def tell_update(self, span: Span, payload: dict[str, Any]) -> None:
        """Tell those handlers that want to know what is learnt while ``span`` is open."""
        for handler in tuple(self._handlers):
            if isinstance(handler, Dispatcher):
                handler.tell_update(span, payload)
                continue
            listen = getattr(handler, "on_event_update", None)
            if listen is None:
                continue
            try:
                listen(span.event_type, payload, event_id=span.id)
            except Exception as error:
                if self._failed(handler, "on_event_update", error, None) is not None:
                    logger.error(
                        "what %s raised about an update stops nothing", type(handler).__qualname__, exc_info=error
                    )

    def tell_trace_start(self, name: str) -> BaseException | None:
        """Tell of the start of an outermost trace."""
        failure: BaseException | None = None
        for handler in tuple(self._handlers):
            try:
                if isinstance(handler, Dispatcher):
                    nested = handler.tell_trace_start(name)
                    failure = failure or nested
                else:
                    handler.start_trace(trace_id=name)
            except BaseException as error:  # noqa: BLE001 - as above
                failure = self._failed(handler, "start_trace", error, failure)
        return failure

    def tell_trace_end(self, trace: Trace) -> BaseException | None:
        """Tell of the end of an outermost trace, with its map."""
        failure: BaseException | None = None
        for handler in tuple(self._handlers):
            try:
                if isinstance(handler, Dispatcher):
                    nested = handler.tell_trace_end(trace)
                    failure = failure or nested
                else:
                    handler.end_trace(trace_id=trace.name, trace_map=trace.map)
            except BaseException as error:  # noqa: BLE001 - as above
                failure = self._failed(handler, "end_trace", error, failure)
        return failure

    def _failed(
        self, handler: BaseCallbackHandler, method: str, error: BaseException, earlier: BaseException | None
    ) -> BaseException | None:
        """Count and report ``error``; return the failure that has to be raised so far."""
        self.stats.count_handler_error()
        if (
            isinstance(error, CallbackVeto)
            or not isinstance(error, Exception)
            or getattr(handler, "raise_error", False)
            or (self._error_policy or self.default_error_policy) == "raise"
        ):
            return earlier or error
        kind = (type(handler), method, type(error))
        if kind not in self._reported:
            self._reported.add(kind)
            logger.error(
                "%s of callback handler %s failed and was ignored; more of this kind is only counted",
                method,
                type(handler).__qualname__,
                exc_info=error,
            )
        return earlier
