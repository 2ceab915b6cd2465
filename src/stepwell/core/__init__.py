"""The machine: facts in, effects out, and nothing else. It may touch errors, and no clock, loop or file."""

from importlib import import_module
from typing import TYPE_CHECKING

from stepwell.core._effects import (
    COMPLETED,
    NEW,
    RUNNING,
    CancelStep,
    CheckIdle,
    Effect,
    EndRun,
    HalfJoin,
    Lineage,
    Publish,
    ResumeStep,
    Retry,
    Stall,
    StartStep,
    StartTimer,
    Status,
    StopTimer,
)
from stepwell.core._facts import (
    CancelRequested,
    ChildClosed,
    ChildOpened,
    ChildPaused,
    ChildResumed,
    EventSent,
    Fact,
    HeldPassedOn,
    InputAnswered,
    InputAsked,
    InputWithdrawn,
    Point,
    PointRecorded,
    RunStarted,
    Settlement,
    StepCancelled,
    StepFailed,
    StepFannedOut,
    StepFinished,
    TaskClosed,
    TaskOpened,
    TimerFired,
    TurnPassed,
    WaitDropped,
    WaitId,
    WaitStarted,
)
from stepwell.core._machine import Machine
from stepwell.core._plan import Gathering, Kind, Plan, Route, StepPlan
from stepwell.core._records import changed, record
from stepwell.core._state import RUN_TIMER, Held, Lane, Points, Scope, Settled, State, Suspension, Wait, new_state

if TYPE_CHECKING:
    from stepwell.core._audit import find_flaw, recount

__all__ = [
    "COMPLETED",
    "NEW",
    "RUNNING",
    "RUN_TIMER",
    "CancelRequested",
    "CancelStep",
    "CheckIdle",
    "ChildClosed",
    "ChildOpened",
    "ChildPaused",
    "ChildResumed",
    "Effect",
    "EndRun",
    "EventSent",
    "Fact",
    "Gathering",
    "HalfJoin",
    "Held",
    "HeldPassedOn",
    "InputAnswered",
    "InputAsked",
    "InputWithdrawn",
    "Kind",
    "Lane",
    "Lineage",
    "Machine",
    "Plan",
    "Point",
    "PointRecorded",
    "Points",
    "Publish",
    "ResumeStep",
    "Retry",
    "Route",
    "RunStarted",
    "Scope",
    "Settled",
    "Settlement",
    "Stall",
    "StartStep",
    "StartTimer",
    "State",
    "Status",
    "StepCancelled",
    "StepFailed",
    "StepFannedOut",
    "StepFinished",
    "StepPlan",
    "StopTimer",
    "Suspension",
    "TaskClosed",
    "TaskOpened",
    "TimerFired",
    "TurnPassed",
    "Wait",
    "WaitDropped",
    "WaitId",
    "WaitStarted",
    "changed",
    "find_flaw",
    "new_state",
    "record",
    "recount",
]

_LATE = {"find_flaw": "_audit", "recount": "_audit"}


if not TYPE_CHECKING:  # type checkers would take any name for one that is here

    def __getattr__(name: str) -> object:
        if name not in _LATE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
        return found
