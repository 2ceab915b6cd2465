"""stepwell: event-driven workflows whose types are the wiring."""

from stepwell.errors import StepwellError
from stepwell.flow import (
    All,
    Collect,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    Resource,
    ResourceConfig,
    StartEvent,
    StepFailedEvent,
    StopEvent,
    StreamGap,
    Take,
    catch_error,
    step,
)
from stepwell.runtime import Context, Workflow, WorkflowHandler

__all__ = [
    "All",
    "Collect",
    "Context",
    "Event",
    "HumanResponseEvent",
    "InputRequiredEvent",
    "Resource",
    "ResourceConfig",
    "StartEvent",
    "StepFailedEvent",
    "StepwellError",
    "StopEvent",
    "StreamGap",
    "Take",
    "Workflow",
    "WorkflowHandler",
    "catch_error",
    "step",
]
