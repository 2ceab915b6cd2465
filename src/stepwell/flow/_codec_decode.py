"""From data to the value that it was written from, or one error, whatever the data is.

Trusts nothing: each object has exactly one tag and the keys that go with it, each part is used once, and
classes are those that the reader knows.
"""

from collections.abc import Callable, Hashable
from typing import Any, Final

from stepwell.errors import AllowListError, PayloadError
from stepwell.flow._codec_classes import KnownClasses
from stepwell.flow._codec_errors import message_of, read_error
from stepwell.flow._codec_objects import READERS as OBJECT_READERS
from stepwell.flow._codec_paths import Segment, shown_path
from stepwell.flow._codec_scalars import READERS as SCALAR_READERS
from stepwell.flow._codec_scalars import Unreadable, expect, whole

AS_THEY_ARE = (str, int, float, bool, type(None))

Reader = Callable[["Decoder", dict[str, Any]], Any]


class Decoder:
    """Reads one value; made anew for each."""

    def __init__(self, known: KnownClasses) -> None:
        self.known = known
        self._segments: list[Segment] = []
        self._parts: dict[int, Any] = {}

    def run(self, data: Any, root: str) -> Any:
        """Return the value that ``data`` says; anything wrong with it is a ``PayloadError``."""
        try:
            return self.decode(data)
        except Unreadable as problem:
            reason = str(problem)
        except RecursionError:
            reason = "it is nested too deeply"
        except (AllowListError, MemoryError):
            raise
        except Exception as problem:  # noqa: BLE001  # data of strangers, put into classes of users: all can happen
            reason = f"{type(problem).__name__}: {message_of(problem)}"
        raise PayloadError(path=shown_path(root, self._segments), reason=reason)

    def decode(self, data: Any) -> Any:
        """Return the value that ``data`` says."""
        kind = type(data)
        if kind in AS_THEY_ARE:
            return data
        if kind is list:
            return self.sequence(data)
        if kind is not dict:
            raise Unreadable(f"a {kind.__name__} is no data that JSON has")
        tags = [key for key in data if type(key) is str and key[:1] == "$"]
        if not tags:
            return self._items(data, attributes=False)
        if len(tags) > 1:
            raise Unreadable(f"one value cannot be {' and '.join(tags[:3])}")
        return self._tagged(tags[0], data)

    def _tagged(self, tag: str, data: dict[str, Any]) -> Any:
        reader = READERS.get(tag)
        if reader is None:
            raise Unreadable(f"nothing is known of {tag!r}; a newer version may have written it")
        needed, allowed, read = reader
        beside = data.keys() - {tag}
        if not needed <= beside <= needed | allowed:
            raise Unreadable(f"{tag!r} goes with other keys than {', '.join(sorted(beside)) or 'none'}")
        return read(self, data)

    def sequence(self, data: Any) -> list[Any]:
        """Return what a list of data says."""
        segments, values = self._segments, []
        for index, item in enumerate(expect(list, data)):
            segments.append(index)
            values.append(self.decode(item))
            segments.pop()
        return values

    def names(self, data: Any) -> dict[str, Any]:
        """Return what is written as attributes: names that are texts, and values."""
        if any(type(name) is not str or name[:1] == "$" for name in expect(dict, data)):
            raise Unreadable("names of attributes are texts")
        return self._items(data, attributes=True)

    def mapping(self, data: Any) -> dict[Any, Any]:
        """Return what is written as a dict, with keys of any kind."""
        mapping: dict[Any, Any] = expect(dict, self.decode(expect(dict, data)))
        return mapping

    def _items(self, data: dict[str, Any], *, attributes: bool) -> dict[str, Any]:
        segments, values = self._segments, {}
        for key, item in data.items():
            segments.append(key if attributes else (key,))
            values[expect(str, key)] = self.decode(item)
            segments.pop()
        return values

    def read_pairs(self, data: dict[str, Any]) -> dict[Hashable, Any]:
        values: dict[Hashable, Any] = {}
        pairs = expect(list, data["$dict"])
        for index, pair in enumerate(pairs):
            self._segments.append(index)
            key, item = self.sequence(pair)
            values[key] = item
            self._segments.pop()
        if len(values) != len(pairs):
            raise Unreadable("a dict has one key twice")
        return values

    def read_set(self, items: Any, kind: type[set[Any]] | type[frozenset[Any]]) -> Any:
        values = self.sequence(items)
        result = kind(values)
        if len(result) != len(values):
            raise Unreadable("a set has one item twice")
        return result

    def read_parts(self, data: dict[str, Any]) -> Any:
        """Return the first part. Each part leads to later ones only, so they are read from the last."""
        parts = expect(list, data["$parts"])
        inner = Decoder(self.known)
        inner._segments = self._segments
        for index in range(len(parts) - 1, -1, -1):
            inner._parts[index] = inner.decode(parts[index])
        value = inner._parts.pop(0)
        if inner._parts:
            raise Unreadable("some of its parts belong nowhere")
        return value

    def read_part(self, data: dict[str, Any]) -> Any:
        number = whole(data["$part"])
        if number not in self._parts:
            raise Unreadable(f"there is no part {number} to stand here")
        return self._parts.pop(number)


NOTHING: Final[frozenset[str]] = frozenset()


def of_scalar(read: Callable[[dict[str, Any]], Any]) -> Reader:
    return lambda decoder, data: read(data)


READERS: Final[dict[str, tuple[frozenset[str], frozenset[str], Reader]]] = {
    "$tuple": (NOTHING, NOTHING, lambda decoder, data: tuple(decoder.sequence(data["$tuple"]))),
    "$set": (NOTHING, NOTHING, lambda decoder, data: decoder.read_set(data["$set"], set)),
    "$frozenset": (NOTHING, NOTHING, lambda decoder, data: decoder.read_set(data["$frozenset"], frozenset)),
    "$dict": (NOTHING, NOTHING, Decoder.read_pairs),
    "$parts": (NOTHING, NOTHING, Decoder.read_parts),
    "$part": (NOTHING, NOTHING, Decoder.read_part),
    "$error": (
        frozenset({"message", "attributes", "traceback"}),
        frozenset({"args", "lost", "notes", "cause"}),
        read_error,
    ),
    **{tag: (NOTHING, beside, of_scalar(read)) for tag, (beside, read) in SCALAR_READERS.items()},
    **OBJECT_READERS,
}
