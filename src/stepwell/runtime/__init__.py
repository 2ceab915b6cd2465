"""Running workflows: ``Workflow``, ``Context``, the handler, streams; the asyncio driver that joins the rooms below."""

from typing import TYPE_CHECKING

from stepwell.core import late_names
from stepwell.runtime._compiled import collect_steps
from stepwell.runtime._context import Context
from stepwell.runtime._dict_state import DictState
from stepwell.runtime._handler import WorkflowHandler
from stepwell.runtime._history import RING_SIZE, AttemptRecord, WaitRecord
from stepwell.runtime._kept_events import StreamItem
from stepwell.runtime._observers import Observer
from stepwell.runtime._origins import Origin
from stepwell.runtime._state_types import infer_state_type
from stepwell.runtime._workflow import Workflow

if TYPE_CHECKING:
    from stepwell.runtime._resources import ResourceManager
    from stepwell.runtime._state_store import InMemoryStateStore, StateStore

__all__ = [
    "RING_SIZE",
    "AttemptRecord",
    "Context",
    "DictState",
    "InMemoryStateStore",
    "Observer",
    "Origin",
    "ResourceManager",
    "StateStore",
    "StreamItem",
    "WaitRecord",
    "Workflow",
    "WorkflowHandler",
    "collect_steps",
    "infer_state_type",
]

_LATE = {"InMemoryStateStore": "_state_store", "ResourceManager": "_resources", "StateStore": "_state_store"}


if not TYPE_CHECKING:  # type checkers would take any name for one that is here
    __getattr__ = late_names(__name__, _LATE)
