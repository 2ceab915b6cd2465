"""The markers of joins (``Collect``, ``Take``, ``All``) in annotations: which one is read, and which nothing reads.

A marker that stands where nothing reads it would be ignored in silence: a step that asks for the first two branches
would get all. So whatever is no ``Collect`` around a ``list[E]`` is found here, and refused at decoration.
"""

import types
from collections.abc import Iterator
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

from stepwell.flow._collect import All, Collect, Take
from stepwell.flow._events import Event

Misplaced: TypeAlias = tuple[str, str]
"""What is wrong, and what to write instead."""

MARKERS = (Collect, Take, All)


def unpacked(annotation: Any) -> tuple[Any, tuple[Collect, ...]]:
    """Return an annotation without ``None`` and metadata, and the ``Collect`` markers that stood around it."""
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        bare, within = unpacked(inner)
        return bare, (*(mark for mark in marks if isinstance(mark, Collect)), *within)
    if get_origin(annotation) in (Union, types.UnionType):
        parts = tuple(part for part in get_args(annotation) if part is not types.NoneType)
        if len(parts) < len(get_args(annotation)):
            return unpacked(Union[parts])  # noqa: UP007  # as many as there are
    return annotation, ()


def parts_within(annotation: Any) -> Iterator[Any]:
    """Yield an annotation and all that it is made of, metadata too."""
    yield annotation
    for part in get_args(annotation):
        yield from parts_within(part)


def events_within(annotation: Any) -> str:
    """Return the names of the event classes anywhere in an annotation, as a union; or nothing."""
    found = [part for part in parts_within(annotation) if isinstance(part, type) and issubclass(part, Event)]
    return " | ".join(dict.fromkeys(kind.__name__ for kind in found))


def misplaced(name: str, annotation: Any, default: object, *, is_list: bool) -> Misplaced | None:
    """Return what is wrong with the markers of a parameter: one is read, a ``Collect`` around ``list[E]``."""
    _, collects = unpacked(annotation)
    good = f"{name}: Annotated[list[{events_within(annotation) or 'E'}], {{}}]"
    if _is_marker(default):
        return (
            f"Parameter {name!r} has the marker {_written(default)} as its default, where nothing reads it",
            f"It belongs to the annotation: write {good.format(_collecting(default))}.",
        )
    if collects and not is_list:
        return (
            f"Parameter {name!r} carries a Collect marker but is not annotated as list[E]",
            f"Write {good.format('Collect(…)')}.",
        )
    loose = [mark for mark in _marks(annotation) if not (collects and mark is collects[0])]
    if not loose:
        return None
    if collects:
        return (
            f"Parameter {name!r} carries {_written(loose[0])} besides a Collect, and only one marker is read",
            f"Say all of it in one: write {good.format('Collect(…)')}.",
        )
    return (
        f"Parameter {name!r} carries {_written(loose[0])}, which nothing reads there",
        f"Put it into a Collect around the list: write {good.format(_collecting(loose[0]))}.",
    )


def misplaced_in_result(annotation: Any) -> Misplaced | None:
    """Return what is wrong with a marker in the annotation of a result: how to join is said where it is joined."""
    for mark in _marks(annotation):
        return (
            f"The annotation of its result carries {_written(mark)}, which nothing reads there",
            "How a fan-out is joined is said at the step that joins it: "
            f"write evs: Annotated[list[E], {_collecting(mark)}] there.",
        )
    return None


def _marks(annotation: Any) -> list[object]:
    return [part for part in parts_within(annotation) if _is_marker(part)]


def _is_marker(value: object) -> bool:
    return isinstance(value, MARKERS) or any(value is kind for kind in MARKERS)


def _written(mark: object) -> str:
    """Return a marker as it is written, shortly."""
    if isinstance(mark, type):
        return mark.__name__
    if isinstance(mark, Take):
        return f"Take({mark.n}, cancel=True)" if mark.cancel else f"Take({mark.n})"
    return "All()" if isinstance(mark, All) else "Collect(…)"


def _collecting(mark: object) -> str:
    """Return how the ``Collect`` is written that means what ``mark`` was to mean."""
    if isinstance(mark, Collect):
        return "Collect(…)"
    if isinstance(mark, Take):
        return f"Collect({_written(mark)})"
    return "Collect(Take(…))" if mark is Take else "Collect()"
