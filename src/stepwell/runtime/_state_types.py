"""State types: which one a workflow has, how a state of it begins, and how a whole state is taken in."""

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from stepwell import errors
from stepwell.runtime._dict_state import DictState

S = TypeVar("S", bound=BaseModel)


def infer_state_type(state_types: Iterable[type[BaseModel]]) -> type[BaseModel]:
    """Return the one type that derives from all of ``state_types``; ``DictState`` if there are none.

    A ``DefinitionError`` says when there is no such type, or when it cannot be made without arguments.
    """
    distinct = list(dict.fromkeys(state_types))
    for state_type in distinct:
        if not is_model(state_type):
            raise errors.StateModelError(state_type=state_type)
    if not distinct:
        return DictState
    for state_type in distinct:
        if all(issubclass(state_type, other) for other in distinct):
            default_state(state_type)
            return state_type
    raise errors.StateHierarchyError(state_types=(state_type.__name__ for state_type in distinct))


def is_model(state_type: object) -> bool:
    return isinstance(state_type, type) and issubclass(state_type, BaseModel)


def default_state(state_type: type[S]) -> S:
    """Return a state as a run begins with it; the error names the fields without a default."""
    try:
        return state_type()
    except ValidationError as error:
        fields = (str(problem["loc"][0]) for problem in error.errors() if problem["loc"])
        raise errors.StateDefaultsError(state_type=state_type.__name__, fields=fields) from error
    except TypeError as error:
        raise errors.StateDefaultsError(state_type=state_type.__name__, fields=()) from error


def merged_state(current: S, incoming: Any) -> S:
    """Return ``incoming`` as the new state; of a parent type, ``current`` with its fields."""
    if isinstance(incoming, type(current)):
        return incoming.model_copy()
    if isinstance(incoming, BaseModel) and isinstance(current, type(incoming)):
        return current.model_copy(update={**incoming.__dict__, **(incoming.__pydantic_extra__ or {})})
    raise errors.StateTypeError(expected=type(current).__name__, given=type(incoming).__name__)
