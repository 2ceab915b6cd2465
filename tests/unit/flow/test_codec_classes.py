"""Which classes a payload may name: those of an allow-list, and those that annotations reach."""

import dataclasses
import sys
import zipfile
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, TypedDict, TypeVar, Union

import pytest
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr
from typing_extensions import TypeAliasType

from stepwell.errors import AllowListError, PayloadError, UsageError
from stepwell.flow._codec_classes import KnownClasses
from stepwell.flow.codec import JsonSerializer, reachable_classes


class Color(Enum):
    RED = 1


class Leaf(BaseModel):
    color: Color = Color.RED


@dataclasses.dataclass
class Spot:
    leaf: "Leaf"
    later: "list[Spot]"


class Pair(NamedTuple):
    left: Spot
    right: int


class Shape(BaseModel):
    pass


class Circle(Shape):
    pass


class Options(TypedDict, total=False):
    pair: Pair


class NotedError(Exception):
    pass


class Mode(Enum):
    FAST = "fast"


T = TypeVar("T", bound=Leaf)
Alias = TypeAliasType("Alias", list[Leaf])


class Box(BaseModel, Generic[T]):
    content: T


class Extra(BaseModel):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Leaf]


class Private(BaseModel):
    _pair: Pair | None = PrivateAttr(default=None)


class Defaults(BaseModel):
    shape: Shape = Circle()
    made: Any = Field(default_factory=Leaf)


@pytest.mark.parametrize(
    ("annotation", "reached"),
    [
        (Leaf, {Leaf, Color}),
        (Spot, {Spot, Leaf, Color}),
        (Pair, {Pair, Spot, Leaf, Color}),
        (list[dict[str, Optional[Leaf]]], {Leaf, Color}),  # noqa: UP045  # the older spelling must work too
        (Union[Leaf, Mapping[Color, int]], {Leaf, Color}),  # noqa: UP007
        (Annotated[Leaf | None, "a note"], {Leaf, Color}),
        (Callable[[Leaf], Mode], {Leaf, Color, Mode}),
        (type[Color], {Color}),
        (Literal[Mode.FAST], {Mode}),
        (Options, {Pair, Spot, Leaf, Color}),
        (Box[Leaf], {Box[Leaf], Leaf, Color}),
        (Box, {Box, Leaf, Color}),
        (Alias, {Leaf, Color}),
        (Extra, {Extra, Leaf, Color}),
        (Private, {Private, Pair, Spot, Leaf, Color}),
        (Defaults, {Defaults, Shape, Circle, Leaf, Color}),
        (NotedError, {NotedError}),
        (int, set()),
        (Any, set()),
        (dict[str, Any], set()),
        (None, set()),
        ("Leaf", set()),
    ],
    ids=str,
)
def test_annotations_lead_to_the_classes_of_data(annotation: Any, reached: set[type]) -> None:
    assert set(reachable_classes([annotation])) == reached


def test_classes_made_in_functions_are_reached() -> None:
    class Local(BaseModel):
        color: Color

    @dataclasses.dataclass
    class Outer:
        local: Local
        unresolved: "Nowhere"  # type: ignore[name-defined] # noqa: F821

    assert set(reachable_classes([Outer])) == {Outer, Local, Color}


def test_each_class_is_told_once_in_the_order_of_its_discovery() -> None:
    assert reachable_classes([Leaf, Spot, Leaf]) == (Leaf, Spot, Color)


def test_what_annotations_reach_can_be_stored() -> None:
    serializer = JsonSerializer().with_types(*reachable_classes([Options]))
    value = {"pair": Pair(Spot(Leaf(), [Spot(Leaf(), [])]), 3)}

    assert serializer.deserialize(serializer.serialize(value)) == value


def test_more_types_make_another_serializer() -> None:
    few = JsonSerializer(allowed_types=[Color])
    more = few.with_types(Leaf)

    assert more.resolve_class(f"{__name__}.Leaf") is Leaf
    assert more.resolve_class(f"{__name__}.Color") is Color
    with pytest.raises(PayloadError, match="allowed_types"):
        few.resolve_class(f"{__name__}.Leaf")


def test_a_class_may_be_allowed_by_its_name_and_is_imported_when_used() -> None:
    sys.modules.pop("wave", None)
    serializer = JsonSerializer(allowed_types=["fractions.Fraction", "wave.Error", "pathlib:Path"])

    assert "wave" not in sys.modules
    assert serializer.resolve_class("wave.Error").__name__ == "Error"
    assert serializer.resolve_class("pathlib:Path") is Path


def test_a_nested_class_may_be_allowed_by_its_name() -> None:
    assert JsonSerializer(allowed_types=["zipfile.Path"]).resolve_class("zipfile.Path") is zipfile.Path
    assert KnownClasses(["unittest.mock.Mock.__class__"]).find("unittest.mock.Mock.__class__") is type


@pytest.mark.parametrize("entry", [3, None, "Leaf", "a b.C", "", ".x", "a..b"])
def test_an_allow_list_holds_classes_and_their_names_only(entry: Any) -> None:
    with pytest.raises(AllowListError, match="allowed_types cannot hold") as caught:
        JsonSerializer(allowed_types=[entry])

    assert isinstance(caught.value, (UsageError, TypeError))


@pytest.mark.parametrize("name", ["no_such_module.Class", "json.NoSuchClass", "json.dumps"])
def test_a_name_on_an_allow_list_that_names_no_class_is_an_error_of_the_list(name: str) -> None:
    serializer = JsonSerializer(allowed_types=[name])

    with pytest.raises(AllowListError, match="there is no such class"):
        serializer.deserialize_value({"$type": name})


def test_a_class_of_a_script_is_found_when_the_script_is_a_module_now() -> None:
    known = KnownClasses([Leaf, Color])

    assert known.find("__main__:Leaf") is Leaf
    assert known.find("other:Leaf") is None
    assert known.find("__main__:Other") is None


def test_a_class_of_a_module_is_found_when_the_module_runs_as_a_script() -> None:
    script = type("Leaf", (BaseModel,), {"__module__": "__main__"})

    assert KnownClasses([script]).find("program:Leaf") is script
    assert KnownClasses([script, Leaf]).find(f"{__name__}:Leaf") is Leaf


def test_a_class_of_a_script_is_not_guessed_among_namesakes() -> None:
    other = type("Leaf", (BaseModel,), {"__module__": "elsewhere"})

    assert KnownClasses([other, Leaf]).find("__main__:Leaf") is None


def test_the_errors_of_the_house_and_of_python_are_known_always() -> None:
    known = KnownClasses()

    assert known.find("builtins:ValueError") is ValueError
    assert known.find(f"{UsageError.__module__}:UsageError") is UsageError
    assert known.find("builtins:KeyboardInterrupt") is None
    assert known.find("builtins:int") is None
