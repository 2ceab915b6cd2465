"""Reading data of strangers: each piece is what it must be, or one error says where it is not."""

import math
from typing import Any

from stepwell.errors import SnapshotError

LARGEST = 2**62


def check_integer(value: Any, path: str, least: int = 0) -> int:
    if type(value) is not int or not least <= value <= LARGEST:
        raise SnapshotError(path=path, reason=f"a whole number from {least} belongs there, not {_shown(value)}")
    return value


def check_number(value: Any, path: str) -> float:
    if type(value) not in (int, float) or not math.isfinite(value) or abs(value) > LARGEST:
        raise SnapshotError(path=path, reason=f"a number belongs there, not {_shown(value)}")
    return float(value)


def check_text(value: Any, path: str) -> str:
    if type(value) is not str:
        raise SnapshotError(path=path, reason=f"a text belongs there, not {_shown(value)}")
    return value


def check_list(value: Any, path: str, length: int | None = None) -> list[Any]:
    if type(value) is not list:
        raise SnapshotError(path=path, reason=f"a list belongs there, not {_shown(value)}")
    if length is not None and len(value) != length:
        raise SnapshotError(path=path, reason=f"{length} things belong there, not {len(value)}")
    return value


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, (int, float, str, bool, type(None))) else f"a {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:60]}…"


class Fields:
    """One object of the snapshot, whose fields are all asked for, and has no others."""

    def __init__(self, data: Any, path: str) -> None:
        if type(data) is not dict:
            raise SnapshotError(path=path, reason=f"an object belongs there, not {_shown(data)}")
        self._data = data
        self.path = path
        self._asked: set[str] = set()

    def raw(self, name: str) -> Any:
        """Return a field as it is."""
        self._asked.add(name)
        if name not in self._data:
            raise SnapshotError(path=self.at(name), reason="it is missing")
        return self._data[name]

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def close(self) -> None:
        """Refuse fields that nobody asked for."""
        unknown = [name for name in self._data if name not in self._asked]
        if unknown:
            raise SnapshotError(path=self.path or "the top", reason=f"nothing is known of {_shown(unknown[0])}")

    def integer(self, name: str, least: int = 0) -> int:
        return check_integer(self.raw(name), self.at(name), least)

    def integer_or_none(self, name: str, least: int = 0) -> int | None:
        return None if self.raw(name) is None else self.integer(name, least)

    def number(self, name: str) -> float:
        return check_number(self.raw(name), self.at(name))

    def number_or_none(self, name: str) -> float | None:
        return None if self.raw(name) is None else self.number(name)

    def text(self, name: str) -> str:
        return check_text(self.raw(name), self.at(name))

    def text_or_none(self, name: str) -> str | None:
        return None if self.raw(name) is None else self.text(name)

    def flag(self, name: str) -> bool:
        value = self.raw(name)
        if type(value) is not bool:
            raise SnapshotError(path=self.at(name), reason=f"true or false belongs there, not {_shown(value)}")
        return value

    def items(self, name: str, length: int | None = None) -> list[Any]:
        return check_list(self.raw(name), self.at(name), length)

    def integers(self, name: str, least: int = 0) -> list[int]:
        items = self.items(name)
        return [check_integer(item, f"{self.at(name)}[{place}]", least) for place, item in enumerate(items)]

    def inner(self, name: str) -> "Fields":
        return Fields(self.raw(name), self.at(name))

    def inner_or_none(self, name: str) -> "Fields | None":
        return None if self.raw(name) is None else self.inner(name)

    def each(self, name: str) -> "list[Fields]":
        return [Fields(item, f"{self.at(name)}[{place}]") for place, item in enumerate(self.items(name))]
