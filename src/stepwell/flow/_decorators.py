"""``@step`` and ``@catch_error``: they read a function's signature and leave a definition on it."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar, overload

from stepwell.errors import StepOptionError, StepSignatureError, UnboundStepError
from stepwell.flow._definition import (
    DEFINITION_ATTRIBUTE,
    ErrorHandling,
    StepDefinition,
    StepOptions,
)
from stepwell.flow._events import StepFailedEvent
from stepwell.flow._retry_protocol import RetryPolicy
from stepwell.flow._signature import enclosing_names, is_free, locate, read_signature

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

LONGEST = float(2**62)
"""More seconds than any clock counts; a larger integer has no float."""

STEP_CHECKS = ("reachability", "dead_end")


class TakesSteps(Protocol):
    """What a free function can be a step of."""

    def add_step(self, func: Callable[..., Any]) -> None: ...


@overload
def step(func: FunctionT) -> FunctionT: ...
@overload
def step(
    *,
    workflow: type[Any] | TakesSteps | None = ...,
    num_workers: int = ...,
    retry_policy: RetryPolicy | None = ...,
    timeout: float | None = ...,
    skip_graph_checks: Sequence[str] | None = ...,
    accept_event_subclasses: bool = ...,
    children: Sequence[type] = ...,
) -> Callable[[FunctionT], FunctionT]: ...
def step(  # noqa: PLR0913  # the signature people know, and one option more each for time and drawings
    func: FunctionT | None = None,
    *,
    workflow: type[Any] | TakesSteps | None = None,
    num_workers: int = 4,
    retry_policy: RetryPolicy | None = None,
    timeout: float | None = None,
    skip_graph_checks: Sequence[str] | None = None,
    accept_event_subclasses: bool = False,
    children: Sequence[type] = (),
) -> FunctionT | Callable[[FunctionT], FunctionT]:
    """Make a function a step: its event parameter says what starts it, its return type what follows.

    ``num_workers`` attempts run at once, the rest queue. ``timeout`` (seconds) limits one attempt; time inside
    ``wait_for_event``, ``sleep`` and ``run_child`` does not count. ``retry_policy`` is asked after a failure
    or a timeout. ``accept_event_subclasses`` lets subclasses of the declared types in; without it routing is by
    exact type. ``workflow`` is for free functions. ``children`` declares the workflows that the step runs, for
    drawings. ``skip_graph_checks`` leaves ``"reachability"`` or ``"dead_end"`` unchecked for this step.

    Raises a ``WorkflowValidationError`` when the signature or an option cannot work.
    """
    options = StepOptions(
        num_workers=_positive("num_workers", num_workers),
        retry_policy=_policy(retry_policy),
        timeout=_seconds("timeout", timeout),
        accept_event_subclasses=_flag("accept_event_subclasses", accept_event_subclasses),
        skip_graph_checks=_checks(skip_graph_checks),
        children=_classes("children", children),
    )
    if workflow is not None and not callable(getattr(workflow, "add_step", None)):
        raise StepOptionError(option="@step(workflow=…)", value=workflow, accepted="a subclass of Workflow")
    if func is not None and not callable(func):
        raise StepOptionError(option="@step", value=func, accepted="used on a function, or called with keywords")

    def decorate(function: FunctionT) -> FunctionT:
        define(function, options)
        if workflow is not None:
            workflow.add_step(function)
        elif is_free(function):
            raise UnboundStepError(step=function.__name__, location=str(locate(function)))
        return function

    return decorate(func) if func is not None else decorate


@overload
def catch_error(func: FunctionT) -> FunctionT: ...
@overload
def catch_error(
    *, for_steps: Sequence[str] | None = None, max_recoveries: int = 1
) -> Callable[[FunctionT], FunctionT]: ...
def catch_error(
    func: FunctionT | None = None, *, for_steps: Sequence[str] | None = None, max_recoveries: int = 1
) -> FunctionT | Callable[[FunctionT], FunctionT]:
    """Make a step the handler of other steps' final failures: it takes ``StepFailedEvent``.

    ``for_steps`` names the steps it covers; ``None`` covers all that no other handler names. It may recover
    ``max_recoveries`` times in the descent of one event; one failure more, or a failure of the handler itself,
    fails the run.
    """
    if not is_count(max_recoveries):
        raise StepOptionError(option="@catch_error max_recoveries", value=max_recoveries, accepted="an integer >= 1")
    if for_steps is not None and not _is_names(for_steps):
        raise StepOptionError(
            option="@catch_error for_steps", value=for_steps, accepted="None or a list of step name strings"
        )
    handling = ErrorHandling(None if for_steps is None else tuple(for_steps), max_recoveries)

    def decorate(function: FunctionT) -> FunctionT:
        definition = define(function, StepOptions(num_workers=1, handles=handling))
        taken = [event.types for event in definition.signature.events]
        if taken != [(StepFailedEvent,)]:
            raise StepSignatureError(
                step=definition.name,
                location=str(definition.location),
                what=f"@catch_error handler {definition.name!r} must accept StepFailedEvent as its event parameter.",
                remedy="Write async def handle(self, ev: StepFailedEvent) -> ….",
            )
        return function

    return decorate(func) if func is not None else decorate


def define(function: Callable[..., Any], options: StepOptions) -> StepDefinition:
    """Read ``function``'s signature and leave the definition on it."""
    if not inspect.isfunction(function):
        raise StepOptionError(option="@step", value=function, accepted="a plain function or method")
    definition = StepDefinition(
        name=function.__name__,
        function=function,
        signature=read_signature(function, enclosing_names(function)),
        options=options,
        location=locate(function),
        is_async=inspect.iscoroutinefunction(function),
    )
    setattr(function, DEFINITION_ATTRIBUTE, definition)
    return definition


def is_count(value: object) -> bool:
    """Return whether ``value`` is an integer of 1 or more; ``True`` is none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_names(value: object) -> bool:
    return isinstance(value, (list, tuple, set, frozenset)) and all(isinstance(name, str) for name in value)


def _positive(option: str, value: int) -> int:
    if not is_count(value):
        raise StepOptionError(option=option, value=value, accepted="an integer greater than 0")
    return value


def _seconds(option: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= LONGEST:
        raise StepOptionError(option=option, value=value, accepted="a number of seconds greater than 0, or None")
    return float(value)


def _flag(option: str, value: object) -> bool:
    if not isinstance(value, (bool, int)):
        raise StepOptionError(option=option, value=value, accepted="True or False")
    return bool(value)


def _classes(option: str, value: object) -> tuple[type, ...]:
    if not isinstance(value, (list, tuple, set, frozenset)) or not all(isinstance(one, type) for one in value):
        raise StepOptionError(option=option, value=value, accepted="a list of Workflow subclasses")
    return tuple(value)


def _policy(value: RetryPolicy | None) -> RetryPolicy | None:
    if value is not None and not isinstance(value, RetryPolicy):
        raise StepOptionError(
            option="retry_policy", value=value, accepted="an object with next(elapsed_time, attempts, error)"
        )
    return value


def _checks(names: Sequence[str] | None) -> tuple[str, ...]:
    if names is None:
        return ()
    if not _is_names(names) or not set(names) <= set(STEP_CHECKS):
        raise StepOptionError(
            option="skip_graph_checks", value=names, accepted=f"a list out of {', '.join(STEP_CHECKS)}"
        )
    return tuple(names)
