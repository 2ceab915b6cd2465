"""What an in-memory run remembers of itself for drawings: counts per edge, and its last attempts."""

from typing import Any, NamedTuple

from stepwell.runtime._attempts import Attempt

RING_SIZE = 512
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


NO_ANSWERS: dict[tuple[int, str], int] = {}
"""Shared by all runs in which nothing waited for an event; never written."""


class History:
    """Counts for each edge of the drawing, and a ring of attempts; ``ended`` counts those that fell off too.

    ``produced[step, key]`` counts events a step returned or sent, ``consumed[step, key]`` those it was started with,
    ``answered[step, key]`` those that a wait of it took.
    """

    __slots__ = ("answered", "consumed", "ended", "produced", "ring")

    def __init__(self) -> None:
        self.produced: dict[tuple[int, str], int] = {}
        self.consumed: dict[tuple[int, str], int] = {}
        self.answered: dict[tuple[int, str], int] = NO_ANSWERS
        self.ring: list[tuple[Any, ...]] = []
        self.ended = 0

    def produce(self, step: int, key: str, count: int = 1) -> None:
        """Count events that a step returned or sent."""
        edge = (step, key)
        counts = self.produced
        counts[edge] = counts[edge] + count if edge in counts else count

    def consume(self, step: int, key: str) -> None:
        """Count an event that a step was started with."""
        edge = (step, key)
        counts = self.consumed
        counts[edge] = counts[edge] + 1 if edge in counts else 1

    def answer(self, step: int, key: str) -> None:
        """Count an event that a wait of a step took."""
        edge = (step, key)
        if self.answered is NO_ANSWERS:
            self.answered = {}
        self.answered[edge] = self.answered.get(edge, 0) + 1

    def recent(self) -> tuple[AttemptRecord, ...]:
        """Return the attempts in the ring, oldest first."""
        return tuple(AttemptRecord(*entry)._replace(waits=waits_of(entry[-1])) for entry in self.ring[-RING_SIZE:])

    def record(self, attempt: Attempt, outcome: str, now: float) -> None:
        """Remember an attempt that has ended."""
        self.ended += 1
        start = attempt.start
        if len(self.ring) == 2 * RING_SIZE:  # swept now and then: a list costs a short run less than a deque
            del self.ring[:RING_SIZE]
        self.ring.append(
            (
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
