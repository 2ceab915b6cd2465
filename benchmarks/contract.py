"""What an adapter offers and what a question asks. Standard library only: the peers' environments use it."""

import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from time import process_time
from typing import Any, Protocol

WORKERS = 16

Hook = Callable[[], None]


def nothing() -> None:
    """A hook that has nothing to do."""


@dataclass(slots=True)
class Moments:
    """Where a question looks inside a living run: a workload's step calls these, a question sets them."""

    last_step: Hook = nothing
    work_begins: Hook = nothing
    work_ends: Hook = nothing


moments = Moments()


# Each turn begins with cold caches: it lasts for this much CPU time at least, if there is as much to do.
TURN_SECONDS = 0.1


@dataclass(slots=True)
class Turns:
    """Where processes that are compared take turns: each piece of work begins when no other is at work."""

    ask: Hook = nothing
    began: float = -math.inf

    def wait(self) -> None:
        """Wait for the next turn, if this one has been long enough."""
        if process_time() - self.began >= TURN_SECONDS:
            self.ask()
            self.began = process_time()


turns = Turns()


class WrongResult(Exception):
    """A workload computed something else than it was asked for, so its time means nothing."""


def check(actual: object, wanted: object, what: str) -> None:
    """Refuse a measurement whose result is not the one that was asked for."""
    if actual != wanted:
        raise WrongResult(f"{what}: got {actual!r:.100}, wanted {wanted!r:.100}")


class Adapter(Protocol):
    """The workloads. Any function may be missing if ``LEFT_OUT`` says why under its name."""

    IMPORTS: str
    """The statements that a first program of this library begins with."""
    LEFT_OUT: Mapping[str, str]

    async def chain(self, steps: int) -> int:
        """One run whose looping step runs ``steps`` times, then a last step; return how often it looped."""

    async def short_run(self, number: int) -> int:
        """One run: start, two events, stop; three steps that each add one to ``number``; return that."""

    async def fan_out(self, items: int) -> int:
        """One run: ``items`` events through ``WORKERS`` workers, a join, a last step; return the sum.

        A worker yields to the loop once and doubles its number.
        """

    async def stream(self, events: int, pause: int, on_event: Callable[[int], None]) -> int:
        """One run: a step streams ``events`` numbers, yielding to the loop after every ``pause`` (0: never).

        A consumer in the same loop calls ``on_event`` with each number. Return the run's result, ``events``.
        """

    async def waiting(self, runs: int, at_rest: Hook) -> Sequence[int]:
        """Start ``runs`` runs, each waiting for an outside event; answer run n with n; return their results.

        ``at_rest`` is called once when all of them wait.
        """


@dataclass(frozen=True, slots=True)
class Target:
    """What stepwell's figure must not exceed: a multiple of bare's, or a number of the question's unit."""

    limit: float
    stretch: float | None = None
    of_bare: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """One row of the table.

    ``measure`` gets what the adapter calls ``workload`` and a divisor of the sizes (1, or more in a quick
    run) and returns the figure in ``unit``. ``kinds`` are further functions of stepwell's adapter that answer
    the same question in another way, under the label that the table shows. ``only`` names the contenders that
    are asked, when not all are.
    """

    name: str
    title: str
    unit: str
    workload: str
    measure: Callable[[Any, int], Coroutine[Any, Any, float]]
    target: Target
    kinds: Mapping[str, str] = field(default_factory=dict)
    only: frozenset[str] = frozenset()
