"""What a driver has to do next, as imperative plain data. The machine only ever asks for these."""

from enum import Enum
from typing import Final, TypeAlias

from stepwell.core._records import record


@record()
class Lineage:
    """Where an event comes from: the innermost open scope, its branch there, and spent recoveries.

    Shared by all that descends from one event; never changed.
    """

    scope: int | None
    index: int
    recoveries: tuple[int, ...] = ()


@record()
class Retry:
    """What earlier attempts at the same event left behind. ``collected`` is the driver's, see ``StepFailed``."""

    began: float
    error: object
    failed_at: float
    collected: object = None


@record()
class StartStep:
    """Run the body of ``step`` with ``event``. It is also the machine's record of the attempt in flight.

    ``event`` is one event, a tuple (a join over several parameters) or a list (a join of a fan-out).
    ``number`` counts attempts at this event from 1. Two fields change later: ``worker``, the slot it holds
    (-1 while it holds none), and ``waits``, how many waits it began.
    """

    attempt: int
    step: int
    key: str
    event: object
    number: int
    parent: int | None
    lineage: Lineage | None
    queued_at: float
    worker: int = -1
    retry: Retry | None = None
    causes: tuple[int, ...] = ()
    waits: int = 0


@record()
class ResumeStep:
    """Let a suspended body go on. ``timed_out`` tells a deadline from an answer."""

    attempt: int
    wait: int
    event: object
    timed_out: bool


@record()
class CancelStep:
    """Stop an attempt and its background tasks; report their ends as ``StepCancelled`` and ``TaskClosed``.

    The body of the attempt may be over already: then only the tasks are left to stop.
    """

    attempt: int


@record()
class StartTimer:
    """Report ``TimerFired(timer)`` at ``at``, in seconds of the driver's clock."""

    timer: int
    at: float


@record()
class StopTimer:
    """The timer is no longer wanted."""

    timer: int


@record()
class Publish:
    """Show ``event`` to whoever listens to the run."""

    event: object


@record()
class CheckIdle:
    """Nothing is left to do: report ``TurnPassed`` after one empty turn of the loop."""


class Status(Enum):
    """How a run stands. All but ``NEW`` and ``RUNNING`` are endings."""

    NEW = "new"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    STALLED = "stalled"


# Names of their own for what every fact or run is asked: Python 3.11 takes 0.1 µs to look up a member of an enum.
NEW: Final = Status.NEW
RUNNING: Final = Status.RUNNING
COMPLETED: Final = Status.COMPLETED


@record()
class HalfJoin:
    """A join that has something, and lacks something. ``missing`` counts events for each type key."""

    step: int
    present: tuple[str, ...]
    missing: tuple[tuple[str, int], ...]


@record()
class Stall:
    """Why a run cannot go on: events nobody takes, joins half full, steps that returned nothing."""

    unhandled: tuple[tuple[str, int], ...]
    joins: tuple[HalfJoin, ...]
    last_step: int | None


@record()
class EndRun:
    """The run is over; nothing follows. ``outcome`` is the StopEvent, the error, or ``None``.

    ``attempt`` is the one that decided it, ``active`` names the steps in flight at a timeout.
    """

    status: Status
    outcome: object
    attempt: int | None = None
    active: tuple[int, ...] = ()
    stall: Stall | None = None


Effect: TypeAlias = StartStep | ResumeStep | CancelStep | StartTimer | StopTimer | Publish | CheckIdle | EndRun
