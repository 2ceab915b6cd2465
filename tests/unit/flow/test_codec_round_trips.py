"""What is stored comes back as it was: same types, same values, in another process too."""

import dataclasses
import json
import math
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum
from functools import cached_property
from pathlib import Path, PosixPath, PurePosixPath, PureWindowsPath
from typing import Any, Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, RootModel, field_validator
from pydantic.dataclasses import dataclass as pydantic_dataclass

from stepwell.errors import PayloadError, UnencodableValueError
from stepwell.flow.codec import JsonSerializer, PickleSerializer


class Color(Enum):
    RED = 1
    CRIMSON = 1  # noqa: PIE796  # another name of the same member
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1


class Word(StrEnum):
    YES = "yes"


class Right(Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Point:
    x: Any
    y: Any = None

    @cached_property
    def double(self) -> Any:
        return (self.x, self.x)


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    name: str
    secret: int = dataclasses.field(default=3, init=False)


class Pair(NamedTuple):
    left: Any
    right: Any


class Inner(BaseModel):
    value: Any = None


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    inner: Inner = Inner()
    count: int = 0
    _note: Any = PrivateAttr(default="private")


class Doubling(BaseModel):
    """A model whose validator must not run twice."""

    count: int

    @field_validator("count")
    @classmethod
    def double(cls, count: int) -> int:
        return 2 * count


class Plain:
    def __init__(self, items: Any) -> None:
        self.items = items

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plain) and same(self.items, other.items)

    __hash__ = None  # type: ignore[assignment]


class Slotted:
    __slots__ = ("a", "b")
    a: Any
    b: Any


def is_signaling(value: Any) -> bool:
    return type(value) is Decimal and value.is_snan()


ALL_CLASSES: tuple[type, ...] = (
    Color,
    Level,
    Word,
    Right,
    Point,
    Frozen,
    Pair,
    Inner,
    Open,
    Doubling,
    Plain,
    Slotted,
)

ZONES = st.one_of(
    st.none(),
    st.sampled_from([UTC, ZoneInfo("UTC"), ZoneInfo("Europe/Zurich")]),
    st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23))),
    st.builds(timezone, st.just(timedelta(hours=1)), st.text()),
)
MOMENTS = st.builds(
    lambda moment, zone, fold: moment.replace(tzinfo=zone, fold=fold),
    st.datetimes() | st.times(),
    ZONES,
    st.integers(0, 1),
)
TEXTS = st.text() | st.text(st.characters(categories=["Cs", "Lu"]), max_size=4) | st.sampled_from(["$x", "$", ""])
KINDS: list[st.SearchStrategy[Any]] = [
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([2**63, 2**63 - 1, -(2**63), -(2**63) - 1]),
    st.floats(),
    TEXTS,
    st.binary(),
    st.binary().map(bytearray),
    MOMENTS,
    st.dates(),
    st.timedeltas(),
    st.decimals() | st.sampled_from([Decimal("-0"), Decimal("sNaN123"), Decimal("1E+999999")]),
    st.uuids(),
    st.builds(PurePosixPath, TEXTS.filter(lambda text: "\0" not in text)),
    st.builds(PureWindowsPath, st.sampled_from(["C:\\a", "\\\\host\\share\\x", "a/b", ""])),
    st.sampled_from([Path("a/b"), Path("/"), Path()]),
    st.sampled_from([*Color, *Level, *Word, Right(0), Right.READ, Right.READ | Right.WRITE]),
    st.builds(Frozen, TEXTS),
    st.sampled_from(ALL_CLASSES),
]


@st.composite
def scalars(draw: st.DrawFn) -> Any:
    """A name for the many kinds: their whole description would be too long to show."""
    return draw(st.sampled_from(KINDS).flatmap(lambda kind: kind))


SCALARS = scalars()
NAMES = st.sampled_from(["a", "b_c", "$d", "not a name", "items"])
HASHABLE = st.recursive(
    SCALARS.filter(lambda value: type(value) is not bytearray and not is_signaling(value)),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3) | st.builds(Pair, inner, inner),
    max_leaves=4,
)


def with_private(model: Open, note: Any) -> Open:
    model._note = note
    return model


VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=3).map(tuple),
        st.sets(HASHABLE, max_size=3),
        st.frozensets(HASHABLE, max_size=3),
        st.dictionaries(TEXTS, inner, max_size=4),
        st.dictionaries(HASHABLE, inner, max_size=3),
        st.builds(Point, inner, inner),
        st.builds(Pair, inner, inner),
        st.builds(Inner, value=inner),
        st.builds(Inner),
        st.builds(Plain, inner),
        st.builds(
            with_private,
            st.builds(
                lambda extra, count: Open(count=count, **extra),
                st.dictionaries(NAMES, inner),
                st.integers(),
            ),
            inner,
        ),
    ),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    """Return whether two values are of the same types, through and through, and equal; NaN is itself."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return same(list(a.items()), list(b.items()))
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, (set, frozenset)):
        return len(a) == len(b) and all(any(same(x, y) for y in b) for x in a)
    if isinstance(a, (BaseModel, Point, Plain)):
        return same(contents(a), contents(b))
    return same_scalar(a, b)


def contents(value: Any) -> Any:
    if not isinstance(value, BaseModel):
        return vars(value)
    return (
        {name: value.__dict__[name] for name in type(value).model_fields},
        value.__pydantic_extra__,
        value.__pydantic_private__,
        value.__pydantic_fields_set__,
    )


def same_scalar(a: Any, b: Any) -> bool:
    if type(a) is float:
        return a == b and math.copysign(1, a) == math.copysign(1, b) if a == a else b != b
    if type(a) is Decimal:
        return bool(a.as_tuple() == b.as_tuple())
    if isinstance(a, datetime) or hasattr(a, "tzinfo"):
        return repr(a) == repr(b)
    return bool(a == b)


SERIALIZER = JsonSerializer(allowed_types=ALL_CLASSES)


def there_and_back(value: Any, *classes: type) -> Any:
    serializer = SERIALIZER.with_types(*classes)
    return serializer.deserialize(serializer.serialize(value))


@given(VALUES)
def test_every_value_comes_back_as_it_was(value: Any) -> None:
    assert same(there_and_back(value), value)


@given(VALUES)
def test_the_data_is_plain_json(value: Any) -> None:
    data = SERIALIZER.serialize_value(value)

    assert same(json.loads(json.dumps(data, allow_nan=False)), data)
    assert same(SERIALIZER.deserialize_value(data), value)


@pytest.mark.parametrize("number", [10**5000, -(10**5000)], ids=["huge", "negative"])
def test_an_int_may_have_more_digits_than_python_prints(number: int) -> None:
    assert there_and_back({number: number}) == {number: number}


def test_plain_data_looks_like_itself() -> None:
    plain = {"a": [1, 2.5, "text", None, True], "b": {"c": {}}}

    assert SERIALIZER.serialize_value(plain) == plain


def test_the_data_shares_nothing_with_the_value() -> None:
    value: dict[str, Any] = {"a": [1]}

    data = SERIALIZER.serialize_value(value)
    value["a"].append(2)

    assert data == {"a": [1]}


def test_a_validator_does_not_run_again() -> None:
    assert there_and_back(Doubling(count=2)).count == 4


def test_a_state_that_its_own_validators_would_refuse_comes_back() -> None:
    model = Doubling(count=1)
    model.__dict__["count"] = "not a number"

    assert there_and_back(model).count == "not a number"


def test_a_private_attribute_that_is_no_data_takes_its_default() -> None:
    class Client(BaseModel):
        _lock: Any = PrivateAttr(default_factory=threading.Lock)
        _seen: list[int] = PrivateAttr(default_factory=list)
        name: str = ""

    client = Client(name="a")
    client._seen.append(1)

    back = there_and_back(client, Client)

    assert (back.name, back._seen) == ("a", [1])
    assert back._lock is not client._lock


def test_a_private_attribute_that_is_no_data_and_has_no_default_is_refused() -> None:
    class Client(BaseModel):
        _lock: Any = PrivateAttr()

    client = Client()
    client._lock = threading.Lock()

    with pytest.raises(UnencodableValueError, match=r"value\._lock"):
        there_and_back(client, Client)


def test_which_fields_were_set_is_kept() -> None:
    assert there_and_back(Open(count=1, more=2)).model_dump(exclude_unset=True) == {"count": 1, "more": 2}  # type: ignore[call-arg]
    assert there_and_back(Open()).model_fields_set == set()


def test_what_is_worked_out_is_not_stored() -> None:
    point = Point(1)
    assert point.double == (1, 1)

    assert vars(there_and_back(point)) == {"x": 1, "y": None}


def test_an_attribute_that_no_field_declares_is_kept() -> None:
    point = Point(1)
    point.label = "extra"  # type: ignore[attr-defined]

    assert there_and_back(point).label == "extra"


def test_an_object_with_slots_keeps_what_it_has() -> None:
    slotted = Slotted()
    slotted.a = [1]

    back = there_and_back(slotted)

    assert back.a == [1]
    assert not hasattr(back, "b")


def test_a_plain_object_is_asked_how_it_wants_to_be_stored() -> None:
    class Counted:
        def __init__(self) -> None:
            self.count, self.lock = 1, threading.Lock()

        def __getstate__(self) -> dict[str, Any]:
            return {"count": self.count}

        def __setstate__(self, state: dict[str, Any]) -> None:
            self.count, self.lock = state["count"] + 1, threading.Lock()

    assert there_and_back(Counted(), Counted).count == 2


def test_an_object_without_attributes_is_stored() -> None:
    class Empty:
        pass

    assert type(there_and_back(Empty(), Empty)) is Empty


T = TypeVar("T")


class Box(BaseModel, Generic[T]):
    content: T


class Names(RootModel[list[str]]):
    pass


@pydantic_dataclass
class Checked:
    count: int
    names: list[str] = Field(default_factory=list)


@pytest.mark.parametrize(
    "value",
    [Box[int](content=3), Names(["a"]), Checked(count=3)],
    ids=["generic", "root", "dataclass"],
)
def test_every_kind_of_pydantic_class_is_stored(value: Any) -> None:
    back = there_and_back(value, type(value))

    assert type(back) is type(value)
    assert back == value


def test_classes_made_in_functions_are_stored() -> None:
    @dataclasses.dataclass
    class Local:
        inner: "Any"

    class Model(BaseModel):
        local: Local

    back = there_and_back(Model(local=Local([1])), Model, Local)

    assert back == Model(local=Local([1]))


def test_a_deep_value_comes_back() -> None:
    deep: Any = None
    for number in range(3_000):
        deep = ({"a": deep}, [deep], Pair(deep, 1), (deep,), Point(deep), Inner(value=deep))[number % 6]

    back = there_and_back(deep)

    for _ in range(3_000):
        assert type(back) is type(deep)
        if isinstance(deep, dict):
            deep, back = deep["a"], back["a"]
        elif isinstance(deep, (Point, Inner)):
            (_, deep), *_ = vars(deep).items()
            (_, back), *_ = vars(back).items()
        else:
            deep, back = deep[0], back[0]
    assert back is deep is None


def test_a_wide_and_deep_value_comes_back() -> None:
    tree: Any = 0
    for _ in range(120):
        tree = [tree, {"leaf": (1,)}]

    assert same(there_and_back(tree), tree)


def test_a_path_of_another_system_is_known_but_not_opened() -> None:
    foreign = {"$path": "WindowsPath", "text": "C:\\a"}
    own = {"$path": "PosixPath", "text": "/a"}

    assert SERIALIZER.deserialize_value(foreign) == PureWindowsPath("C:\\a")
    assert type(SERIALIZER.deserialize_value(own)) is type(Path()) is PosixPath


def test_a_field_that_was_added_since_takes_its_default() -> None:
    assert SERIALIZER.deserialize_value({"$model": name_of(Open), "fields": {"count": 2}}) == Open(count=2)
    assert SERIALIZER.deserialize_value({"$data": name_of(Point), "fields": {"x": 2}}) == Point(2)


def name_of(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def test_another_process_reads_what_this_one_wrote(tmp_path: Path) -> None:
    (tmp_path / "things.py").write_text(
        "import dataclasses, enum\n"
        "from pydantic import BaseModel\n"
        "from stepwell.flow.codec import JsonSerializer\n"
        "class Hue(enum.Enum):\n    RED = 1\n"
        "@dataclasses.dataclass\nclass Spot:\n    hue: Hue\n"
        "class State(BaseModel):\n    spots: dict[tuple[int, int], Spot] = {}\n"
        "serializer = JsonSerializer(allowed_types=[Hue, Spot, State])\n"
        "if __name__ == '__main__':\n"
        "    print(serializer.serialize(State(spots={(1, 2): Spot(Hue.RED)})))\n"
    )
    text = run_python(tmp_path, "things.py")

    reader = "import sys, things; print(things.serializer.deserialize(sys.argv[1]))"

    assert run_python(tmp_path, "-c", reader, text).strip() == "spots={(1, 2): Spot(hue=<Hue.RED: 1>)}"


def run_python(folder: Path, *arguments: str) -> str:
    result = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return result.stdout


def test_pickles_are_written_and_read_by_who_asks_for_them() -> None:
    serializer = PickleSerializer()

    assert serializer.deserialize(serializer.serialize({"a": Pair(1, {2})})) == {"a": Pair(1, {2})}
    with pytest.raises(UnencodableValueError, match="cannot be pickled"):
        serializer.serialize(threading.Lock())
    for foreign in ("", "no base64!", SERIALIZER.serialize(1), "aGVsbG8="):
        with pytest.raises(PayloadError, match="no pickle"):
            serializer.deserialize(foreign)


def test_a_pickle_is_never_read_by_the_json_serializer() -> None:
    with pytest.raises(PayloadError, match="no JSON"):
        SERIALIZER.deserialize(PickleSerializer().serialize([1]))


def test_values_keep_the_classes_of_their_enums() -> None:
    assert there_and_back(Color.CRIMSON) is Color.RED


def test_a_plain_object_equals_its_copy() -> None:
    assert there_and_back(Plain([1, (2,)])) == Plain([1, (2,)])
