"""Payloads that are damaged, foreign, newer or tampered with: one kind of error, and nothing else happens."""

import copy
import dataclasses
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, PrivateAttr

from stepwell.errors import ContextSerdeError, PayloadError, UsageError
from stepwell.flow.codec import JsonSerializer


class Color(Enum):
    RED = 1


class Right(Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Point:
    x: Any
    y: Any = None


class Pair(NamedTuple):
    left: Any
    right: Any


class Model(BaseModel):
    model_config = ConfigDict(extra="allow")
    needed: Any
    _note: Any = PrivateAttr(default=None)


class Strict(BaseModel):
    value: int = 0


class Plain:
    def __init__(self) -> None:
        self.items = [1]


class Failing:
    """An object that does not like what it is given."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        raise UnprintableError


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise ValueError


CLASSES = (Color, Right, Point, Pair, Model, Strict, Plain, Failing)
SERIALIZER = JsonSerializer(allowed_types=CLASSES)


def deep_list(levels: int) -> list[Any]:
    deep: list[Any] = []
    for _ in range(levels):
        deep = [deep]
    return deep


def with_note(model: Model) -> Model:
    model._note = {1}
    return model


def failed() -> Exception:
    error = ValueError("a", (1,))
    error.__cause__ = OSError(2, "no", "file")
    error.add_note("note")
    return error


EVERYTHING = {
    "scalars": [None, True, 5, 2**80, 1.5, float("nan"), "text", "\ud800", b"b", bytearray(b"c")],
    "moments": [datetime(2020, 1, 1, tzinfo=UTC), time(1, tzinfo=timezone(timedelta(1) / 3, "x"))],
    "zoned": [datetime(2020, 1, 1, tzinfo=ZoneInfo("UTC"), fold=1), date(2020, 1, 1), timedelta(1, 2, 3)],
    "others": [Decimal("1.5"), UUID(int=1), PurePosixPath("a"), Color.RED, Right.READ, Color],
    "containers": [(1,), {1}, frozenset({"a"}), {(1, 2): [3]}, {"$": 1}],
    "objects": [Point(1), Pair(1, 2), with_note(Model(needed=1, more=2)), Strict(), Plain()],  # type: ignore[call-arg]
    "failed": failed(),
    "deep": deep_list(100),
}
PAYLOAD = SERIALIZER.serialize_value(EVERYTHING)


def places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each holder in ``data`` with each of its keys."""
    for key in list(data) if isinstance(data, dict) else range(len(data)):
        yield data, key
        if isinstance(data[key], (dict, list)):
            yield from places(data[key])


PLACES = len(list(places(PAYLOAD)))
TAGS = sorted({key for holder, key in places(PAYLOAD) if isinstance(key, str) and key.startswith("$")})
NAMES = [f"{cls.__module__}:{cls.__qualname__}" for cls in CLASSES]
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([*TAGS, *NAMES, "os:system"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*TAGS, "fields", "items", "x", "member", "value"]), inner, max_size=3)
    ),
    max_leaves=5,
)


def read_or_refused(data: Any) -> None:
    with suppress(PayloadError):
        SERIALIZER.deserialize_value(data)


def test_the_payload_that_is_damaged_here_can_be_read_and_has_every_tag() -> None:
    SERIALIZER.deserialize_value(PAYLOAD)

    assert len(TAGS) == 25


@settings(max_examples=150)
@given(st.integers(0, PLACES - 1), JUNK, st.sampled_from(["replace", "delete", "rename", "add", "swap"]))
def test_a_damaged_payload_is_read_or_refused_and_nothing_else(place: int, junk: Any, damage: str) -> None:
    data = copy.deepcopy(PAYLOAD)
    all_places = list(places(data))
    holder, key = all_places[place]
    if damage == "replace":
        holder[key] = junk
    elif damage == "delete":
        del holder[key]
    elif damage == "rename" and isinstance(holder, dict):
        holder[TAGS[place % len(TAGS)]] = holder.pop(key)
    elif damage == "add" and isinstance(holder, dict):
        holder[TAGS[place % len(TAGS)]] = junk
    else:
        other, its_key = all_places[(place * 7 + 3) % PLACES]
        holder[key] = copy.deepcopy(other[its_key])

    read_or_refused(data)


@given(JUNK)
def test_any_json_is_read_or_refused_and_nothing_else(junk: Any) -> None:
    read_or_refused(junk)


@given(st.integers(0, 2000), st.text(max_size=3), st.integers(0, 3))
def test_a_damaged_text_is_read_or_refused_and_nothing_else(place: int, inserted: str, removed: int) -> None:
    text = SERIALIZER.serialize(EVERYTHING)
    place %= len(text)

    with suppress(PayloadError):
        SERIALIZER.deserialize(text[:place] + inserted + text[place + removed :])


@given(st.text())
def test_a_foreign_text_is_refused(text: str) -> None:
    with pytest.raises(PayloadError):
        SERIALIZER.deserialize(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("9" * 5_000, "no JSON"),
        (None, "no JSON"),
        (b"\xff", "no JSON"),
        ("[1]", "nothing that stepwell wrote"),
        (
            '{"__is_pydantic": true, "value": {}, "qualified_name": "os.system"}',
            "nothing that stepwell wrote",
        ),
        ('{"stepwell": 1}', "nothing that stepwell wrote"),
        ('{"stepwell": 1, "value": 1, "more": 1}', "nothing that stepwell wrote"),
        ('{"stepwell": 2, "value": 1}', "version 2 of the format, and this stepwell reads up to 1"),
        ('{"stepwell": "1", "value": 1}', "no version"),
        ('{"stepwell": true, "value": 1}', "no version"),
        ('{"stepwell": 0, "value": 1}', "no version"),
    ],
)
def test_a_text_that_is_no_document_of_ours_is_refused(text: Any, reason: str) -> None:
    with pytest.raises(PayloadError, match=reason) as caught:
        SERIALIZER.deserialize(text)

    assert isinstance(caught.value, (ContextSerdeError, UsageError, ValueError))


def model(name: str, **more: Any) -> dict[str, Any]:
    return {"$model": f"{__name__}:{name}", "fields": {"needed": 1}, **more}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"$unknown": 1}, "a newer version may have written it"),
        ({"$tuple": [], "$set": []}, "one value cannot be"),
        ({"$tuple": [], "more": 1}, "goes with other keys"),
        ({"$tuple": {}}, "a dict stands where a list belongs"),
        ({"$int": "0xzz"}, "ValueError"),
        ({"$timedelta": [True, 0, 0]}, "a bool stands where a int belongs"),
        ({"$float": "1.5"}, "no float that needs a tag"),
        ({"$set": [1, 1]}, "one item twice"),
        ({"$set": [[]]}, "unhashable"),
        ({"$dict": [[1, 2], [1, 3]]}, "one key twice"),
        ({"$dict": [[1]]}, "unpack"),
        ({"$bytes": "=x="}, "Error"),
        ({"$datetime": "2020-01-01T00:00:00+00:00"}, "the zone of a moment"),
        ({"$datetime": "2020-01-01", "zone": {"key": "../../etc/passwd"}}, "ValueError"),
        ({"$datetime": "2020-01-01", "zone": {"key": "No/Where"}}, "ZoneInfoNotFoundError"),
        ({"$datetime": "2020-01-01", "zone": {"x": 1}}, "a time zone has"),
        ({"$path": "object", "text": "a"}, "no kind of path"),
        ({"$enum": f"{__name__}:Color", "member": "BLUE"}, "no member 'BLUE'"),
        ({"$enum": f"{__name__}:Color"}, "KeyError"),
        ({"$enum": f"{__name__}:Right", "value": 64}, "ValueError"),
        ({"$enum": f"{__name__}:Point", "member": "x"}, "of another kind"),
        ({"$model": "os:system", "fields": {}}, "names the class os:system"),
        (model("Point"), "of another kind"),
        (model("Model", fields={}), "needs a value for needed"),
        (model("Strict"), "Strict has no 'needed'"),
        (model("Strict", fields={}, extra={"x": 1}), "takes no undeclared fields"),
        (model("Model", private={"_other": 1}), "Model has no '_other'"),
        (model("Model", fields=[]), "a list stands where a dict belongs"),
        ({"$data": f"{__name__}:Point", "fields": {}}, "needs a value for x"),
        ({"$data": f"{__name__}:Point", "fields": {"x": 1, "z": 1}}, "Point has no 'z'"),
        ({"$named": f"{__name__}:Pair", "items": [1]}, "has 2 items, and 1 are stored"),
        ({"$object": f"{__name__}:Plain", "state": {"__class__": 1}}, "no attribute that data may set"),
        ({"$object": f"{__name__}:Point", "state": {}}, "of another kind"),
        ({"$object": f"{__name__}:Failing", "state": {}}, "UnprintableError"),
        ({"$object": "builtins:list", "state": {}}, "names the class"),
        ({"$part": 0}, "no part 0"),
        ({"$parts": []}, "KeyError"),
        ({"$parts": [1, 2]}, "belong nowhere"),
        ({"$parts": [[{"$part": 1}, {"$part": 1}], 2]}, "no part 1"),
        ({"$parts": [{"$part": 1}, {"$part": 1}]}, "no part 1"),
        ({"$parts": [{"$part": 0}]}, "no part 0"),
        ({"$error": "builtins:ValueError"}, "goes with other keys"),
        (object(), "no data that JSON has"),
        ({1: 2}, "a int stands where a str belongs"),
        ({"a": [{"b": {"$x": 1}}]}, r"at value\['a'\]\[0\]\['b'\]"),
    ],
    ids=str,
)
def test_tampered_data_is_refused_with_the_reason(data: Any, reason: str) -> None:
    with pytest.raises(PayloadError, match=reason):
        SERIALIZER.deserialize_value(data)


def test_data_nested_too_deeply_is_refused() -> None:
    with pytest.raises(PayloadError, match="nested too deeply"):
        SERIALIZER.deserialize_value(deep_list(sys.getrecursionlimit() * 2))


@pytest.mark.parametrize("name", ["antigravity:x", "antigravity.Thing", "this.s", "this:s"])
@pytest.mark.parametrize("tag", ["$model", "$data", "$enum", "$object", "$type", "$error"])
def test_no_payload_makes_anything_imported(tag: str, name: str) -> None:
    beside: dict[str, Any] = {"$model": {"fields": {}}, "$data": {"fields": {}}, "$object": {"state": {}}}
    data: dict[str, Any] = {tag: name, **beside.get(tag, {})}
    if tag == "$error":
        data.update(message="m", attributes={}, traceback="")
    before = set(sys.modules)

    read_or_refused(data)

    assert set(sys.modules) == before


@pytest.mark.parametrize("cls", [json.JSONDecoder, type, object, dict, int])
def test_a_class_that_is_loaded_is_not_known_for_that(cls: type) -> None:
    with pytest.raises(PayloadError, match="names the class"):
        SERIALIZER.deserialize_value({"$object": f"{cls.__module__}:{cls.__qualname__}", "state": {}})
