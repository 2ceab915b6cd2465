"""Running workflows: ``Workflow``, ``Context``, the handler, streams; the asyncio driver that joins the rooms below."""

from stepwell.runtime._context import Context
from stepwell.runtime._dict_state import DictState
from stepwell.runtime._handler import WorkflowHandler
from stepwell.runtime._history import RING_SIZE, AttemptRecord, WaitRecord
from stepwell.runtime._observers import Observer
from stepwell.runtime._record import ChildRecord, ChildTotals, OpenAttempt, RunRecord, answer_types, record_of
from stepwell.runtime._resources import ResourceManager
from stepwell.runtime._state_store import InMemoryStateStore, StateStore
from stepwell.runtime._state_types import infer_state_type
from stepwell.runtime._steps import Caller, ReadyStep
from stepwell.runtime._stream import Origin, StreamItem
from stepwell.runtime._workflow import Workflow, collect_steps
from stepwell.runtime._worlds import OPEN_WAIT, RunView, Takeover, World, current_attempt

__all__ = [
    "OPEN_WAIT",
    "RING_SIZE",
    "AttemptRecord",
    "Caller",
    "ChildRecord",
    "ChildTotals",
    "Context",
    "DictState",
    "InMemoryStateStore",
    "Observer",
    "OpenAttempt",
    "Origin",
    "ReadyStep",
    "ResourceManager",
    "RunRecord",
    "RunView",
    "StateStore",
    "StreamItem",
    "Takeover",
    "WaitRecord",
    "Workflow",
    "WorkflowHandler",
    "World",
    "answer_types",
    "collect_steps",
    "current_attempt",
    "infer_state_type",
    "record_of",
]
