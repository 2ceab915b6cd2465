"""Which classes of data can be reached from annotations: those of fields, of their fields, and so on."""

import dataclasses
import typing
from collections import deque
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo, ModelPrivateAttr
from pydantic_core import PydanticUndefined


def reachable_classes(annotations: Iterable[object]) -> tuple[type, ...]:
    """Return the models, dataclasses, enums, named tuples and exceptions that ``annotations`` lead to.

    Leads: arguments of generics and unions, annotations of fields, classes of defaults. A subclass of
    a field's class is not reached, nor is what a name in quotes hides from everybody.
    """
    found: dict[type, None] = {}
    seen: set[int] = set()
    open_ends = deque(annotations)
    # ``seen`` holds ids; the annotations themselves must live as long.
    kept: list[object] = []
    while open_ends:
        annotation = open_ends.popleft()
        if id(annotation) in seen:
            continue
        seen.add(id(annotation))
        kept.append(annotation)
        if isinstance(annotation, type) and is_data_class(annotation):
            found[annotation] = None
        open_ends.extend(inside(annotation))
    return tuple(found)


def is_data_class(cls: type) -> bool:
    """Return whether instances of ``cls`` are data: a model, dataclass, enum, named tuple or exception."""
    return issubclass(cls, (BaseModel, Enum, BaseException)) or dataclasses.is_dataclass(cls) or is_named_tuple(cls)


def is_named_tuple(cls: type) -> bool:
    return issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple)


def inside(annotation: Any) -> Iterator[object]:
    """Yield what ``annotation`` leads to in one step."""
    if isinstance(annotation, (list, tuple)):
        # The parameters of a Callable.
        yield from annotation
    elif isinstance(annotation, typing.TypeVar):
        yield annotation.__bound__
        yield from annotation.__constraints__
    elif isinstance(annotation, Enum):
        # A member inside Literal[...].
        yield type(annotation)
    elif hasattr(annotation, "__value__") and not isinstance(annotation, type):
        # An alias made by the ``type`` statement, or by TypeAliasType.
        yield annotation.__value__
    else:
        yield from inside_generic(annotation)
        if isinstance(annotation, type):
            yield from inside_class(annotation)


def inside_generic(annotation: Any) -> Iterator[object]:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        yield arguments[0]
    elif origin is not None:
        yield origin
        yield from arguments


def inside_class(cls: type) -> Iterator[object]:
    if issubclass(cls, BaseModel):
        yield from inside_model(cls)
    elif dataclasses.is_dataclass(cls):
        for field in dataclasses.fields(cls):
            yield from inside_default(field.default, field.default_factory)
        yield from own_hints(cls)
        # pydantic's dataclasses have resolved more than ``get_type_hints`` can.
        for info in getattr(cls, "__pydantic_fields__", {}).values():
            yield info.annotation
    elif is_named_tuple(cls) or typing.is_typeddict(cls):
        yield from own_hints(cls)


def inside_model(cls: type[BaseModel]) -> Iterator[object]:
    cls.model_rebuild(raise_errors=False)
    fields: dict[str, FieldInfo] = cls.model_fields
    for info in fields.values():
        yield info.annotation
        yield from inside_default(info.default, info.default_factory)
    private: dict[str, ModelPrivateAttr] = cls.__private_attributes__
    for attribute in private.values():
        yield from inside_default(attribute.default, attribute.default_factory)
    yield from own_hints(cls)


def inside_default(default: object, factory: object) -> Iterator[object]:
    if default not in (dataclasses.MISSING, PydanticUndefined):
        yield type(default)
    if isinstance(factory, type):
        yield factory


def own_hints(cls: type) -> Iterator[object]:
    """Yield the annotations of ``cls``; where one of them cannot be resolved, those that need not be."""
    try:
        yield from typing.get_type_hints(cls, include_extras=True).values()
    except (NameError, TypeError, AttributeError, SyntaxError):
        for base in cls.__mro__:
            yield from (hint for hint in vars(base).get("__annotations__", {}).values() if hint is not str)
