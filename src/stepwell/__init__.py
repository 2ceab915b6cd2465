"""stepwell: event-driven workflows whose types are the wiring."""

import sys
from typing import TYPE_CHECKING

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

if not TYPE_CHECKING:  # type checkers would take any name for one that is here

    def __getattr__(name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from stepwell.errors import missing_name  # noqa: PLC0415  # for who made a slip, and not for every import

        # ``from stepwell import name`` looks for an attribute first, and would hide the sentence of an AttributeError.
        asked_by = sys._getframe(1).f_code.co_name  # noqa: SLF001  # the only way to know
        raise missing_name(name, imported=asked_by == "_handle_fromlist")
