"""What workflows have there under a name of its own, and here in another form: a few lines make one from the other.

Only for the import hook: a program for stepwell uses what these lead to.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias, TypeVar

from stepwell import Context, Event, StopEvent, Workflow
from stepwell.errors import NoAttemptError
from stepwell.runtime import collect_steps

EventType: TypeAlias = type[Event]
StopEventT = TypeVar("StopEventT", bound=StopEvent)
RunResultT: TypeAlias = Any
StepGraphCheck: TypeAlias = Literal["reachability", "dead_end"]
WorkflowGraphCheck: TypeAlias = Literal["reachability", "terminal_event", "dead_end"]


class _KnowsWorkflows(type):
    """Says that every class of workflows is an instance of ``WorkflowMeta``."""

    def __instancecheck__(cls, instance: object) -> bool:
        if super().__instancecheck__(instance):
            return True
        return cls is WorkflowMeta and isinstance(instance, type) and issubclass(instance, Workflow)


class WorkflowMeta(type, metaclass=_KnowsWorkflows):
    """A base for metaclasses of workflows: stepwell needs none of its own."""


def get_steps_from_class(_class: type) -> dict[str, Callable[..., Any]]:
    """Return the steps of a class by name."""
    return {step.name: step.function for step in collect_steps(_class)}


def get_steps_from_instance(workflow: object) -> dict[str, Callable[..., Any]]:
    """Return the steps of a workflow by name, bound to it."""
    return {name: getattr(workflow, name, function) for name, function in get_steps_from_class(type(workflow)).items()}


def get_current_run_id() -> str | None:
    """Return the id of the run whose step calls this; ``None`` outside of steps."""
    try:
        return Context.get_step_context().run_id
    except NoAttemptError:
        return None
