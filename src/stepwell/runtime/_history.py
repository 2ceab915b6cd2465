"""What an in-memory run remembers of itself for drawings: counts per edge, and its last attempts."""

from collections import Counter
from collections.abc import Mapping
from itertools import compress, repeat
from operator import eq, itemgetter
from typing import Any, NamedTuple

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


TAKEN, GIVEN, NUMBER = itemgetter(3, 0), itemgetter(3, 1), itemgetter(5)
"""What the ring has of an attempt, see ``History.record``: its step with what it took, or returned, and its number."""

Edges = dict[tuple[int, str], int]
NO_EDGES: Edges = {}
"""Shared by all runs that have nothing to count there yet; never written."""


class History:
    """Counts for each edge of the drawing, and a ring of attempts; ``ended`` counts those that fell off too.

    What an attempt took and returned is counted when somebody asks, or when it falls off the ring: a short run never
    counts at all. ``in_flight`` are the attempts that are not in the ring yet.
    """

    __slots__ = ("_consumed", "_counted", "_produced", "answered", "gone", "in_flight", "ring")

    def __init__(self, in_flight: Mapping[int, Attempt]) -> None:
        self.in_flight = in_flight
        self._produced: Edges = NO_EDGES
        self._consumed: Edges = NO_EDGES
        self.answered: Edges = NO_EDGES
        self.ring: list[tuple[Any, ...]] = []
        self._counted = 0  # how many of the ring are in the counts
        self.gone = 0

    @property
    def ended(self) -> int:
        """How many attempts have ended."""
        return self.gone + len(self.ring)

    @property
    def produced(self) -> Edges:
        """How many events of a type a step returned or sent."""
        self._count()
        return self._produced

    @property
    def consumed(self) -> Edges:
        """How many events of a type a step was started with."""
        self._count()
        consumed = dict(self._consumed)
        for attempt in self.in_flight.values():
            if attempt.start.number == 1:
                _add(consumed, (attempt.start.step, attempt.start.key), 1)
        return consumed

    def restore(self, produced: Edges, consumed: Edges, answered: Edges, ended: int) -> None:
        """Go on where the history of a run in a snapshot stood; what it has in flight now was counted there."""
        self._produced, self._consumed, self.answered, self.gone = produced, dict(consumed), answered, ended
        for attempt in self.in_flight.values():
            if attempt.start.number == 1:
                _add(self._consumed, (attempt.start.step, attempt.start.key), -1)

    def produce(self, step: int, key: str, count: int = 1) -> None:
        """Count events that a step sent, or returned in a list."""
        if self._produced is NO_EDGES:
            self._produced = {}
        _add(self._produced, (step, key), count)

    def answer(self, step: int, key: str) -> None:
        """Count an event that a wait of a step took."""
        if self.answered is NO_EDGES:
            self.answered = {}
        _add(self.answered, (step, key), 1)

    def recent(self) -> tuple[AttemptRecord, ...]:
        """Return the attempts in the ring, oldest first."""
        return tuple(AttemptRecord._make((*entry[2:-1], waits_of(entry[-1]))) for entry in self.ring[-RING_SIZE:])

    def record(self, attempt: Attempt, outcome: str, now: float, returned: str | None = None) -> None:
        """Remember an attempt that has ended, and the type of the one event that it returned."""
        start = attempt.start
        ring = self.ring
        if len(ring) == RING_SIZE + SWEPT:  # a list that is swept now and then costs a short run less than a deque
            self._count()
            del ring[:SWEPT]
            self._counted -= SWEPT
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

    def _count(self) -> None:
        if self._counted == len(self.ring):
            return
        self._produced = self._produced or {}
        self._consumed = self._consumed or {}
        ended = self.ring[self._counted :]
        is_first = map(eq, map(NUMBER, ended), repeat(1))  # a further attempt takes no further event
        for edge, count in Counter(compress(map(TAKEN, ended), is_first)).items():
            _add(self._consumed, edge, count)
        for (step, key), count in Counter(map(GIVEN, ended)).items():
            if key is not None:
                _add(self._produced, (step, key), count)
        self._counted = len(self.ring)


def _add(edges: Edges, edge: tuple[int, str], count: int) -> None:
    edges[edge] = edges.get(edge, 0) + count
