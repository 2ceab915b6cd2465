"""How a simulated world takes runs over. A door of its own: only ``stepwell.testing`` comes through it."""

from stepwell.runtime._steps import Caller, ReadyStep
from stepwell.runtime._worlds import OPEN_WAIT, RunView, Takeover, World, current_attempt

__all__ = [
    "OPEN_WAIT",
    "Caller",
    "ReadyStep",
    "RunView",
    "Takeover",
    "World",
    "current_attempt",
]
