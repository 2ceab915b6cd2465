"""A step as it was declared: plain data read from its signature, its options and its place in the source."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from stepwell.core import changed, record
from stepwell.flow._collect import Collect
from stepwell.flow._events import Event
from stepwell.flow._retry_protocol import RetryPolicy

DEFINITION_ATTRIBUTE = "__stepwell_step__"

StateT = TypeVar("StateT")


class ContextMarker(Generic[StateT]):
    """Whoever annotates a parameter with a subclass of this gets the run's context there."""

    __slots__ = ()


@record(frozen=True)
class Location:
    """Where something stands in the source."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@record(frozen=True)
class EventParameter:
    """A parameter that takes events: one (a union has several types), or a list that joins a fan-out."""

    name: str
    types: tuple[type[Event], ...]
    collect: Collect | None = None


@record(frozen=True)
class ResourceParameter:
    """A parameter that is filled from a resource; ``annotation`` is its declared type."""

    name: str
    descriptor: Any
    annotation: Any


@record(frozen=True)
class Signature:
    """What a step's annotations say. ``returns`` are single events, ``lists`` those in a returned list.

    ``takes_self`` is ``None`` when it works with an instance as the first argument and without (``*args``).
    """

    events: tuple[EventParameter, ...]
    context: str | None
    state_type: type | None
    resources: tuple[ResourceParameter, ...]
    returns: tuple[type[Event], ...]
    lists: tuple[type[Event], ...]
    returns_nothing: bool
    takes_self: bool | None = True


@record(frozen=True)
class ErrorHandling:
    """What makes a step a handler of errors: for which steps (``None``: all), how often in one lineage."""

    for_steps: tuple[str, ...] | None
    max_recoveries: int


@record(frozen=True)
class StepOptions:
    """What the decorator was told. ``timeout`` is in seconds."""

    num_workers: int = 4
    retry_policy: RetryPolicy | None = None
    timeout: float | None = None
    accept_event_subclasses: bool = False
    skip_graph_checks: tuple[str, ...] = ()
    children: tuple[type, ...] = ()
    handles: ErrorHandling | None = None


@record(frozen=True)
class StepDefinition:
    """One step. ``bound`` says that the function is a method and takes the workflow first."""

    name: str
    function: Callable[..., Any]
    signature: Signature
    options: StepOptions
    location: Location
    is_async: bool
    bound: bool = True

    def unbound(self) -> "StepDefinition":
        """Return the definition of a free function: it takes no workflow."""
        return changed(self, bound=False)

    @property
    def joins_fan_out(self) -> bool:
        """Whether the step takes the list that a fan-out ends in."""
        return any(parameter.collect is not None for parameter in self.signature.events)


def definition_of(function: object) -> StepDefinition | None:
    """Return the definition that ``@step`` left on a function, or ``None``."""
    found = getattr(function, DEFINITION_ATTRIBUTE, None)
    return found if isinstance(found, StepDefinition) else None
