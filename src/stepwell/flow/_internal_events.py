"""Events about the run itself, shown only to consumers that ask (``expose_internal=True``)."""

from enum import Enum

from stepwell.flow._events import InternalDispatchEvent


class StepState(Enum):
    """Where a step's attempt stands."""

    PREPARING = "preparing"
    RUNNING = "running"
    NOT_RUNNING = "not_running"


class StepStateChanged(InternalDispatchEvent):
    """An attempt began, or ended with ``outcome``.

    ``attempt`` is its id within the run and ``number`` counts attempts at one event from 1. ``cause`` is
    the attempt whose event started it, ``None`` for an event from outside. ``worker_id`` is the worker's
    number within the step. Event names are class names.
    """

    name: str
    step_state: StepState
    worker_id: str
    input_event_name: str
    output_event_name: str | None = None
    attempt: int
    number: int
    cause: int | None = None
    queued_seconds: float = 0.0
    elapsed_seconds: float | None = None
    outcome: str | None = None


class UnhandledEvent(InternalDispatchEvent):
    """An event that no step takes and no wait listens for was put on hold: also one for a join, from no fan-out."""

    event_type: str
    qualified_name: str
    step_name: str | None = None
    idle: bool = False


class WorkflowIdleEvent(InternalDispatchEvent):
    """The run has nothing left to do before something comes from outside."""
