"""Isolated copies of states: what ``edit_state`` lets a step change without anybody seeing it before its end.

Containers, dataclasses and models are copied through and through. What cannot be copied (a client, a lock,
a module) is shared between the copy and the original, alone: what stands beside it is still copied.
"""

import copy
import dataclasses
from typing import Any, TypeVar

from pydantic import BaseModel

from stepwell import errors

T = TypeVar("T", bound=BaseModel)

ATOMS = frozenset({str, int, float, bool, bytes, complex, type(None), type})


def isolated_copy(state: T) -> T:
    """Return a copy that shares nothing changeable with ``state`` except what cannot be copied."""
    try:
        clone: T = copied(state, {})
    except RecursionError as error:
        raise errors.StateCopyError(state_type=type(state).__name__) from error
    return clone


def recorded_copy(value: Any) -> Any:
    """Return what is recorded of a call's result, or handed out of a record: the body may change its own in place.

    Containers, dataclasses and models are copied. Any other object, and what is nested too deeply, is shared.
    """
    if type(value) in ATOMS:
        return value
    if not isinstance(value, (list, dict, tuple, set, BaseModel)) and not dataclasses.is_dataclass(type(value)):
        return value
    try:
        return copied(value, {})
    except RecursionError:
        return value


def copied(value: Any, memo: dict[int, Any]) -> Any:
    """Return a deep copy; ``memo`` keeps one copy for each original, so shared and circular parts stay so."""
    if type(value) in ATOMS:
        return value
    if id(value) in memo:
        return memo[id(value)]
    if isinstance(value, tuple):
        clone = copied_tuple(value, memo)
    elif hasattr(type(value), "__deepcopy__") and not isinstance(value, BaseModel):
        clone = copied_or_shared(value, memo)
    elif isinstance(value, (dict, list, BaseModel)) or dataclasses.is_dataclass(type(value)):
        # Noted before it is filled: what it holds may hold it in turn.
        clone = memo[id(value)] = copy.copy(value)
        fill(clone, memo)
    else:
        clone = copied_or_shared(value, memo)
    memo[id(value)] = clone
    return clone


def fill(clone: Any, memo: dict[int, Any]) -> None:
    """Replace what a shallow copy holds by copies."""
    if isinstance(clone, list):
        for index, item in enumerate(clone):
            clone[index] = copied(item, memo)
    elif isinstance(clone, dict):
        for key, item in clone.items():
            clone[key] = copied(item, memo)
    elif isinstance(clone, BaseModel):
        # No validator is asked again: the values are equal to those that passed.
        for values in (clone.__dict__, clone.__pydantic_extra__, clone.__pydantic_private__):
            if values is not None:
                fill(values, memo)
    else:
        for field in dataclasses.fields(clone):
            if hasattr(clone, field.name):
                object.__setattr__(clone, field.name, copied(getattr(clone, field.name), memo))


def copied_tuple(value: tuple[Any, ...], memo: dict[int, Any]) -> Any:
    """Return a tuple of copies, of the same named kind."""
    items = [copied(item, memo) for item in value]
    make = getattr(type(value), "_make", type(value))
    return make(items)


def copied_or_shared(value: Any, memo: dict[int, Any]) -> Any:
    """Return what ``copy.deepcopy`` makes of ``value``, or ``value`` itself where that fails."""
    try:
        return copy.deepcopy(value, memo)
    except RecursionError:
        raise
    except Exception:  # noqa: BLE001  # whatever foreign copying code raises means: this cannot be copied
        return value
