"""Records: classes of plain slots, made by a decorator that type checkers take for ``dataclass``.

A dataclass with slots costs an import half a millisecond, ten times as much as this, and a first program loads fifty
of them. What is left out is what nobody here uses: order, inheritance, keyword-only fields. A constructor is compiled
when the first record of its class is made.
"""

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, field
from typing import Any, NoReturn, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(field_specifiers=(field,))
def record(*, frozen: bool = False, eq: bool = True) -> Callable[[type[T]], type[T]]:
    """Make a class of slots from a class of annotated fields, with ``__init__``, ``__repr__`` and ``__eq__``.

    An ``__init__`` of its own is kept, a ``__post_init__`` called. ``frozen`` ones are hashed by value, and refuse
    to be changed.
    """

    def make(cls: type[T]) -> type[T]:
        names = tuple(cls.__annotations__)
        space = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
        defaults = {name: space.pop(name) for name in names if name in space}
        space["__slots__"] = names
        space["__match_args__"] = names
        if "__init__" not in space:
            is_checked = "__post_init__" in space

            def compile_init(self: T, *given: Any, **named: Any) -> None:
                # Start-up time: most of these never make one. The real one takes this one's place.
                made.__init__ = init = _init(names, defaults, frozen=frozen, is_checked=is_checked)  # type: ignore[method-assign]
                init(self, *given, **named)

            space["__init__"] = compile_init
        space.setdefault("__repr__", _show)
        if eq:
            space["__eq__"] = _equals
            space["__hash__"] = _hash if frozen else None
        if frozen:
            space["__setattr__"] = space["__delattr__"] = _refuse
            space["__setstate__"] = _restore
        kind: Any = type(cls)
        made: type[T] = kind(cls.__name__, cls.__bases__, space)
        return made

    return make


def changed(one: T, **fields: object) -> T:
    """Return a record like ``one``, with other values for some fields."""
    values: dict[str, object] = {name: getattr(one, name) for name in type(one).__match_args__}  # type: ignore[attr-defined]
    values.update(fields)
    return type(one)(**values)


def _init(names: tuple[str, ...], defaults: dict[str, Any], *, frozen: bool, is_checked: bool) -> Callable[..., None]:
    parameters, lines = ["self"], [" pass"]
    known: dict[str, Any] = {"_missing": MISSING, "_set": object.__setattr__}
    for name in names:
        value = name
        if name not in defaults:
            parameters.append(name)
        else:
            default = defaults[name]
            if isinstance(default, Field) and default.default_factory is not MISSING:
                known[f"_make_{name}"], default = default.default_factory, MISSING
                value = f"_make_{name}() if {name} is _missing else {name}"
            elif isinstance(default, Field):
                default = default.default
            known[f"_default_{name}"] = default
            parameters.append(f"{name}=_default_{name}")
        lines.append(f" _set(self, {name!r}, {value})" if frozen else f" self.{name} = {value}")
    if is_checked:
        lines.append(" self.__post_init__()")
    exec(f"def __init__({', '.join(parameters)}):\n" + "\n".join(lines), known)  # names of fields only
    made: Callable[..., None] = known["__init__"]
    return made


def _values(self: Any) -> tuple[Any, ...]:
    return tuple([getattr(self, name) for name in self.__slots__])


def _show(self: Any) -> str:
    fields = ", ".join(f"{name}={getattr(self, name, MISSING)!r}" for name in self.__slots__)
    return f"{type(self).__qualname__}({fields})"


def _equals(self: Any, other: object) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    return _values(self) == _values(other)


def _hash(self: Any) -> int:
    return hash(_values(self))


def _refuse(self: Any, name: str, value: object = None) -> NoReturn:
    raise FrozenInstanceError(f"cannot change {name!r}: a {type(self).__name__} is not changed after it is made")


def _restore(self: Any, state: Any) -> None:
    for name, value in state[1].items():
        object.__setattr__(self, name, value)
