"""Callbacks: what a program does, told to whoever listens, with every event under the one that caused it.

`CallbackManager` tells handlers (`BaseCallbackHandler`) of events and traces, call-compatible with the callback classes
of LlamaIndex. This room knows nothing of workflows or models; they tell it what they do.
"""

from stepwell.callbacks._async import AsyncCallbackHandler
from stepwell.callbacks._debug import LlamaDebugHandler
from stepwell.callbacks._defaults import defaults
from stepwell.callbacks._dispatch import CallbackStats
from stepwell.callbacks._event import EventContext, TraceContext
from stepwell.callbacks._handler import BaseCallbackHandler
from stepwell.callbacks._manager import CallbackManager
from stepwell.callbacks._printing import PythonicallyPrintingBaseHandler, SimpleLLMHandler
from stepwell.callbacks._propagate import ContextThreadPoolExecutor, extract, inject, propagate, run_in_executor
from stepwell.callbacks._recording import CallbackRecord, RecordingHandler
from stepwell.callbacks._schema import (
    BASE_TRACE_EVENT,
    LEAF_EVENTS,
    TIMESTAMP_FORMAT,
    CBEvent,
    CBEventType,
    EventPayload,
    EventStats,
)
from stepwell.callbacks._settings import create_global_handler, set_global_handler, settings
from stepwell.callbacks._span import RemoteParent, Scope, Span, Status, Trace, current_span, current_trace, find_span
from stepwell.callbacks._stack import empty_trace_ids, global_stack_trace, global_stack_trace_ids
from stepwell.callbacks._tokens import TokenCountingEvent, TokenCountingHandler, get_llm_token_counts
from stepwell.callbacks._traced import current_manager, trace_method, traced
from stepwell.callbacks._usage import TokenCounter, get_tokens_from_response

__all__ = [  # noqa: RUF022 - the doors are held to plain order, not to isort's
    "AsyncCallbackHandler",
    "BASE_TRACE_EVENT",
    "BaseCallbackHandler",
    "CBEvent",
    "CBEventType",
    "CallbackManager",
    "CallbackRecord",
    "CallbackStats",
    "ContextThreadPoolExecutor",
    "EventContext",
    "EventPayload",
    "EventStats",
    "LEAF_EVENTS",
    "LlamaDebugHandler",
    "PythonicallyPrintingBaseHandler",
    "RecordingHandler",
    "RemoteParent",
    "Scope",
    "SimpleLLMHandler",
    "Span",
    "Status",
    "TIMESTAMP_FORMAT",
    "TokenCounter",
    "TokenCountingEvent",
    "TokenCountingHandler",
    "Trace",
    "TraceContext",
    "create_global_handler",
    "current_manager",
    "current_span",
    "current_trace",
    "defaults",
    "empty_trace_ids",
    "extract",
    "find_span",
    "get_llm_token_counts",
    "get_tokens_from_response",
    "global_stack_trace",
    "global_stack_trace_ids",
    "inject",
    "propagate",
    "run_in_executor",
    "set_global_handler",
    "settings",
    "trace_method",
    "traced",
]
