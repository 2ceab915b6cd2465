"""The authoring language: events, ``@step``, signatures, resources, joins; compiles a class to a plan.

It may touch errors and core. What not every program needs has a door of its own, so that ``import stepwell``
stays light: ``stepwell.flow.retry`` (loads tenacity), ``stepwell.flow.graph`` and ``stepwell.flow.codec``.
"""

from typing import TYPE_CHECKING

from stepwell.core import late_names
from stepwell.flow._collect import All, Cardinality, Collect, Take
from stepwell.flow._decorators import catch_error, define, step
from stepwell.flow._definition import (
    ContextMarker,
    ResourceParameter,
    Signature,
    StepDefinition,
    StepOptions,
    definition_of,
)
from stepwell.flow._events import (
    DictLikeModel,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    InternalDispatchEvent,
    StartEvent,
    StepFailedEvent,
    StopEvent,
    StreamGap,
    base,
)
from stepwell.flow._resources import Resource, ResourceConfig
from stepwell.flow._retry_protocol import RetryInfo, RetryPolicy
from stepwell.flow._signature import is_event_class, locate, unwrapped
from stepwell.flow._validation import accepted_by, check_graph_names, close_names, produced_by
from stepwell.flow._wiring import Wiring, class_location

if TYPE_CHECKING:
    from stepwell.flow._ending_events import WorkflowCancelledEvent, WorkflowFailedEvent, WorkflowTimedOutEvent
    from stepwell.flow._internal_events import StepState, StepStateChanged, UnhandledEvent, WorkflowIdleEvent

__all__ = [
    "All",
    "Cardinality",
    "Collect",
    "ContextMarker",
    "DictLikeModel",
    "Event",
    "HumanResponseEvent",
    "InputRequiredEvent",
    "InternalDispatchEvent",
    "Resource",
    "ResourceConfig",
    "ResourceParameter",
    "RetryInfo",
    "RetryPolicy",
    "Signature",
    "StartEvent",
    "StepDefinition",
    "StepFailedEvent",
    "StepOptions",
    "StepState",
    "StepStateChanged",
    "StopEvent",
    "StreamGap",
    "Take",
    "UnhandledEvent",
    "Wiring",
    "WorkflowCancelledEvent",
    "WorkflowFailedEvent",
    "WorkflowIdleEvent",
    "WorkflowTimedOutEvent",
    "accepted_by",
    "base",
    "catch_error",
    "check_graph_names",
    "class_location",
    "close_names",
    "define",
    "definition_of",
    "is_event_class",
    "late_names",
    "locate",
    "produced_by",
    "step",
    "unwrapped",
]

_LATE = {
    "StepState": "_internal_events",
    "StepStateChanged": "_internal_events",
    "UnhandledEvent": "_internal_events",
    "WorkflowCancelledEvent": "_ending_events",
    "WorkflowFailedEvent": "_ending_events",
    "WorkflowIdleEvent": "_internal_events",
    "WorkflowTimedOutEvent": "_ending_events",
}


if not TYPE_CHECKING:  # type checkers would take any name for one that is here
    __getattr__ = late_names(__name__, _LATE)
