"""The types of states: the dict-like default, and the one type that all steps of a workflow agree on."""

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel, PrivateAttr

from stepwell.errors import DefinitionError, StateDefaultsError, StateHierarchyError, StateModelError
from stepwell.runtime import DictState, infer_state_type
from stepwell.runtime._state_types import default_state


class Base(BaseModel):
    a: int = 0


class Left(Base):
    left: int = 0


class Right(Base):
    right: int = 0


class Both(Left, Right):
    pass


class Needy(Base):
    needed: int


class Mixed(DictState):
    declared: int = 1
    _secret: int = PrivateAttr(default=3)


CHAINS: list[tuple[list[Any], type[BaseModel]]] = [
    ([], DictState),
    ([Base], Base),
    ([Base, Left, Base], Left),
    ([Left, Base], Left),
    ([Left, Right, Both, Base], Both),
    ([DictState, Mixed], Mixed),
]


@pytest.mark.parametrize(("state_types", "inferred"), CHAINS)
def test_the_most_derived_state_type_is_the_state(
    state_types: list[type[BaseModel]], inferred: type[BaseModel]
) -> None:
    assert infer_state_type(state_types) is inferred


FAMILIES: list[list[Any]] = [[Left, Right], [Base, Left, Right], [Base, DictState]]


@pytest.mark.parametrize("state_types", FAMILIES)
def test_state_types_of_different_families_are_refused(state_types: list[type[BaseModel]]) -> None:
    with pytest.raises(StateHierarchyError, match="are not in a compatible inheritance hierarchy") as caught:
        infer_state_type(state_types)

    assert isinstance(caught.value, (DefinitionError, ValueError))
    assert caught.value.state_types == tuple(sorted(each.__name__ for each in state_types))


def test_a_state_type_needs_defaults() -> None:
    with pytest.raises(StateDefaultsError, match="State must have defaults for all fields: needed of Needy"):
        infer_state_type([Base, Needy])


def test_a_state_type_with_its_own_constructor_needs_defaults_too() -> None:
    class Own(BaseModel):
        def __init__(self, needed: int) -> None:
            super().__init__()

    with pytest.raises(StateDefaultsError, match="Own cannot be made without a value"):
        default_state(Own)


@pytest.mark.parametrize("wrong", [dict, int, None, "Base", dict[str, int]])
def test_a_state_type_is_a_pydantic_model(wrong: Any) -> None:
    with pytest.raises(StateModelError, match="must be a pydantic model"):
        infer_state_type([wrong])


def test_items_and_attributes_of_a_dict_state_are_the_same() -> None:
    state = DictState(a=1)
    state.b = 2
    state["c"] = 3

    assert (state["a"], state.b, state.c, state["b"]) == (1, 2, 3, 2)
    assert state == DictState(a=1, b=2, c=3)


def test_a_dict_state_is_like_a_dict() -> None:
    state = DictState(a=1)
    state.update({"b": 2}, c=3)

    assert list(state) == list(state.keys()) == ["a", "b", "c"]
    assert list(state.values()) == [1, 2, 3]
    assert dict(state.items()) == state.to_dict() == state.model_dump() == {"a": 1, "b": 2, "c": 3}
    assert (len(state), "a" in state, "z" in state) == (3, True, False)
    assert (state.get("a"), state.get("z"), state.get("z", 5)) == (1, None, 5)
    assert (state.pop("a"), state.pop("a", 7), state.setdefault("b", 9), state.setdefault("d", 4)) == (
        1,
        7,
        2,
        4,
    )
    del state["b"]
    assert state == DictState(c=3, d=4)


def test_an_empty_dict_state_is_true() -> None:
    assert DictState()


@pytest.mark.parametrize("name", ["items", "copy", "_x", "not a name", "model_fields", "self", ""])
def test_any_text_is_a_key(name: str) -> None:
    state = DictState(**{name: 1})
    state[name] = 2

    assert state[name] == 2
    assert state.to_dict() == {name: 2}


@pytest.mark.parametrize(
    ("miss", "error"),
    [
        (lambda state: state["z"], KeyError),
        (lambda state: state.z, AttributeError),
        (lambda state: state.pop("z"), KeyError),
        (lambda state: state.__delitem__("z"), KeyError),
    ],
)
def test_a_key_that_is_not_there_is_told_as_python_tells_it(
    miss: Callable[[DictState], object], error: type[Exception]
) -> None:
    with pytest.raises(error, match="z"):
        miss(DictState(a=1))


def test_a_dict_state_may_declare_fields_too() -> None:
    state = Mixed(free=1)  # type: ignore[call-arg]
    state.declared = 5
    state["declared"] += 1
    state.free = 2
    state._secret = 4

    assert (state.declared, state["declared"], state._secret) == (6, 6, 4)
    assert state.to_dict() == {"declared": 6, "free": 2}
    assert "declared" in state


def test_what_was_set_counts_as_set() -> None:
    state = DictState()
    state.a = 1
    state.b = 2
    state.pop("b")

    assert state.model_dump(exclude_unset=True) == {"a": 1}
    assert state.model_fields_set == {"a"}


def test_a_dict_state_survives_pickling_and_json() -> None:
    state = DictState(a=[1], b={"c": 2})

    assert pickle.loads(pickle.dumps(state)) == state
    assert DictState.model_validate_json(state.model_dump_json()) == state
