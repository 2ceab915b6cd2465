"""What a callback handler is: four methods and two tuples of event types that it does not want."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from stepwell.callbacks._schema import CBEventType
from stepwell.errors import CallbackArgumentError, NotAHandlerError

_METHODS = ("on_event_start", "on_event_end", "start_trace", "end_trace")


class BaseCallbackHandler(ABC):
    """The base of every callback handler.

    Handlers are called one after another, in the order in which they were added, in the context of the code that
    emits the event. What a handler raises is logged and counted, and changes nothing, unless its attribute
    ``raise_error`` is true: then the program gets it, after every handler was told. A handler that has a method
    ``on_event_update(event_type, payload, event_id)`` is also told what is learnt while an event is open.
    """

    event_starts_to_ignore: tuple[CBEventType, ...] = ()
    event_ends_to_ignore: tuple[CBEventType, ...] = ()
    raise_error: bool = False

    def __init__(
        self,
        event_starts_to_ignore: Sequence[CBEventType],
        event_ends_to_ignore: Sequence[CBEventType],
    ) -> None:
        self.event_starts_to_ignore = _types("event_starts_to_ignore", event_starts_to_ignore)
        self.event_ends_to_ignore = _types("event_ends_to_ignore", event_ends_to_ignore)

    @abstractmethod
    def on_event_start(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str = "",
        parent_id: str = "",
        **kwargs: Any,
    ) -> str:
        """Take note that an event has started; what is returned is ignored."""

    @abstractmethod
    def on_event_end(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str = "",
        **kwargs: Any,
    ) -> None:
        """Take note that an event has ended. May come after the end of its trace, as streams do."""

    @abstractmethod
    def start_trace(self, trace_id: str | None = None) -> None:
        """Take note that an outermost trace has started."""

    @abstractmethod
    def end_trace(
        self,
        trace_id: str | None = None,
        trace_map: dict[str, list[str]] | None = None,
    ) -> None:
        """Take note that an outermost trace has ended.

        ``trace_map`` gives the ids of the children of each event, in order; those without a parent stand under
        ``"root"``, which is its first key.
        """


def checked_handler(value: object) -> BaseCallbackHandler:
    """``value``, if it can serve as a handler: an instance, of any class, with the four methods."""
    missing = [name for name in _METHODS if not callable(getattr(value, name, None))]
    if missing or isinstance(value, type):
        raise NotAHandlerError(value=value, missing=missing)
    return value  # type: ignore[return-value] # checked by its methods: clients' handlers need not share our base


def checked_handlers(values: object) -> list[BaseCallbackHandler]:
    """A new list of ``values``, if they are handlers."""
    if isinstance(values, BaseCallbackHandler) or not isinstance(values, Iterable):
        raise CallbackArgumentError(argument="handlers", expected="a list of handlers", value=values)
    return [checked_handler(value) for value in values]


def _types(argument: str, given: object) -> tuple[CBEventType, ...]:
    if not isinstance(given, (list, tuple, set, frozenset)):
        raise CallbackArgumentError(argument=argument, expected="a list of CBEventType members", value=given)
    return tuple(given)
