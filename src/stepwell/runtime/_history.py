"""What an in-memory run remembers of itself for drawings: counts per edge, and its last attempts."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import field
from operator import itemgetter
from typing import Any, NamedTuple

from stepwell.core import record
from stepwell.runtime._attempts import Attempt

RING_SIZE = 512
SWEPT = 128
"""How many attempts are dropped at once."""

WAITS_KEPT = 64
"""How many of the last waits of one attempt are remembered."""


class WaitRecord(NamedTuple):
    """A time in which an attempt was suspended. ``kind`` is ``"event"``, ``"sleep"`` or ``"child"``.

    ``what`` is the event class, the seconds or the child workflow, ``ended_at`` is ``None`` while it goes on.
    """

    kind: str
    what: str
    started_at: float
    ended_at: float | None


def note_wait(attempt: Attempt, what: object, now: float) -> list[Any]:
    """Remember that an attempt began to wait, for an event class, for seconds, or for a child workflow by name.

    Set the last item of what is returned to the time at which the wait ends.
    """
    if attempt.waited is None:
        attempt.waited = []
    elif len(attempt.waited) == WAITS_KEPT:
        del attempt.waited[0]
    entry = [what, now, None]
    attempt.waited.append(entry)
    return entry


def waits_of(waited: list[list[Any]] | None) -> tuple[WaitRecord, ...]:
    """Return the waits of an attempt, oldest first."""
    return tuple(_wait_record(*entry) for entry in waited or ())


def _wait_record(what: object, started_at: float, ended_at: float | None) -> WaitRecord:
    if isinstance(what, type):
        return WaitRecord("event", what.__name__, started_at, ended_at)
    if isinstance(what, float):
        return WaitRecord("sleep", f"{what:g} s", started_at, ended_at)
    return WaitRecord("child", str(what), started_at, ended_at)


class AttemptRecord(NamedTuple):
    """One attempt that ended. Times are in seconds of the run's clock."""

    attempt: int
    step: int
    worker: int
    number: int
    cause: int | None
    queued_at: float
    started_at: float
    ended_at: float
    outcome: str
    waits: tuple[WaitRecord, ...] = ()


COUNTED = itemgetter(3, 0, 1, 5)
"""What is counted of an attempt in the ring (see ``History.record``): its step, what it took and gave, its number."""

Edges = dict[tuple[int, str], int]


@record()
class Counts:
    """How many events of a type each step returned or sent, was started with, and took in a wait.

    ``recorded`` is how many attempts of the ring are in them.
    """

    produced: Edges = field(default_factory=dict)
    consumed: Edges = field(default_factory=dict)
    answered: Edges = field(default_factory=dict)
    recorded: int = 0


class History:
    """Counts for each edge of the drawing, and a ring of attempts; ``ended`` counts those that fell off too.

    What an attempt took and returned is counted when somebody asks, or when it falls off the ring: a short run never
    counts at all. ``in_flight`` are the attempts that are not in the ring yet.
    """

    __slots__ = ("_counts", "gone", "in_flight", "ring")

    def __init__(self, in_flight: Mapping[int, Attempt]) -> None:
        self.in_flight = in_flight
        self.ring: list[tuple[Any, ...]] = []
        self.gone = 0
        self._counts: Counts | None = None

    @property
    def ended(self) -> int:
        """How many attempts have ended."""
        return self.gone + len(self.ring)

    @property
    def produced(self) -> Edges:
        """How many events of a type a step returned or sent."""
        return self._counted().produced

    @property
    def consumed(self) -> Edges:
        """How many events of a type a step was started with."""
        consumed = dict(self._counted().consumed)
        for attempt in self.in_flight.values():
            if attempt.start.number == 1:
                _add(consumed, (attempt.start.step, attempt.start.key), 1)
        return consumed

    @property
    def answered(self) -> Edges:
        """How many events of a type the waits of a step took."""
        return self._own_counts().answered

    def restore(self, produced: Edges, consumed: Edges, answered: Edges, ended: int) -> None:
        """Go on where the history of a run in a snapshot stood; what it has in flight now was counted there."""
        self._counts = Counts(produced, dict(consumed), answered)
        self.gone = ended
        for attempt in self.in_flight.values():
            if attempt.start.number == 1:
                _add(self._counts.consumed, (attempt.start.step, attempt.start.key), -1)

    def produce(self, step: int, key: str, count: int = 1) -> None:
        """Count events that a step sent, or returned in a list."""
        _add(self._own_counts().produced, (step, key), count)

    def answer(self, step: int, key: str) -> None:
        """Count an event that a wait of a step took."""
        _add(self._own_counts().answered, (step, key), 1)

    def recent(self) -> tuple[AttemptRecord, ...]:
        """Return the attempts in the ring, oldest first."""
        return tuple(AttemptRecord._make((*entry[2:-1], waits_of(entry[-1]))) for entry in self.ring[-RING_SIZE:])

    def record(self, attempt: Attempt, outcome: str, now: float, returned: str | None = None) -> None:
        """Remember an attempt that has ended, and the type of the one event that it returned."""
        start = attempt.start
        ring = self.ring
        if len(ring) == RING_SIZE + SWEPT:  # a list that is swept now and then costs a short run less than a deque
            counts = self._counted()
            del ring[:SWEPT]
            counts.recorded -= SWEPT
            self.gone += SWEPT
        ring.append(
            (
                start.key,
                returned,
                start.attempt,
                start.step,
                attempt.worker,
                start.number,
                start.parent,
                start.queued_at,
                attempt.started,
                now,
                outcome,
                attempt.waited,
            )
        )

    def _own_counts(self) -> Counts:
        if self._counts is None:
            self._counts = Counts()
        return self._counts

    def _counted(self) -> Counts:
        """Return the counts with all attempts of the ring in them."""
        counts = self._own_counts()
        if counts.recorded == len(self.ring):
            return counts
        ended = self.ring[counts.recorded :]
        for (step, taken, returned, number), count in Counter(map(COUNTED, ended)).items():
            if number == 1:  # a further attempt takes no further event
                _add(counts.consumed, (step, taken), count)
            if returned is not None:
                _add(counts.produced, (step, returned), count)
        counts.recorded = len(self.ring)
        return counts


def _add(edges: Edges, edge: tuple[int, str], count: int) -> None:
    edges[edge] = edges.get(edge, 0) + count
