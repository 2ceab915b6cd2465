"""Values without parts: how each is written as JSON-able data, and read back.

What JSON has is written as it is. Everything else is an object with one key that begins with ``$``, and
only exact types are taken: a subclass may hold more than its base can tell.
"""

import base64
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path, PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

# Beyond 64 bits other readers of JSON lose digits, and Python itself refuses long decimal texts.
BIG = 2**63

PATHS: Final[dict[str, type[PurePath]]] = {
    cls.__name__: cls for cls in (PurePosixPath, PureWindowsPath, PosixPath, WindowsPath)
}


class NotStorable(Exception):
    """Why a value has no form as data; the encoder adds where."""


def write_int(value: int) -> Any:
    return value if -BIG <= value < BIG else {"$int": hex(value)}


def write_float(value: float) -> Any:
    return value if math.isfinite(value) else {"$float": repr(value)}


def write_str(value: str) -> Any:
    if value.isascii() or not has_surrogates(value):
        return value
    # JSON would join two halves of a pair that stood apart.
    return {"$str": write_base64(value.encode("utf-8", "surrogatepass"))}


def has_surrogates(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return True
    return False


def write_base64(value: bytes | bytearray) -> str:
    return base64.b64encode(value).decode("ascii")


def write_zone(zone: tzinfo | None) -> Any:
    if zone is None:
        return None
    if type(zone) is timezone:
        # Documented by pickling: the offset, and the name if one was given.
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]  # not in typeshed
        return {"offset": write_span(offset), "name": name[0] if name else None}
    if type(zone) is ZoneInfo and zone.key is not None:
        return {"key": zone.key}
    raise NotStorable(f"its time zone is a {type(zone).__qualname__}; use datetime.timezone or zoneinfo.ZoneInfo")


def write_span(value: timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def write_moment(tag: str) -> Callable[[Any], Any]:
    def write(value: datetime | time) -> Any:
        data: dict[str, Any] = {tag: value.replace(tzinfo=None, fold=0).isoformat()}
        if value.tzinfo is not None:
            data["zone"] = write_zone(value.tzinfo)
        if value.fold:
            data["fold"] = value.fold
        return data

    return write


def write_path(value: PurePath) -> Any:
    return {"$path": type(value).__name__, "text": write_str(str(value))}


def unchanged(value: Any) -> Any:
    return value


WRITERS: Final[dict[type, Callable[[Any], Any]]] = {
    type(None): unchanged,
    bool: unchanged,
    int: write_int,
    float: write_float,
    str: write_str,
    bytes: lambda value: {"$bytes": write_base64(value)},
    bytearray: lambda value: {"$bytearray": write_base64(value)},
    datetime: write_moment("$datetime"),
    time: write_moment("$time"),
    date: lambda value: {"$date": value.isoformat()},
    timedelta: lambda value: {"$timedelta": write_span(value)},
    Decimal: lambda value: {"$decimal": str(value)},
    UUID: lambda value: {"$uuid": value.hex},
    **dict.fromkeys(PATHS.values(), write_path),
}


class Unreadable(Exception):
    """What is wrong about a part of a payload; the decoder adds where."""


def expect(kind: type | tuple[type, ...], value: Any) -> Any:
    """Return ``value`` if its type is exactly one of those."""
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if type(value) not in kinds:
        names = " or ".join(each.__name__ for each in kinds)
        raise Unreadable(f"a {type(value).__name__} stands where a {names} belongs")
    return value


def whole(value: Any) -> int:
    number: int = expect(int, value)
    return number


def read_base64(text: Any) -> bytes:
    return base64.b64decode(expect(str, text), validate=True)


def read_float(text: Any) -> float:
    if text not in ("nan", "inf", "-inf"):
        raise Unreadable(f"{text!r} is no float that needs a tag")
    return float(text)


def read_text(data: Any) -> str:
    """Return a text, plain or tagged."""
    if type(data) is dict and data.keys() == {"$str"}:
        return read_base64(data["$str"]).decode("utf-8", "surrogatepass")
    text: str = expect(str, data)
    return text


def read_span(data: Any) -> timedelta:
    days, seconds, microseconds = map(whole, expect(list, data))
    return timedelta(days, seconds, microseconds)


def read_zone(data: Any) -> tzinfo | None:
    zone: dict[str, Any] = expect(dict, data)
    if zone.keys() == {"key"}:
        return ZoneInfo(expect(str, zone["key"]))
    if zone.keys() != {"offset", "name"}:
        raise Unreadable(f"a time zone has an offset and a name, or a key, not {sorted(zone)}")
    offset = read_span(zone["offset"])
    return timezone(offset) if zone["name"] is None else timezone(offset, expect(str, zone["name"]))


def read_moment(tag: str, kind: type[datetime] | type[time]) -> Callable[[dict[str, Any]], Any]:
    def read(data: dict[str, Any]) -> Any:
        zone = read_zone(data["zone"]) if "zone" in data else None
        moment = kind.fromisoformat(expect(str, data[tag]))
        if moment.tzinfo is not None:
            raise Unreadable("the zone of a moment stands beside it, not in it")
        return moment.replace(tzinfo=zone, fold=whole(data.get("fold", 0)))

    return read


def read_path(data: dict[str, Any]) -> PurePath:
    kind = PATHS.get(expect(str, data["$path"]))
    if kind is None:
        raise Unreadable(f"{data['$path']!r} is no kind of path")
    if issubclass(kind, Path) and kind is not type(Path()):
        # A path of another system's files cannot be opened here, but it can be known.
        kind = PurePosixPath if issubclass(kind, PurePosixPath) else PureWindowsPath
    return kind(read_text(data["text"]))


def read_int(text: Any) -> int:
    return int(expect(str, text), 16)


# Each reads the whole tagged object; beside the tag it may have only the keys that are named.
READERS: Final[dict[str, tuple[frozenset[str], Callable[[dict[str, Any]], Any]]]] = {
    "$int": (frozenset(), lambda data: read_int(data["$int"])),
    "$float": (frozenset(), lambda data: read_float(data["$float"])),
    "$str": (frozenset(), read_text),
    "$bytes": (frozenset(), lambda data: read_base64(data["$bytes"])),
    "$bytearray": (frozenset(), lambda data: bytearray(read_base64(data["$bytearray"]))),
    "$datetime": (frozenset({"zone", "fold"}), read_moment("$datetime", datetime)),
    "$time": (frozenset({"zone", "fold"}), read_moment("$time", time)),
    "$date": (frozenset(), lambda data: date.fromisoformat(expect(str, data["$date"]))),
    "$timedelta": (frozenset(), lambda data: read_span(data["$timedelta"])),
    "$decimal": (frozenset(), lambda data: Decimal(expect(str, data["$decimal"]))),
    "$uuid": (frozenset(), lambda data: UUID(hex=expect(str, data["$uuid"]))),
    "$path": (frozenset({"text"}), read_path),
}
