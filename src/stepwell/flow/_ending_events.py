"""Last events of streams whose runs did not end by a ``StopEvent`` of a step."""

from stepwell.flow._events import StopEvent


class WorkflowFailedEvent(StopEvent, defer_build=True):
    """The last event of a stream whose run failed; ``await handler`` raises the exception itself."""

    step_name: str
    exception: BaseException
    attempts: int | None = None
    elapsed_seconds: float | None = None


class WorkflowTimedOutEvent(StopEvent, defer_build=True):
    """The last event of a stream whose run took longer than ``timeout`` seconds."""

    timeout: float
    active_steps: list[str]


class WorkflowCancelledEvent(StopEvent, defer_build=True):
    """The last event of a stream whose run was cancelled."""
