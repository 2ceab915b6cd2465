"""The classes that the source of a step can name: those of its module, and of the functions around it."""

import inspect
from collections.abc import Callable, Iterator
from types import CellType, FunctionType
from typing import Any


def in_sight(step: Callable[..., Any]) -> Iterator[type]:
    """Yield the classes that a step's module has, or the functions around it; nothing is imported for it."""
    seen: set[int] = set()
    functions: list[object] = [inspect.unwrap(step)]
    for function in functions:
        if not isinstance(function, FunctionType) or id(function) in seen:
            continue
        seen.add(id(function))
        around = [value for cell in function.__closure__ or () for value in _contents_of(cell)]
        functions.extend(around)
        for value in (*function.__globals__.values(), *around):
            if isinstance(value, type):
                yield value


def _contents_of(cell: CellType) -> tuple[object, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:  # nothing was put into it yet
        return ()
