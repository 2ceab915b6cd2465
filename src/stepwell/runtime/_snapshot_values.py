"""Values in a snapshot: events, what calls returned, the state; written by the serializer that was chosen.

Rule 1. A payload names only classes that the annotations of the workflow's steps and state lead to, event classes
        that the modules have in which its steps are written, and what the serializer's ``allowed_types`` hold.
Rule 2. Whatever a serializer raises becomes an error of this package that says where the value is.
"""

from typing import Any, Protocol
from weakref import WeakKeyDictionary

from stepwell.errors import ContextSerdeError, SnapshotError, UnencodableValueError
from stepwell.flow import Event, StepFailedEvent, StreamGap, Wiring
from stepwell.flow.codec import JsonSerializer, reachable_classes
from stepwell.runtime._dict_state import DictState
from stepwell.runtime._ports import Serializer
from stepwell.runtime._sight import in_sight


class Values(Protocol):
    """How values are written and read; ``kind`` names the way, so that it is not mistaken for another."""

    kind: str

    def write(self, value: Any, where: str) -> Any: ...

    def read(self, data: Any, where: str) -> Any: ...

    def find_class(self, name: str) -> type | None: ...


class JsonValues:
    """Values as data among the snapshot's own."""

    kind = "json"

    def __init__(self, serializer: JsonSerializer) -> None:
        self._serializer = serializer

    def write(self, value: Any, where: str) -> Any:
        return self._serializer.serialize_value(value, root=where)

    def read(self, data: Any, where: str) -> Any:
        return self._serializer.deserialize_value(data, root=where)

    def find_class(self, name: str) -> type | None:
        try:
            return self._serializer.resolve_class(name)
        except ContextSerdeError:
            return None


class TextValues:
    """Values as texts, each made by a serializer of the user's choice."""

    kind = "text"

    def __init__(self, serializer: Serializer, known: JsonValues) -> None:
        self._serializer = serializer
        self.find_class = known.find_class

    def write(self, value: Any, where: str) -> Any:
        try:
            return self._serializer.serialize(value)
        except Exception as error:
            reason = f"{type(self._serializer).__name__} raised {type(error).__name__}: {error}"
            raise UnencodableValueError(path=where, value_type=type(value).__qualname__, reason=reason) from error

    def read(self, data: Any, where: str) -> Any:
        if type(data) is not str:
            raise SnapshotError(path=where, reason="it is no text that a serializer made")
        try:
            return self._serializer.deserialize(data)
        except Exception as error:
            reason = f"{type(self._serializer).__name__} raised {type(error).__name__}: {error}"
            raise SnapshotError(path=where, reason=reason) from error


_CLASSES: "WeakKeyDictionary[Wiring, tuple[type, ...]]" = WeakKeyDictionary()
_EXTENDED: "WeakKeyDictionary[Wiring, tuple[JsonSerializer, JsonValues]]" = WeakKeyDictionary()


def values_for(wiring: Wiring, serializer: Serializer | None) -> Values:
    """Return how the values of a workflow's runs are written."""
    base = serializer if isinstance(serializer, JsonSerializer) else None
    cached = _EXTENDED.get(wiring)
    if cached is None or (base is not None and cached[0] is not base) or (base is None and cached[0] is not PLAIN):
        chosen = base or PLAIN
        cached = _EXTENDED[wiring] = (chosen, JsonValues(chosen.with_types(*classes_of(wiring))))
    if serializer is None or base is not None:
        return cached[1]
    return TextValues(serializer, cached[1])


PLAIN = JsonSerializer()


def classes_of(wiring: Wiring) -> tuple[type, ...]:
    """Return the classes that a snapshot of a workflow's run may name."""
    known = _CLASSES.get(wiring)
    if known is None:
        annotations: list[object] = [*wiring.events, *wiring.state_types, DictState, StepFailedEvent, StreamGap]
        for step in wiring.steps:
            annotations.extend(kind for kind in in_sight(step.function) if issubclass(kind, Event))
        known = _CLASSES[wiring] = reachable_classes(annotations)
    return known
