"""Reading a step's signature: which parameter takes events, which the context, which a resource.

Annotations are resolved where the step is decorated, with the local names of the functions around it,
so that ``from __future__ import annotations`` and classes defined inside functions work.
"""

import inspect
import sys
import types
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Never, NoReturn, Union, get_args, get_origin, get_type_hints

from stepwell.errors import StepSignatureError, UnresolvedAnnotationError, nearest, shown
from stepwell.flow._collect import Collect
from stepwell.flow._definition import (
    ContextMarker,
    EventParameter,
    Location,
    ResourceParameter,
    Signature,
)
from stepwell.flow._events import Event
from stepwell.flow._markers import Misplaced, events_within, misplaced, misplaced_in_result, unpacked
from stepwell.flow._resources import Resource, ResourceConfig

_ENCLOSING_FRAMES = 12


def locate(function: Callable[..., Any]) -> Location:
    """Return where a function is written: its first line, decorators included."""
    code = unwrapped(function).__code__
    return Location(file=code.co_filename, line=code.co_firstlineno)


def unwrapped(function: Callable[..., Any]) -> types.FunctionType:
    """Return the function behind decorators that tell it (``functools.wraps``); itself, if that leads nowhere."""
    try:
        inner = inspect.unwrap(function)
    except ValueError:  # it wraps itself
        inner = function
    found = inner if inspect.isfunction(inner) else function
    assert inspect.isfunction(found)
    return found


def enclosing_names(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the local names around a decoration: of the class body and the functions it stands in."""
    names: dict[str, Any] = {}
    file = unwrapped(function).__code__.co_filename
    frame = sys._getframe(1)  # noqa: SLF001  # the only way to the names of an enclosing function
    found: list[dict[str, Any]] = []
    for _ in range(_ENCLOSING_FRAMES):
        if frame.f_code.co_filename == file and frame.f_code.co_name != "<module>":
            found.append(frame.f_locals)
        if frame.f_back is None:
            break
        frame = frame.f_back
    for locals_ in reversed(found):
        names.update(locals_)
    return names


def read_signature(function: Callable[..., Any], names: dict[str, Any]) -> Signature:
    """Return what the annotations of ``function`` say; ``names`` are the local names around it."""
    reader = _Reader(function, names)
    reader.refuse_generators()
    return reader.read()


class _Reader:
    """Reads one signature, and knows whom to name when something is wrong with it."""

    def __init__(self, function: Callable[..., Any], names: dict[str, Any]) -> None:
        self.function = function
        self.step = function.__name__
        self.location = str(locate(function))
        self.names = names
        self.hints = self._resolve()

    def problem(self, what: str, remedy: str) -> StepSignatureError:
        return StepSignatureError(step=self.step, location=self.location, what=what, remedy=remedy)

    def _resolve(self) -> dict[str, Any]:
        # A decorator between may come from another module; the annotations belong to what it wraps.
        scope = {**getattr(unwrapped(self.function), "__globals__", {}), **self.names}
        try:
            return get_type_hints(self.function, globalns=scope, localns=self.names, include_extras=True)
        except NameError as error:
            missing = str(getattr(error, "name", None) or error)
            raise UnresolvedAnnotationError(
                step=self.step,
                location=self.location,
                missing=missing,
                suggestions=nearest(missing, [n for n in scope if not n.startswith("_")], most=2),
            ) from error
        except Exception as error:
            # An annotation that is text may hold any expression, and raise whatever that raises.
            said = f"{type(error).__name__}: {error}"
            raise self.problem(f"An annotation cannot be read: {said}", "Mend the annotation.") from error

    def refuse_generators(self) -> None:
        if inspect.isasyncgenfunction(self.function) or inspect.isgeneratorfunction(self.function):
            raise self.problem(
                "Async-iterator fan-out is not supported: the step yields",
                "Return list[E] for a fan-out, or send events with ctx.send_event as they come.",
            )

    def read(self) -> Signature:
        events: list[EventParameter] = []
        context: str | None = None
        state_type: type | None = None
        resources: list[ResourceParameter] = []
        for parameter in self._parameters():
            annotation = self.hints.get(parameter.name, inspect.Parameter.empty)
            bare, collects = unpacked(annotation)
            is_list = _listed_types(bare) is not None
            self._refuse_markers(misplaced(parameter.name, annotation, parameter.default, is_list=is_list))
            if _is_context(bare):
                if context is not None:
                    raise self.problem(
                        f"Parameters {context!r} and {parameter.name!r} both take the context",
                        "One is enough: take the other away.",
                    )
                context = parameter.name
                (state_type,) = get_args(bare) or (None,)
            elif (descriptor := _marker(annotation, (Resource, ResourceConfig))) is not None:
                resources.append(ResourceParameter(parameter.name, descriptor, get_args(annotation)[0]))
            elif (taken := _event_parameter(parameter.name, bare, collects)) is not None:
                events.append(taken)
            elif parameter.default is inspect.Parameter.empty:
                self._refuse_parameter(parameter.name, annotation, bool(events))
        self._check_events(events)
        self._refuse_markers(misplaced_in_result(self.hints.get("return")))
        returns, lists, nothing = self._returns()
        return Signature(
            events=tuple(events),
            context=context,
            state_type=state_type,
            resources=tuple(resources),
            returns=returns,
            lists=lists,
            returns_nothing=nothing,
            takes_self=self._takes_self(),
        )

    def _takes_self(self) -> bool | None:
        first = next(iter(self._all_parameters()), None)
        if first is not None and first.kind is inspect.Parameter.VAR_POSITIONAL:
            return None
        return first is not None and self._is_self(first)

    def _is_self(self, first: inspect.Parameter) -> bool:
        """Return whether the first parameter is for the instance: by its name, or in a class by having no type."""
        if first.kind not in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD):
            return False
        return first.name in ("self", "cls") or (first.name not in self.hints and not is_free(self.function))

    def _all_parameters(self) -> list[inspect.Parameter]:
        try:
            return list(inspect.signature(self.function).parameters.values())
        except (ValueError, TypeError) as error:
            raise self.problem(f"Its signature cannot be read: {error}", "Mend its __signature__.") from error

    def _parameters(self) -> Iterator[inspect.Parameter]:
        variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        for position, parameter in enumerate(self._all_parameters()):
            first = position == 0 and self._is_self(parameter)
            if parameter.kind is inspect.Parameter.POSITIONAL_ONLY and not first:
                raise self.problem(
                    f"Parameter {parameter.name!r} can only be given by position, and steps are called by name",
                    "Take the / out of the signature.",
                )
            if not first and parameter.kind not in variadic:
                yield parameter

    def _refuse_parameter(self, name: str, annotation: Any, has_event: bool) -> None:
        has = "no annotation" if annotation is inspect.Parameter.empty else f"the annotation {shown(annotation)}"
        what = f"Parameter {name!r} has {has}, which says nothing about how to fill it"
        if not has_event:
            what = f"Step signature must have at least one parameter annotated as type Event. {what}"
        kinds = events_within(annotation)
        close = f" A fan-out is joined by {name}: list[{kinds}], an event is taken by {name}: {kinds}." if kinds else ""
        raise self.problem(
            what,
            "A parameter takes an Event subclass, a Context, a list[Event], or Annotated[T, Resource(…)]; "
            f"any other needs a default.{close}",
        )

    def _refuse_markers(self, found: Misplaced | None) -> None:
        if found is not None:
            raise self.problem(*found)

    def _check_events(self, events: list[EventParameter]) -> None:
        if not events:
            raise self.problem(
                "Step signature must have at least one parameter annotated as type Event",
                "Annotate the parameter that takes the event: async def step(self, ev: MyEvent) -> ….",
            )
        lists = [event for event in events if event.collect is not None]
        if len(lists) > 1:
            raise self.problem(
                "A step may declare at most one list[E] collection parameter, and this one has "
                + ", ".join(repr(event.name) for event in lists),
                "Join each list in a step of its own.",
            )
        if lists and len(events) > 1:
            raise self.problem(
                "A list[E] collection parameter cannot be combined with other event parameters",
                "Join the list in a step of its own, and join its result with the other event.",
            )
        if len(events) > 1 and any(len(event.types) > 1 for event in events):
            raise self.problem(
                "Collect-mode steps (more than one event parameter) require each event parameter to declare "
                "a single event type",
                "Give each parameter one Event subclass instead of a union.",
            )

    def _returns(self) -> tuple[tuple[type[Event], ...], tuple[type[Event], ...], bool]:
        if "return" not in self.hints:
            raise self.problem(
                "Return types of workflows step functions must be annotated with their type.",
                "Write -> MyEvent, -> A | B, -> list[E], or -> None.",
            )
        returns: list[type[Event]] = []
        lists: list[type[Event]] = []
        nothing = False
        for part in _union_parts(self.hints["return"]):
            if part is type(None):
                nothing = True
            elif (items := _listed_types(part)) is not None:
                lists.extend(items)
            elif is_event_class(part):
                returns.append(part)
        never = any(self.hints["return"] is kind for kind in (NoReturn, Never))
        if not (returns or lists or nothing or never):
            kinds = events_within(self.hints["return"])
            raise self.problem(
                f"It declares to return {shown(self.hints['return'])}, which holds no event",
                "Write -> MyEvent, -> A | B, -> list[E], or -> None."
                + (f" A fan-out is -> list[{kinds}]: a list, of events only." if kinds else ""),
            )
        return tuple(dict.fromkeys(returns)), tuple(dict.fromkeys(lists)), nothing


def _event_parameter(name: str, annotation: Any, collects: tuple[Collect, ...]) -> EventParameter | None:
    listed = _listed_types(annotation)
    if listed is not None:
        return EventParameter(name, listed, collects[0] if collects else Collect())
    found = event_types(annotation)
    return EventParameter(name, found) if found else None


def is_event_class(value: object) -> bool:
    """Return whether ``value`` is a class of events."""
    return inspect.isclass(value) and issubclass(value, Event)


def event_types(annotation: Any) -> tuple[type[Event], ...] | None:
    """Return the event classes of an annotation, or ``None`` when anything else is in it."""
    parts = _union_parts(annotation)
    if all(is_event_class(part) for part in parts):
        return tuple(dict.fromkeys(parts))
    return None


def _listed_types(annotation: Any) -> tuple[type[Event], ...] | None:
    """Return the event classes of ``list[E]``, or ``None`` when it is anything else."""
    inner = get_args(annotation)
    return event_types(inner[0]) if get_origin(annotation) is list and len(inner) == 1 else None


def is_free(function: Callable[..., Any]) -> bool:
    """Return whether a function stands outside any class."""
    owner = function.__qualname__.rpartition(".")[0]
    return not owner or owner.endswith("<locals>")


def _union_parts(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(part for union in get_args(annotation) for part in _union_parts(union))
    return (annotation,)


def _is_context(annotation: Any) -> bool:
    bare = get_origin(annotation) or annotation
    return inspect.isclass(bare) and issubclass(bare, ContextMarker)


def _marker(annotation: Any, kinds: tuple[type, ...]) -> Any:
    if get_origin(annotation) is not Annotated:
        return None
    return next((extra for extra in get_args(annotation)[1:] if isinstance(extra, kinds)), None)
