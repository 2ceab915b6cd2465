"""What a run remembers of the runs below it that are over: the last of them, and sums over all, for drawings.

Rule 1. However many child runs there were, what is kept has a bound.
Rule 2. Nothing that a user made is kept alive: no event, no exception, no workflow object.
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from stepwell.core import COMPLETED, Status
from stepwell.runtime._history import History
from stepwell.runtime._origins import Origin

PAST_RUNS = 16
"""How many runs below are remembered with their attempts."""

TOTALS_KEPT = 256
"""For how many ways from one workflow to another below it sums are kept."""

Counts: TypeAlias = dict[tuple[str, str], int]
Way: TypeAlias = tuple[tuple[str, type], ...]
"""The steps that ran them and the classes of the workflows that they ran, outermost first."""


class PastRun(NamedTuple):
    """A run below that is over. ``path`` and ``way`` lead to it, from the run that remembers it."""

    path: tuple[Origin, ...]
    way: Way
    steps: tuple[str, ...]
    opened_at: float
    closed_at: float
    status: Status
    error: str
    history: History


class Totals:
    """Sums over runs of one workflow: how many, how many of them failed, their seconds, events by step and type."""

    __slots__ = ("answered", "consumed", "failed", "produced", "runs", "seconds")

    def __init__(self) -> None:
        self.runs = 0
        self.failed = 0
        self.seconds = 0.0
        self.produced: Counts = {}
        self.consumed: Counts = {}
        self.answered: Counts = {}

    def add_run(self, history: History, steps: tuple[str, ...], seconds: float, *, failed: bool) -> None:
        """Add one run."""
        self.runs += 1
        self.failed += failed
        self.seconds += seconds
        for mine, edges in (
            (self.produced, history.produced),
            (self.consumed, history.consumed),
            (self.answered, history.answered),
        ):
            _add(mine, (((steps[step], key), count) for (step, key), count in edges.items()))

    def add(self, other: "Totals") -> None:
        """Add the runs that another counts."""
        self.runs += other.runs
        self.failed += other.failed
        self.seconds += other.seconds
        _add(self.produced, other.produced.items())
        _add(self.consumed, other.consumed.items())
        _add(self.answered, other.answered.items())


def _add(counts: Counts, more: Iterable[tuple[tuple[str, str], int]]) -> None:
    for edge, count in more:
        counts[edge] = counts.get(edge, 0) + count


class Past:
    """The runs below one run that are over. ``lost`` counts runs whose way had no room among the sums."""

    __slots__ = ("lost", "runs", "totals")

    def __init__(self) -> None:
        self.runs: deque[PastRun] = deque(maxlen=PAST_RUNS)
        self.totals: dict[Way, Totals] = {}
        self.lost = 0

    def add(self, run: PastRun, below: "Past | None") -> None:
        """Remember a child that is over, and what it remembered itself."""
        totals = self._totals(run.way)
        failed = run.status is not COMPLETED
        totals.add_run(run.history, run.steps, run.closed_at - run.opened_at, failed=failed)
        if below is not None:
            self.lost += below.lost
            for way, sums in below.totals.items():
                self._totals((*run.way, *way)).add(sums)
            for one in below.runs:
                self.runs.append(one._replace(path=(*run.path, *one.path), way=(*run.way, *one.way)))
        self.runs.append(run)

    def _totals(self, way: Way) -> Totals:
        known = self.totals.get(way)
        if known is None:
            known = Totals()
            if len(self.totals) < TOTALS_KEPT:
                self.totals[way] = known
            else:
                self.lost += 1
        return known
