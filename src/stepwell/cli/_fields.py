"""Words to values: what a person types for a field of an event, by the field's own type. Knows no click."""

import types
import typing
from collections.abc import Collection
from enum import Enum
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

LISTS = (list, tuple, set, frozenset)


def field_adapter(info: FieldInfo) -> TypeAdapter[Any]:
    """Return what checks and converts values of a field, its constraints included."""
    annotation: Any = info.annotation
    if info.metadata:
        annotation = typing.Annotated[(annotation, *info.metadata)]
    return TypeAdapter(annotation)


def from_word(info: FieldInfo, word: str) -> Any:
    """Return the field's value for one word: as text first, then as JSON (``[1, 2]``, ``{"a": 1}``).

    Raises ``ValueError`` whose message says what the field takes.
    """
    return _convert(field_adapter(info), word)


def from_words(info: FieldInfo, words: Collection[str]) -> Any:
    """Return the field's value for an option that was given several times; one word may be a JSON list."""
    adapter = field_adapter(info)
    if len(words) == 1 and next(iter(words)).lstrip().startswith("["):
        return _convert(adapter, next(iter(words)))
    inner = typing.get_args(info.annotation)
    each = TypeAdapter[Any](inner[0] if inner else str)
    values = [_convert(each, word) for word in words]
    try:
        return adapter.validate_python(values)
    except ValidationError as error:
        raise ValueError(_problem(error)) from error


def _convert(adapter: TypeAdapter[Any], word: str) -> Any:
    try:
        return adapter.validate_strings(word)
    except ValidationError as as_text:
        if word.lstrip()[:1] in {"{", "["}:
            try:
                return adapter.validate_json(word)
            except ValidationError as as_json:
                raise ValueError(_problem(as_json)) from as_json
        raise ValueError(_problem(as_text)) from as_text


def _problem(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if not isinstance(part, str) or "[" not in part)
    text = first["msg"][:1].lower() + first["msg"][1:]
    return f"{place}: {text}" if place else text


def is_flag(info: FieldInfo) -> bool:
    """Return whether the field is a yes or no."""
    return info.annotation is bool


def is_list(info: FieldInfo) -> bool:
    """Return whether the field takes several values."""
    origin = typing.get_origin(info.annotation) or info.annotation
    return origin in LISTS


def type_word(annotation: Any) -> str:
    """Return how a type is called in help: ``INTEGER``, ``red|blue``, ``TEXT``."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return "|".join(dict.fromkeys(type_word(one) for one in inner if one is not type(None)))
    if origin is typing.Literal:
        return "|".join(str(one) for one in inner)
    if origin is typing.Annotated or origin in LISTS:
        return type_word(inner[0])
    kind = origin or annotation
    return _class_word(kind) if isinstance(kind, type) else "TEXT"


def _class_word(kind: type) -> str:
    if issubclass(kind, Enum):
        return "|".join(str(one.value) for one in kind)
    if issubclass(kind, LISTS):
        return "TEXT"
    if issubclass(kind, (dict, BaseModel)):
        return "JSON"
    known = {str: "TEXT", int: "INTEGER", float: "NUMBER", bool: "true|false", object: "TEXT"}
    return known.get(kind, kind.__name__.upper())
