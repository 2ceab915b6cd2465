"""How a simulated world takes a run over before it begins: the one seam of the driver, for ``stepwell.testing``.

A loop with an attribute ``stepwell_world`` has the runs that begin in it adopted by that world; in other loops a
run pays for one look-up.
"""

import asyncio
from collections.abc import Callable
from copy import copy
from typing import Protocol

from stepwell.core import EndRun, Machine, Plan, record
from stepwell.runtime._attempts import Attempt, BackgroundTask
from stepwell.runtime._run import Run
from stepwell.runtime._steps import Caller, ReadyStep

OPEN_WAIT = "an open wait"


class World(Protocol):
    """What a loop's ``stepwell_world`` has to offer."""

    def adopt(self, run: Run) -> None: ...


@record(frozen=True)
class Takeover:
    """What a world puts in the place of what a run has.

    ``machine`` makes the machine; ``guide`` gets each step's caller and returns the one that is called instead.
    """

    run_id: str
    machine: Callable[[Plan], Machine]
    guide: Callable[[ReadyStep], Caller]

    def of(self, run: Run) -> None:
        """Take over a run that has not begun."""
        run.named = run.named or self.run_id
        run.machine = self.machine(run.wiring.plan)
        run.crew.steps = tuple(map(self._guided, run.crew.steps))

    def _guided(self, step: ReadyStep) -> ReadyStep:
        guided = copy(step)
        guided.call = self.guide(step)
        guided.is_simple = False  # or the function itself would be called
        return guided


class RunView:
    """A run as a world sees it: what is left of it, and whether it waits for somebody outside."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @property
    def name(self) -> str:
        return self._run.wiring.workflow

    @property
    def steps(self) -> tuple[str, ...]:
        return tuple(step.name for step in self._run.wiring.steps)

    @property
    def timeout(self) -> float | None:
        return self._run.settings.timeout

    @property
    def limits(self) -> dict[int, float]:
        """The seconds that an attempt may take, by the number of its step."""
        return {step.number: step.timeout for step in self._run.crew.steps if step.timeout is not None}

    @property
    def ending(self) -> EndRun | None:
        return self._run.ending

    @property
    def waits_for(self) -> tuple[str, ...]:
        """The names of the event classes that open waits ask for."""
        return tuple(kind.__name__ for kind in self._run.waits.awaited())

    def leftovers(self) -> list[str]:
        """Return what is still there of a run that is over, each in a few words."""
        run = self._run
        left = [f"an attempt at step {attempt.step.name!r}" for attempt in run.crew.attempts.values()]
        left += [OPEN_WAIT] if run.waits.open else []
        left += [f"the background task {task.get_name()!r}" for task in run.background or ()]
        left += [] if run.stream.closed else ["an open stream"]
        return left


def current_attempt() -> tuple[int, bool]:
    """Return the number of the attempt whose body is running, and whether it stands in a wait of the engine."""
    task = asyncio.current_task()
    attempt = task.owner if isinstance(task, BackgroundTask) else task  # a body runs again in one, after a snapshot
    assert isinstance(attempt, Attempt)
    return attempt.start.attempt, attempt.open_waits > 0
