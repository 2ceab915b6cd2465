"""What cannot be stored without loss is refused at once, with its path and what to do."""

import asyncio
import dataclasses
import functools
import io
import re
import threading
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import datetime, timedelta, tzinfo
from enum import Enum
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel, ConfigDict

from stepwell.errors import ContextSerdeError, UnencodableValueError
from stepwell.flow.codec import JsonSerializer


class State(BaseModel):
    model_config = ConfigDict(extra="allow")
    items: list[Any] = []


@dataclasses.dataclass
class Holder:
    client: Any


class Unknown(BaseModel):
    pass


class UnknownEnum(Enum):
    A = 1


class UnknownTuple(NamedTuple):
    a: int


class OwnZone(tzinfo):
    def utcoffset(self, moment: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, moment: datetime | None) -> str:
        return "own"

    def dst(self, moment: datetime | None) -> timedelta:
        return timedelta(0)


class OwnStr(str):
    __slots__ = ()


class Reduced:
    def __reduce__(self) -> Any:
        return (Reduced, ())


SERIALIZER = JsonSerializer(allowed_types=[State, Holder, Reduced])


def refused(value: Any, root: str = "state") -> UnencodableValueError:
    with pytest.raises(UnencodableValueError, match="Failed to serialize value") as caught:
        SERIALIZER.serialize_value(value, root=root)
    return caught.value


def test_the_path_of_a_value_that_cannot_be_stored_is_told() -> None:
    error = refused(State(items=[1, 2, 3, Holder(threading.Lock())]))

    assert error.path == "state.items[3].client"
    assert error.value_type == "lock"
    assert isinstance(error, (ContextSerdeError, ValueError))


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": {1: [object()]}}, "state['a'][1][0]"),
        (State(more={(1, 2): object()}), "state.more[(1, 2)]"),  # type: ignore[call-arg]
        ([(0, {object()})], "state[0][1][0]"),
        ({frozenset({lambda: 1}): 1}, None),
        ({"k" * 100: object()}, f"state['{'k' * 59}…]"),
        (object(), "state"),
    ],
)
def test_the_path_says_how_to_get_there(value: Any, path: str | None) -> None:
    error = refused(value)

    assert path is None or error.path == path


def test_the_path_of_a_deep_value_is_whole_where_it_can_be_shown() -> None:
    value: Any = object()
    for _ in range(300):
        value = [value]

    assert refused({"a": value}).path.startswith("state['a'][0][0][0][0][0]…(289 more)…[0]")


def test_a_value_in_a_part_of_its_own_has_its_whole_path() -> None:
    value: Any = {"x": object()}
    for _ in range(9):
        value = {"a": value}
    for _ in range(35):
        value = (value,)

    path = refused(value).path

    assert path.count("[0]") + path.count("['a']") == 11
    assert path.endswith("['a']['x']")


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (Unknown(), "allowed_types does not hold it; add it there"),
        (UnknownEnum.A, "leads to the class UnknownEnum"),
        (UnknownTuple(1), "leads to the class UnknownTuple"),
        (Unknown, "it is a class that allowed_types does not hold"),
        (OrderedDict(a=1), "only an exact dict is stored without loss; convert the value to dict"),
        (defaultdict(list), "convert the value to dict"),
        (Counter("a"), "convert the value to dict"),
        (OwnStr("a"), "convert the value to str"),
        (deque([1]), "not data"),
        (threading.Lock(), "not data; keep them in a resource"),
        (lambda: 1, "not data"),
        (functools.partial(print), "not data"),
        (io.StringIO(), "not data"),
        (re.compile("a"), "not data"),
        ((number for number in [1]), "not data"),
        (complex(1), "not data"),
        (range(3), "not data"),
        (..., "not data"),
        (asyncio.Event(), "not data"),
        (int, "it is a class that allowed_types does not hold"),
        (datetime(2020, 1, 1, tzinfo=OwnZone()), "time zone is a OwnZone"),
        (Reduced(), "made in a way of its own"),
    ],
    ids=repr,
)
def test_a_value_that_is_no_data_is_refused_with_advice(value: Any, advice: str) -> None:
    assert advice in refused([value]).reason


def ring(length: int) -> list[Any]:
    first: list[Any] = []
    last = first
    for _ in range(length - 1):
        last.append([])
        last = last[0]
    last.append(first)
    return first


@pytest.mark.parametrize("length", [1, 2, 39, 40, 41, 100])
def test_a_value_that_contains_itself_is_refused(length: int) -> None:
    assert "contains itself" in refused(ring(length)).reason


def test_an_object_that_contains_itself_is_refused() -> None:
    state, holder = State(), Holder(None)
    state.items.append(holder)
    holder.client = {"back": state}

    assert refused(state).path == "state.items[0].client['back']"


def test_one_value_in_two_places_is_no_ring() -> None:
    shared = [1]

    assert SERIALIZER.serialize_value({"a": shared, "b": [shared, shared]}) == {"a": [1], "b": [[1], [1]]}


def test_a_subclass_of_a_known_class_is_not_known() -> None:
    class Derived(State):
        pass

    assert "Derived" in refused(Derived()).reason


def test_a_named_tuple_with_attributes_of_its_own_is_refused() -> None:
    class WithDict(UnknownTuple):
        pass

    value = WithDict(1)
    value.label = "x"  # type: ignore[attr-defined]

    with pytest.raises(UnencodableValueError, match="attributes of its own"):
        SERIALIZER.with_types(WithDict).serialize(value)


def test_a_dataclass_that_is_also_a_container_is_refused() -> None:
    @dataclasses.dataclass
    class Both(dict[str, int]):
        x: int = 0

    with pytest.raises(UnencodableValueError, match="subclass of a built-in container"):
        SERIALIZER.with_types(Both).serialize(Both())


def test_two_classes_of_one_name_cannot_be_told_apart() -> None:
    def make() -> type[BaseModel]:
        class Twin(BaseModel):
            pass

        return Twin

    first, second = make(), make()
    serializer = JsonSerializer(allowed_types=[first, second])

    with pytest.raises(UnencodableValueError, match="two known classes have this name"):
        serializer.serialize(first())
    assert JsonSerializer(allowed_types=[first]).serialize(first())


def test_a_stack_that_is_almost_full_is_an_error_too() -> None:
    def descend(levels: int) -> str:
        try:
            return descend(levels + 1)
        except RecursionError:
            with pytest.raises(UnencodableValueError, match="stack"):
                SERIALIZER.serialize_value([[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]])
            return "refused"

    try:
        assert descend(0) == "refused"
    except RecursionError:
        pytest.skip("pytest itself needs more of the stack than is left here")
