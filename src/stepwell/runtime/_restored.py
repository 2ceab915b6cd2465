"""What a snapshot holds once it is read: plain data for whoever takes the run up."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, final

from stepwell.core import State, WaitId, record
from stepwell.flow import Event, Wiring
from stepwell.runtime._branches import BranchPath, Call, Counts
from stepwell.runtime._buffers import Buffers
from stepwell.runtime._kept_events import StreamItem

if TYPE_CHECKING:  # loaded when first used; see ADR 13
    from stepwell.runtime._state_store import StateStore


@record()
class RestoredBody:
    """An attempt whose body has to run again."""

    started: float
    timed_out: bool
    branches: dict[BranchPath, tuple[Call, Counts]]
    collected: dict[str, list[list[Event] | None]]
    tasks_opened: int
    tasks_closed: set[int]


@record()
class RestoredWait:
    """An open wait. Its class is known by name only until the body tells it, unless annotations lead to it."""

    event_type: type[Event] | None
    type_name: str | None
    requirements: Mapping[str, Any]
    is_child: bool = False
    future: "asyncio.Future[Any] | None" = None


@record()
class RestoredChild:
    """A child that was open: ``document`` of one under way, ``outcome`` of one that was over; neither had begun.

    ``own`` is what its workflow object had beside its class. ``read`` returns the run for the object that the step
    has made again; it raises a ``ChildMismatchError``.
    """

    document: dict[str, Any] | None
    outcome: tuple[bool, Any] | None
    own: tuple[str, ...] = ()
    path: str = ""
    read: "Callable[[Any, Wiring, str], Restored] | None" = None


@final
@record()
class RestoredRun:
    """Where a run stood."""

    state: State
    taken_at: float
    time_left: float | None
    bodies: dict[int, RestoredBody] = field(default_factory=dict)
    waits: dict[WaitId, RestoredWait] = field(default_factory=dict)
    timers: dict[int, float] = field(default_factory=dict)
    buffers: Buffers | None = None
    stream_end: int = 0
    questions: list[StreamItem[Event]] = field(default_factory=list)
    produced: dict[tuple[int, str], int] = field(default_factory=dict)
    consumed: dict[tuple[int, str], int] = field(default_factory=dict)
    answered: dict[tuple[int, str], int] = field(default_factory=dict)
    ended: int = 0
    children: dict[WaitId, RestoredChild] = field(default_factory=dict)


@record()
class Restored:
    """A snapshot, read for ``wiring``. ``run`` is ``None`` for one of a run that was over."""

    run_id: str
    wiring: Wiring
    store: "StateStore[Any]"
    run: RestoredRun | None

    @property
    def is_running(self) -> bool:
        return self.run is not None
