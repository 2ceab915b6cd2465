"""The asyncio driver: runs, contexts, state stores, handlers and streams."""

from stepwell.runtime._dict_state import DictState
from stepwell.runtime._state_store import InMemoryStateStore, StateStore
from stepwell.runtime._state_types import infer_state_type

__all__ = ["DictState", "InMemoryStateStore", "StateStore", "infer_state_type"]
