"""Tools made of typed functions."""

import threading
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from stepwell.errors import ToolArgumentsError, ToolDefinitionError
from stepwell.llms import FunctionTool
from stepwell.llms._tools import as_text


class Place(BaseModel):
    name: str
    title: str = ""


@dataclass
class Found:
    count: int
    when: date


def book(  # noqa: D417 - one parameter is described by its annotation
    place: Place,
    nights: Annotated[int, Field(ge=1, description="how many")] = 1,
    board: Annotated[Literal["none", "half"], "with meals or not"] = "none",
) -> str:
    """Book a room.

    It cannot be undone.

    Args:
        place (Place): where to stay,
            anywhere
        nights: not used, the annotation wins
    Returns:
        nothing: a word
    """
    return f"{place.name}/{nights}/{board}"


def test_the_schema_comes_from_annotations_and_docstring() -> None:
    tool = FunctionTool(book)

    properties = tool.schema["properties"]

    assert tool.name == "book"
    assert tool.description == "Book a room.\n\nIt cannot be undone."
    assert properties["place"]["description"] == "where to stay, anywhere"
    assert properties["nights"] == {"default": 1, "description": "how many", "minimum": 1, "type": "integer"}
    assert properties["board"]["enum"] == ["none", "half"]
    assert tool.schema["required"] == ["place"]


def test_a_parameter_may_be_called_like_a_method_of_a_model() -> None:
    def send(json: str, schema: int = 1, _hidden: str = "x") -> str:
        return f"{json}{schema}{_hidden}"

    assert FunctionTool(send).invoke({"json": "{}"}) == "{}1x"


def test_a_field_called_title_survives() -> None:
    assert set(FunctionTool(book).schema["$defs"]["Place"]["properties"]) == {"name", "title"}


async def test_arguments_reach_the_function_as_its_types() -> None:
    assert await FunctionTool(book).ainvoke({"place": {"name": "Ulm"}, "nights": "2"}) == "Ulm/2/none"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"nights": 1}, "place: Field required"),
        ({"place": {"name": "x"}, "nights": 0}, "nights: Input should be greater than or equal to 1"),
        ({"place": {"name": "x"}, "extra": 1}, "extra: Extra inputs are not permitted"),
        ('{"place": ', "they are no JSON object"),
    ],
)
async def test_wrong_arguments_are_said_place_by_place(arguments: Any, problem: str) -> None:
    with pytest.raises(ToolArgumentsError, match=problem):
        await FunctionTool(book).ainvoke(arguments)


async def test_a_plain_function_runs_in_a_thread() -> None:
    def where() -> int:
        return threading.get_ident()

    assert await FunctionTool(where).ainvoke({}) != threading.get_ident()


async def test_an_async_function_runs_in_the_loop() -> None:
    async def where() -> int:
        return threading.get_ident()

    assert await FunctionTool(where).ainvoke({}) == threading.get_ident()


def test_a_program_without_a_loop_calls_a_tool_as_well() -> None:
    assert FunctionTool.from_defaults(fn=book).invoke({"place": {"name": "Ulm"}}) == "Ulm/1/none"


def test_a_callable_object_can_be_a_tool() -> None:
    class Adder:
        """Adds."""

        def __call__(self, one: int, other: int) -> int:
            return one + other

    tool = FunctionTool(Adder(), name="add")

    assert tool.invoke({"one": 1, "other": 2}) == 3
    assert tool.description == "Adds."


def test_a_parameter_without_a_type_is_refused() -> None:
    def search(query) -> str:  # type: ignore[no-untyped-def]
        return str(query)

    with pytest.raises(ToolDefinitionError, match="no type for its parameter 'query'"):
        FunctionTool(search)


def test_parameters_without_names_are_refused() -> None:
    def search(*queries: str) -> str:
        return "".join(queries)

    with pytest.raises(ToolDefinitionError, match=r"takes \*queries: str"):
        FunctionTool(search)


def test_a_type_without_a_schema_is_refused() -> None:
    class Opaque: ...

    def search(query: Opaque) -> str:
        return str(query)

    with pytest.raises(ToolDefinitionError, match="cannot be a tool"):
        FunctionTool(search)


def test_a_name_that_no_model_takes_is_refused() -> None:
    with pytest.raises(ToolDefinitionError, match="1 to 64 letters"):
        FunctionTool(lambda: "", name="what is this")


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("as it is", "as it is"),
        (None, "null"),
        ({"a": [1, 2]}, '{"a":[1,2]}'),
        (Place(name="Ulm"), '{"name":"Ulm","title":""}'),
        (Found(1, date(2026, 1, 2)), '{"count":1,"when":"2026-01-02"}'),
        (Ellipsis, '"Ellipsis"'),
    ],
)
def test_results_become_text_a_model_reads(result: Any, text: str) -> None:
    assert as_text(result) == text
