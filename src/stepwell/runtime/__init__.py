"""Running workflows: ``Workflow``, ``Context``, the handler, streams; the asyncio driver that joins the rooms below."""

from stepwell.runtime._context import Context
from stepwell.runtime._handler import WorkflowHandler
from stepwell.runtime._history import RING_SIZE, AttemptRecord
from stepwell.runtime._observers import Observer
from stepwell.runtime._stream import StreamItem
from stepwell.runtime._workflow import Workflow, collect_steps

__all__ = [
    "RING_SIZE",
    "AttemptRecord",
    "Context",
    "Observer",
    "StreamItem",
    "Workflow",
    "WorkflowHandler",
    "collect_steps",
]
