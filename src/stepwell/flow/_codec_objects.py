"""Objects of known classes: how each kind is taken apart into data, and put together again.

Putting together asks no constructor and no validator: the values passed them when the object was made,
and a second pass may change them. What the class has gained since takes its default.
"""

import copyreg
import dataclasses
from collections.abc import Callable
from enum import Enum, Flag
from functools import cached_property
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from stepwell.flow._codec_parts import REFUSED, PartReader, PartWriter
from stepwell.flow._codec_reach import is_data_class, is_named_tuple
from stepwell.flow._codec_scalars import NotStorable, Unreadable, expect, whole

BUILT_IN_HOLDERS = (dict, list, set, frozenset, tuple, str, bytes, bytearray, int, float)

Writer = Callable[[PartWriter, Any, str], dict[str, Any]]


def write_object(encoder: PartWriter, value: Any) -> dict[str, Any]:
    """Return an object as data; its class must be one that a reader will find."""
    if isinstance(value, type):
        return write_type(encoder, value)
    cls = type(value)
    name = name_for(encoder, cls)
    return writer_for(cls)(encoder, value, name)


def write_type(encoder: PartWriter, cls: type) -> dict[str, Any]:
    name = encoder.known.name_of(cls)
    if name is None:
        raise NotStorable("it is a class that allowed_types does not hold; add it there")
    return {"$type": name}


def name_for(encoder: PartWriter, cls: type) -> str:
    """Return the name under which ``cls`` is found again, or say why there is none."""
    name = encoder.known.name_of(cls)
    if name is not None:
        return name
    if encoder.known.has_namesake(cls):
        raise NotStorable("two known classes have this name, so a reader could not tell which one is meant")
    if is_data_class(cls):
        raise NotStorable(
            f"no annotation of the workflow's events and state leads to the class {cls.__qualname__}, "
            f"and allowed_types does not hold it; add it there"
        )
    if issubclass(cls, BUILT_IN_HOLDERS):
        base = next(each for each in cls.__mro__ if each in BUILT_IN_HOLDERS)
        raise NotStorable(f"only an exact {base.__name__} is stored without loss; convert the value to {base.__name__}")
    raise NotStorable(
        "values of this kind are not data; keep them in a resource, or put the class on allowed_types "
        "if all its attributes are data"
    )


def writer_for(cls: type) -> Writer:
    if issubclass(cls, Enum):
        return write_enum
    if issubclass(cls, BaseModel):
        return write_model
    if is_named_tuple(cls):
        return write_named_tuple
    if issubclass(cls, BUILT_IN_HOLDERS):
        raise NotStorable("a subclass of a built-in container or value may hold more than can be seen")
    return write_dataclass if dataclasses.is_dataclass(cls) else write_plain


def write_enum(encoder: PartWriter, value: Any, name: str) -> dict[str, Any]:
    if isinstance(value, Flag):
        return {"$enum": name, "value": value.value}
    if type(value).__members__.get(value.name) is not value:
        raise NotStorable("it is no declared member of its enum")
    return {"$enum": name, "member": value.name}


def write_named_tuple(encoder: PartWriter, value: Any, name: str) -> dict[str, Any]:
    if getattr(value, "__dict__", None):
        raise NotStorable("a named tuple with attributes of its own is more than its items")
    return {"$named": name, "items": encoder.sequence(value)}


def write_model(encoder: PartWriter, model: BaseModel, name: str) -> dict[str, Any]:
    cls = type(model)
    values = model.__dict__
    fields = {field: values[field] for field in cls.model_fields if field in values}
    data: dict[str, Any] = {"$model": name, "fields": encoder.mapping(fields)}
    extra = model.__pydantic_extra__
    if extra:
        data["extra"] = encoder.mapping(extra)
    if model.__pydantic_fields_set__ != fields.keys() | (extra or {}).keys():
        data["set"] = encoder.sequence(sorted(model.__pydantic_fields_set__, key=repr))
    if model.__pydantic_private__:
        data["private"] = write_private(encoder, cls, model.__pydantic_private__)
    return data


def write_private(encoder: PartWriter, cls: type[BaseModel], private: dict[str, Any]) -> Any:
    """Return the private attributes; what is no data and has a default is left to that default."""
    kept: dict[str, Any] = {}
    for name, value in private.items():
        if has_default(cls.__private_attributes__.get(name)):
            data = encoder.attempt(value)
            if data is not REFUSED:
                kept[name] = data
        else:
            kept.update(encoder.mapping({name: value}))
    return kept


def has_default(attribute: Any) -> bool:
    return attribute is not None and (
        attribute.default is not PydanticUndefined or attribute.default_factory is not None
    )


def write_dataclass(encoder: PartWriter, value: Any, name: str) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(value)]
    fields = {each: getattr(value, each) for each in names if hasattr(value, each)}
    data = {"$data": name, "fields": encoder.mapping(fields)}
    extra = {
        each: item
        for each, item in getattr(value, "__dict__", {}).items()
        if each not in fields and not isinstance(getattr(type(value), each, None), cached_property)
    }
    if extra:
        data["extra"] = encoder.mapping(extra)
    return data


def write_plain(encoder: PartWriter, value: Any, name: str) -> dict[str, Any]:
    """Return an object of an allow-listed class as its attributes, as copying and pickling see them."""
    state = attributes_of(value)
    return {"$object": name} if state is None else {"$object": name, "state": encoder.mapping(state)}


def attributes_of(value: Any) -> dict[str, Any] | None:
    """Return all that makes ``value`` what it is, if that is attributes alone; ``None`` for nothing."""
    try:
        made: Any = value.__reduce_ex__(2)
    except TypeError as error:
        raise NotStorable(f"its class does not say what it is made of ({error})") from error
    if isinstance(made, tuple) and made[:2] == (copyreg.__newobj__, (type(value),)):  # type: ignore[attr-defined]  # not in typeshed
        state, *items = made[2:]
        if state is None and not any(items):
            return None
        told: tuple[Any, ...] = state if isinstance(state, tuple) and len(state) == 2 else (state,)
        # Who restores himself wants his state as he told it; it is not told in one dict when there are slots.
        is_plain = len(told) == 1 or not hasattr(value, "__setstate__")
        if is_plain and not any(items) and all(isinstance(each, (dict, type(None))) for each in told):
            return {name: item for each in told for name, item in (each or {}).items()}
    raise NotStorable("its class is made in a way of its own, not of attributes alone")


def known_class(decoder: PartReader, name: Any, kind: Callable[[type], bool]) -> Any:
    """Return the class that a payload names, if it may name it and uses it as what it is."""
    cls = decoder.known.find(expect(str, name))
    if cls is None:
        raise Unreadable(
            f"it names the class {name}, which neither the workflow's annotations nor allowed_types lead to"
        )
    if not kind(cls):
        raise Unreadable(f"the class {name} is of another kind than the data")
    return cls


def read_enum(decoder: PartReader, data: dict[str, Any]) -> Any:
    cls = known_class(decoder, data["$enum"], lambda each: issubclass(each, Enum))
    if issubclass(cls, Flag):
        value = whole(data["value"])
        flags = cls(value)
        if flags.value != value:  # Python 3.11.2 drops unknown bits where later ones refuse them
            raise ValueError(f"{value!r} is no combination of the flags of {cls.__qualname__}")
        return flags
    member = cls.__members__.get(expect(str, data["member"]))
    if member is None:
        raise Unreadable(f"{cls.__qualname__} has no member {data['member']!r}")
    return member


def read_type(decoder: PartReader, data: dict[str, Any]) -> Any:
    return known_class(decoder, data["$type"], lambda each: True)


def read_named_tuple(decoder: PartReader, data: dict[str, Any]) -> Any:
    cls = known_class(decoder, data["$named"], is_named_tuple)
    items = decoder.sequence(data["items"])
    if len(items) != len(cls._fields):
        raise Unreadable(f"{cls.__qualname__} has {len(cls._fields)} items, and {len(items)} are stored")
    return tuple.__new__(cls, items)


def read_model(decoder: PartReader, data: dict[str, Any]) -> Any:
    cls = known_class(decoder, data["$model"], lambda each: issubclass(each, BaseModel))
    fields = decoder.names(data["fields"])
    check_names(cls, fields, cls.model_fields)
    values: dict[str, Any] = {}
    for name, info in cls.model_fields.items():
        if name in fields:
            values[name] = fields[name]
        elif info.is_required():
            raise Unreadable(f"{cls.__qualname__} needs a value for {name}, and none is stored")
        else:
            values[name] = info.get_default(call_default_factory=True, validated_data=values)
    extra = decoder.mapping(data["extra"]) if "extra" in data else {}
    if extra and cls.model_config.get("extra") != "allow":
        raise Unreadable(f"{cls.__qualname__} takes no undeclared fields")
    names_set = set(decoder.sequence(data["set"])) if "set" in data else fields.keys() | extra.keys()
    model = cls.__new__(cls)
    for slot, content in (
        ("__dict__", values),
        ("__pydantic_extra__", extra if cls.model_config.get("extra") == "allow" else None),
        ("__pydantic_fields_set__", set(names_set)),
        ("__pydantic_private__", read_private(decoder, cls, data)),
    ):
        object.__setattr__(model, slot, content)
    return model


def read_private(decoder: PartReader, cls: type[BaseModel], data: dict[str, Any]) -> dict[str, Any] | None:
    stored = decoder.names(data["private"]) if "private" in data else {}
    attributes = cls.__private_attributes__
    check_names(cls, stored, attributes)
    if not attributes:
        return None
    defaults = {name: each.get_default() for name, each in attributes.items() if has_default(each)}
    return {**defaults, **stored}


def check_names(cls: type, stored: dict[str, Any], declared: dict[str, Any]) -> None:
    unknown = [name for name in stored if name not in declared]
    if unknown:
        raise Unreadable(f"{cls.__qualname__} has no {', '.join(map(repr, unknown[:5]))}")


def read_dataclass(decoder: PartReader, data: dict[str, Any]) -> Any:
    cls = known_class(decoder, data["$data"], dataclasses.is_dataclass)
    stored = decoder.names(data["fields"])
    declared = {field.name: field for field in dataclasses.fields(cls)}
    check_names(cls, stored, declared)
    value = object.__new__(cls)
    for name, field in declared.items():
        if name in stored:
            object.__setattr__(value, name, stored[name])
        elif field.default is not dataclasses.MISSING:
            object.__setattr__(value, name, field.default)
        elif field.default_factory is not dataclasses.MISSING:
            object.__setattr__(value, name, field.default_factory())
        elif field.init:
            raise Unreadable(f"{cls.__qualname__} needs a value for {name}, and none is stored")
    if "extra" in data:
        vars(value).update(decoder.names(data["extra"]))
    return value


def read_plain(decoder: PartReader, data: dict[str, Any]) -> Any:
    cls = known_class(decoder, data["$object"], lambda each: not is_data_class(each))
    value = cls.__new__(cls)
    if "state" not in data:
        return value
    state = decoder.names(data["state"])
    if hasattr(value, "__setstate__"):
        value.__setstate__(state)
        return value
    for name, item in state.items():
        if name.startswith("__") and name.endswith("__"):
            raise Unreadable(f"{name!r} is no attribute that data may set")
        object.__setattr__(value, name, item)
    return value


# For each tag: the keys that must and that may stand beside it, and who reads it.
READERS: dict[str, tuple[frozenset[str], frozenset[str], Callable[[PartReader, dict[str, Any]], Any]]] = {
    "$enum": (frozenset(), frozenset({"member", "value"}), read_enum),
    "$type": (frozenset(), frozenset(), read_type),
    "$named": (frozenset({"items"}), frozenset(), read_named_tuple),
    "$model": (frozenset({"fields"}), frozenset({"extra", "set", "private"}), read_model),
    "$data": (frozenset({"fields"}), frozenset({"extra"}), read_dataclass),
    "$object": (frozenset(), frozenset({"state"}), read_plain),
}
