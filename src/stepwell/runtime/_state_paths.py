"""Paths into a state: what a segment of ``"users.3.name"`` means to each kind of holder.

A segment is a key of a dict (as text, else as the whole number it spells), an index of a list or tuple,
a field of a model, or an attribute of anything else. Methods and double-underscore names are never found.
"""

import copy
import dataclasses
from enum import Enum
from types import BuiltinMethodType, MethodType
from typing import Any, Final

from pydantic import BaseModel

from stepwell.errors import StatePathError, StatePathLengthError, StateWriteError, nearest

LONGEST_PATH = 1000
NAMES_SHOWN = 8


class Absence(Enum):
    """The one thing that no state can hold."""

    MISSING = "missing"


MISSING: Final = Absence.MISSING


def split_path(path: str) -> list[str]:
    """Return the segments of ``path``; an error says when there are too many."""
    segments = path.split(".")
    if len(segments) > LONGEST_PATH:
        raise StatePathLengthError(segments=len(segments), most=LONGEST_PATH)
    return segments


def spelled_number(segment: str) -> int | None:
    """Return the whole number that ``segment`` spells as ``str`` would; no spaces, no leading zeros."""
    digits = segment.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        return None
    number = int(segment)
    return number if str(number) == segment else None


def own_key(holder: Any, segment: str) -> Any:
    """Return the key under which ``holder`` has, or would get, what ``segment`` names.

    Two segments that mean the same place (``-1`` and the last index) have one key.
    """
    if isinstance(holder, dict):
        if segment not in holder:
            number = spelled_number(segment)
            if number is not None and number in holder:
                return number
        return segment
    if isinstance(holder, (list, tuple)):
        number = spelled_number(segment)
        if number is not None and -len(holder) <= number < len(holder):
            return number % len(holder)
    return segment


def child_at(holder: Any, key: Any) -> Any:
    """Return what ``holder`` has under its ``key``, or ``MISSING``."""
    if isinstance(holder, dict):
        return holder.get(key, MISSING)
    if isinstance(holder, BaseModel):
        for values in (holder.__dict__, holder.__pydantic_extra__):
            if values is not None and key in values:
                return values[key]
    if isinstance(holder, (list, tuple)) and isinstance(key, int):
        return holder[key]
    return attribute_of(holder, key)


def attribute_of(holder: Any, name: str) -> Any:
    """Return a data attribute, or ``MISSING``; methods are no data."""
    if name.startswith("__"):
        return MISSING
    value = getattr(holder, name, MISSING)
    is_method = isinstance(value, (MethodType, BuiltinMethodType)) and any(
        value.__self__ is owner for owner in (holder, type(holder))
    )
    return MISSING if is_method else value


def read_path(state: Any, segments: list[str]) -> Any:
    """Return what is at the path, or ``MISSING``."""
    value = state
    for segment in segments:
        value = child_at(value, own_key(value, segment))
        if value is MISSING:
            return MISSING
    return value


def not_found(state: Any, segments: list[str]) -> StatePathError:
    """Return the error that says how far the path leads, and what there is instead."""
    holder, reached = state, 0
    for segment in segments:
        value = child_at(holder, own_key(holder, segment))
        if value is MISSING:
            break
        holder, reached = value, reached + 1
    return StatePathError(
        path=".".join(segments),
        reached=".".join(segments[:reached]),
        holder=type(holder).__name__,
        names=shown_names(holder, segments[min(reached, len(segments) - 1)]),
    )


def shown_names(holder: Any, wanted: str) -> list[str]:
    """Return what to tell about the contents of ``holder``: near misses first, never all of a big one."""
    if isinstance(holder, (list, tuple)):
        return [f"{len(holder)} items"]
    if isinstance(holder, BaseModel):
        names = [*holder.__dict__, *(holder.__pydantic_extra__ or ())]
    else:
        names = list(holder) if isinstance(holder, dict) else list(getattr(holder, "__dict__", ()))
    texts = [str(name) for name in names[:1000]]
    near = nearest(wanted, texts, most=3)
    others = [text for text in texts if text not in near]
    shown = [*near, *others][:NAMES_SHOWN]
    return [*shown, f"{len(names) - len(shown)} more"] if len(names) > len(shown) else shown


def shallow_copy(holder: Any) -> Any:
    """Return a copy that shares its values with ``holder``, or ``MISSING`` for what is no plain container.

    An object of a user's own class (a client, a connection) keeps its identity, and a tuple stays what it is.
    """
    if isinstance(holder, BaseModel):
        return holder.model_copy()
    if isinstance(holder, (dict, list)) or (dataclasses.is_dataclass(holder) and not isinstance(holder, type)):
        return copy.copy(holder)
    return MISSING


def relink(holder: Any, key: Any, child: Any) -> None:
    """Put ``child``, an equal of what ``holder`` has there, in its place: no validator needs to be asked."""
    if isinstance(holder, (dict, list)):
        holder[key] = child
    elif isinstance(holder, BaseModel) and holder.__pydantic_extra__ is not None and key not in holder.__dict__:
        holder.__pydantic_extra__[key] = child
    elif isinstance(holder, BaseModel):
        vars(holder)[key] = child
    else:
        object.__setattr__(holder, key, child)


def assign(holder: Any, key: Any, value: Any, path: str) -> None:
    """Make ``value`` what ``holder`` has under ``key``; a model's own validators are asked."""
    if isinstance(holder, dict):
        holder[key] = value
    elif isinstance(holder, list):
        if not isinstance(key, int):
            raise StateWriteError(path=path, reason=f"{key!r} is no index of a list of {len(holder)} items")
        holder[key] = value
    elif isinstance(holder, BaseModel):
        assign_field(holder, key, value, path)
    else:
        try:
            setattr(holder, key, value)
        except (AttributeError, TypeError) as error:
            reason = f"a {type(holder).__name__} takes no {key!r} ({error})"
            raise StateWriteError(path=path, reason=reason) from error


def assign_field(model: BaseModel, name: str, value: Any, path: str) -> None:
    """Set a declared field as the model itself would, and any other name where the model is open."""
    declared = type(model).model_fields
    if name in declared or name in type(model).__private_attributes__:
        before = vars(model).copy()
        try:
            setattr(model, name, value)
        except BaseException:
            # A validator of the whole model sees, and refuses, what stands there already; pydantic leaves it there.
            object.__setattr__(model, "__dict__", before)
            raise
    elif model.__pydantic_extra__ is not None:
        model.__pydantic_extra__[name] = value
        model.__pydantic_fields_set__.add(name)
    else:
        near = nearest(name, declared)
        hint = f"; did you mean {near[0]!r}" if near else ""
        reason = f'"{type(model).__name__}" object has no field "{name}", it has {", ".join(declared)}{hint}'
        raise StateWriteError(path=path, reason=reason)
