"""From a value to JSON-able data, without loss or with an error that says where and why not.

The cost is that of the value's size. A value that stands in two places is written in both. What is
nested deeper than a few levels is put aside in parts of its own, so that neither this code nor a JSON
library needs a deep stack.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from stepwell.errors import UnencodableValueError
from stepwell.flow._codec_classes import KnownClasses
from stepwell.flow._codec_errors import write_error
from stepwell.flow._codec_objects import write_object
from stepwell.flow._codec_parts import REFUSED
from stepwell.flow._codec_paths import Segment, shown_path
from stepwell.flow._codec_scalars import WRITERS, NotStorable

LEVELS_OF_A_PART = 40
# How far an exception may hold exceptions that hold exceptions, and so on; beyond, they are left out.
NESTED_ATTEMPTS = 8


class Part:
    """A value to be written on its own, and the part and place from which it was put aside."""

    __slots__ = ("parent", "segments", "value")

    def __init__(self, value: Any, parent: "Part | None", segments: list[Segment]) -> None:
        self.value = value
        self.parent = parent
        self.segments = segments

    def ancestors(self) -> Iterable["Part"]:
        part: Part | None = self
        while part is not None:
            yield part
            part = part.parent


class Encoder:
    """Writes one value; made anew for each."""

    def __init__(self, known: KnownClasses, *, around: frozenset[int] = frozenset(), nesting: int = 0) -> None:
        self.known = known
        self._around = around
        self._nesting = nesting
        self._open: set[int] = set()
        self._segments: list[Segment] = []
        self._parts: list[Part] = []
        self._part = Part(None, None, [])
        self._refused: object = None

    def run(self, value: Any, root: str) -> Any:
        """Return ``value`` as data; an ``UnencodableValueError`` names the path from ``root``."""
        try:
            return self.written(value)
        except NotStorable as refusal:
            reason = str(refusal)
        except RecursionError:
            reason = "too little of the interpreter's stack is left for it"
        path = shown_path(root, self._whole_path())
        raise UnencodableValueError(path=path, value_type=type(self._refused).__qualname__, reason=reason)

    def written(self, value: Any) -> Any:
        """Return ``value`` and the parts that were put aside from it."""
        self._parts.append(Part(value, None, []))
        texts = []
        # More parts come while these are written.
        for part in self._parts:
            self._part = part
            self._open = set()
            self._segments = []
            texts.append(self._write(part.value))
        return texts[0] if len(texts) == 1 else {"$parts": texts}

    def _whole_path(self) -> list[Segment]:
        ways = [part.segments for part in self._part.ancestors()]
        return [segment for way in reversed(ways) for segment in way] + self._segments

    def encode(self, value: Any) -> Any:
        """Return ``value`` as data, or as a reference to the part in which it is put aside."""
        write = WRITERS.get(type(value))
        if write is None and len(self._open) >= LEVELS_OF_A_PART:
            return self._put_aside(value)
        return self._write(value)

    def _write(self, value: Any) -> Any:
        self._refused = value
        write = WRITERS.get(type(value))
        if write is not None:
            return write(value)
        mark = id(value)
        if mark in self._open or mark in self._around:
            raise NotStorable("it contains itself, and data cannot")
        self._open.add(mark)
        writer = CONTAINERS.get(type(value))
        if writer is not None:
            data = writer(self, value)
        elif isinstance(value, BaseException):
            data = write_error(self, value)
        else:
            data = write_object(self, value)
        self._open.remove(mark)
        return data

    def _put_aside(self, value: Any) -> Any:
        # Whoever contains himself comes by here again and again, and at some time with the same value.
        if any(part.value is value for part in self._part.ancestors()):
            self._refused = value
            raise NotStorable("it contains itself, and data cannot")
        self._parts.append(Part(value, self._part, self._segments.copy()))
        return {"$part": len(self._parts) - 1}

    def sequence(self, values: Iterable[Any]) -> list[Any]:
        """Return the values as data, in order."""
        segments, written = self._segments, []
        for index, value in enumerate(values):
            segments.append(index)
            written.append(self.encode(value))
            segments.pop()
        return written

    def mapping(self, values: Mapping[Any, Any], *, attributes: bool = True) -> Any:
        """Return names or keys and their values as data: an object, or pairs where JSON has no such keys."""
        segments = self._segments
        if not all(map(is_plain_key, values)):
            return {"$dict": self._pairs(values)}
        written = {}
        for key, value in values.items():
            segments.append(key if attributes else (key,))
            written[key] = self.encode(value)
            segments.pop()
        return written

    def _pairs(self, values: Mapping[Any, Any]) -> list[Any]:
        segments, written = self._segments, []
        for key, value in values.items():
            segments.append((key,))
            written.append([self.encode(key), self.encode(value)])
            segments.pop()
        return written

    def attempt(self, value: Any) -> Any:
        """Return ``value`` as data of its own, or ``REFUSED``."""
        if self._nesting >= NESTED_ATTEMPTS:
            return REFUSED
        inner = Encoder(self.known, around=self._around | self._open, nesting=self._nesting + 1)
        try:
            return inner.written(value)
        except (NotStorable, RecursionError):
            return REFUSED


def is_plain_key(key: Any) -> bool:
    return type(key) is str and key[:1] != "$" and (key.isascii() or WRITERS[str](key) is key)


CONTAINERS: Final[dict[type, Callable[[Encoder, Any], Any]]] = {
    list: Encoder.sequence,
    dict: lambda encoder, value: encoder.mapping(value, attributes=False),
    tuple: lambda encoder, value: {"$tuple": encoder.sequence(value)},
    set: lambda encoder, value: {"$set": encoder.sequence(value)},
    frozenset: lambda encoder, value: {"$frozenset": encoder.sequence(value)},
}
