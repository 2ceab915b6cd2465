"""Callbacks: what a program does, told to whoever listens, with every event under the one that caused it.

`CallbackManager` tells handlers (`BaseCallbackHandler`) of events and traces, call-compatible with the callback classes
of LlamaIndex. This room knows nothing of workflows or models; they tell it what they do.
"""

from stepwell.callbacks._event import EventContext, TraceContext
from stepwell.callbacks._handler import BaseCallbackHandler
from stepwell.callbacks._manager import CallbackManager
from stepwell.callbacks._schema import (
    BASE_TRACE_EVENT,
    LEAF_EVENTS,
    TIMESTAMP_FORMAT,
    CBEvent,
    CBEventType,
    EventPayload,
    EventStats,
)
from stepwell.callbacks._span import (
    RemoteParent,
    Scope,
    Span,
    Trace,
    current_span,
    current_trace,
    find_span,
)

__all__ = [  # noqa: RUF022 - the doors are held to plain order, not to isort's
    "BASE_TRACE_EVENT",
    "BaseCallbackHandler",
    "CBEvent",
    "CBEventType",
    "CallbackManager",
    "EventContext",
    "EventPayload",
    "EventStats",
    "LEAF_EVENTS",
    "RemoteParent",
    "Scope",
    "Span",
    "TIMESTAMP_FORMAT",
    "Trace",
    "TraceContext",
    "current_span",
    "current_trace",
    "find_span",
]
