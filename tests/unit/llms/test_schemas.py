"""JSON schemas as models want them."""

from typing import Any

import pytest
from pydantic import BaseModel, Field

from stepwell.llms._schemas import json_schema, strict_schema


class Leaf(BaseModel):
    title: str
    size: int | None


class Tree(BaseModel):
    leaves: list[Leaf]
    kind: str = Field(description="oak or elm")


class WithDefault(BaseModel):
    count: int = 1


class WithFreeKeys(BaseModel):
    names: dict[str, int]


class WithAnything(BaseModel):
    thing: Any


def test_a_closed_model_is_closed_for_strict_mode() -> None:
    strict = strict_schema(json_schema(Tree))

    assert strict is not None
    assert strict["additionalProperties"] is False
    assert strict["$defs"]["Leaf"]["additionalProperties"] is False
    assert strict["$defs"]["Leaf"]["required"] == ["title", "size"]


@pytest.mark.parametrize("model", [WithDefault, WithFreeKeys, WithAnything])
def test_what_strict_mode_cannot_say_is_not_said_strictly(model: type[BaseModel]) -> None:
    assert strict_schema(json_schema(model)) is None


def test_titles_made_of_names_are_left_out() -> None:
    assert json_schema(Leaf)["properties"]["title"] == {"type": "string"}
