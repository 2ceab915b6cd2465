"""What is known about a run, in named parts: small plain data that a snapshot can hold.

The machine's modules change it in place; nothing else does. Ids come from one counter.
"""

from collections import deque
from dataclasses import field
from typing import Any, Final, NoReturn, TypeAlias

from stepwell.core._effects import NEW, Lineage, StartStep, Status
from stepwell.core._facts import Point, Settlement, WaitId
from stepwell.core._records import record


class _NoneYet(dict[Any, Any]):
    """An empty dictionary that all states share until they have something to put into one of their own."""

    def __setitem__(self, key: object, value: object) -> None:
        raise TypeError("shared by all runs: write to `state.part = state.part or {}`")

    def __reduce__(self) -> tuple[type[dict[Any, Any]], tuple[()]]:
        return dict, ()


NONE_YET = _NoneYet()

RUN_TIMER = 0
"""The id of the timer that ends a run which takes too long."""


class _NeverBack(list[int]):
    """An empty list that the lanes of all states share; a copy of one of them has the same."""

    def append(self, worker: int) -> NoReturn:
        raise TypeError("shared by all runs: give the step a lane of its own")

    def __reduce__(self) -> str:
        return "ALONE"


ALONE: Final = _NeverBack()
"""What was given back in a lane whose first worker is the only one that works. Such a lane is never changed."""


@record()
class Lane:
    """One step's workers: how many were ever taken, the slots given back, and who queues for one.

    A step at which nobody has worked but one attempt at a time has none between them, and ``alone`` meanwhile.
    """

    workers: int
    taken: int
    free: list[int]
    queue: deque[StartStep] | None = None
    returning: deque[int] | None = None


def alone(workers: int) -> Lane:
    """Return the lane that all runs have of a step while one attempt at it is under way."""
    return Lane(workers, 1, ALONE)


Gathered: TypeAlias = tuple[int, object, int | None]
"""One event that reached a join: its branch, the event, the attempt it came from. (A class costs 5 times as much.)"""


@record()
class Scope:
    """One fan-out under way.

    ``tokens`` counts what is still open inside: queued, running and delayed attempts, events held in
    half-full joins, scopes opened within. ``lineage`` is the opener's. ``queued`` counts the attempts in
    queues, so that cancelling the scope need not look for them there. ``attempts`` and ``inner`` (scopes)
    name what was ever opened inside, so that cancelling need not look at what is outside.
    """

    number: int
    opener: int
    joins: tuple[int, ...]
    lineage: Lineage | None
    tokens: int = 0
    queued: int = 0
    gathered: dict[int, list[Gathered]] = field(default_factory=dict)
    closed_joins: set[int] = field(default_factory=set)
    attempts: list[int] = field(default_factory=list)
    inner: list[int] = field(default_factory=list)
    cancelled: bool = False


@record()
class Wait:
    """An open wait: the type it listens for (``None``: for its deadline, or a child), its timer and its point.

    ``works`` while it waits for a child that is at work, which counts as active.
    """

    key: str | None
    timer: int | None
    works: bool = False
    point: Point | None = None


Answer: TypeAlias = tuple[int, object, Settlement, Point | None]
"""What a wait got: its ordinal, the event, how it came, its point."""


@record()
class Settled:
    """A recorded call and what came of it."""

    point: Point
    settlement: Settlement
    value: object


@record()
class Points:
    """What is recorded of an attempt, in the order in which it came; ``kept`` is what earlier attempts left."""

    settled: list[Settled] = field(default_factory=list)
    kept: tuple[Settled, ...] = ()


@record()
class Suspension:
    """An attempt that gave its worker back: its open waits, and answers that wait for a worker.

    ``returning`` while it queues for a worker. ``detached`` when the body is over and only a background
    task of it waits, which needs no worker.
    """

    open: dict[int, Wait] = field(default_factory=dict)
    ready: tuple[Answer, ...] = ()
    returning: bool = False
    detached: bool = False


@record()
class Held:
    """An event that nothing takes yet; a wait that opens later may. ``sender`` is ``None`` for the outside."""

    key: str
    event: object
    sender: int | None = None


@record()
class State:
    """Everything the machine knows. ``active`` counts what can move without the outside."""

    lanes: list[Lane | None]
    now: float
    status: Status
    counter: int
    active: int
    running: dict[int, StartStep]
    cancelling: dict[int, StartStep]
    delayed: dict[int, StartStep]
    suspended: dict[int, Suspension]
    wait_timers: dict[int, WaitId]
    scopes: dict[int, Scope]
    slots: dict[tuple[int, int], list[deque[Gathered]]]
    held: dict[int, Held]
    tasks: dict[int, int]
    lingering: dict[int, StartStep]
    points: dict[int, Points]
    deadline: float | None
    remaining: float | None
    external_events: bool
    unprompted: bool
    questions: int
    checking: bool
    last_step: int | None
    stale_facts: int

    def __init__(self, steps: int) -> None:
        # Written out: a run makes one of these, and factories for so many fields cost twice as much.
        self.lanes = [None] * steps
        self.now = 0.0
        self.status = NEW
        self.counter = self.active = self.questions = self.stale_facts = 0
        self.running = {}
        self.cancelling = self.delayed = self.lingering = NONE_YET
        self.suspended = self.wait_timers = self.scopes = self.slots = NONE_YET
        self.held = self.tasks = self.points = NONE_YET
        self.deadline = self.remaining = self.last_step = None
        self.external_events = self.unprompted = self.checking = False


def lineage_of(state: State, attempt: int) -> Lineage | None:
    """Return where what ``attempt`` sends belongs: its own lineage while it or a task of it is open."""
    start = state.running.get(attempt) or state.lingering.get(attempt) or state.cancelling.get(attempt)
    return start.lineage if start is not None else None


def scope_of(state: State, lineage: Lineage | None) -> Scope | None:
    """Return the innermost open scope of a lineage."""
    if lineage is None or lineage.scope is None:
        return None
    return state.scopes.get(lineage.scope)


def is_cut_off(lineage: Lineage | None, scope: Scope | None) -> bool:
    """Return whether a branch was cancelled: what it sends is dropped, and what it left is to stop.

    ``scope`` is the innermost open scope of ``lineage``.
    """
    return lineage is not None and lineage.scope is not None and (scope is None or scope.cancelled)
