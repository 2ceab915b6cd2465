"""What an in-memory run remembers of itself for drawings: counts per edge, and its last attempts."""

from typing import Any, NamedTuple

from stepwell.runtime._attempts import Attempt

RING_SIZE = 512


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


class History:
    """Counts for each edge of the drawing, and a ring of attempts; ``ended`` counts those that fell off too.

    ``produced[step, key]`` counts events a step returned or sent, ``consumed[step, key]`` those it was started with.
    """

    __slots__ = ("consumed", "ended", "produced", "ring")

    def __init__(self) -> None:
        self.produced: dict[tuple[int, str], int] = {}
        self.consumed: dict[tuple[int, str], int] = {}
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

    def recent(self) -> tuple[AttemptRecord, ...]:
        """Return the attempts in the ring, oldest first."""
        return tuple(AttemptRecord(*entry) for entry in self.ring[-RING_SIZE:])

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
            )
        )
