"""``simulate``: a workflow under many seeds, each with another order of things and other faults.

Rule 1. A seed always makes the same run, as long as the workflow itself asks no clock, chance or network.
Rule 2. What fails is played again with fewer and fewer choices, until only those are left that it needs.
Rule 3. The first seed that fails ends the simulation, with the command that repeats it.
"""

import asyncio
import os
import shlex
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stepwell.core import Status
from stepwell.errors import (
    SimulationFailure,
    SimulationInLoopError,
    SimulationOptionError,
    SimulationTooLongError,
    StepwellError,
    VirtualDeadlockError,
)
from stepwell.flow import Event, StartEvent
from stepwell.runtime import Context, Workflow, WorkflowHandler
from stepwell.runtime.worlds import OPEN_WAIT
from stepwell.testing._choices import Choices, Scenario, shrink
from stepwell.testing._faults import NO_FAULTS, NOBODY, Faults, Outside
from stepwell.testing._record import Record
from stepwell.testing._rules import audit
from stepwell.testing._story import story
from stepwell.testing._time_rules import BrokenRuleError
from stepwell.testing._world import World

SEED_VARIABLE = "STEPWELL_SEED"
SHRINK_RUNS = 400


@dataclass(frozen=True, slots=True)
class SimulatedRun:
    """A run that came to its end in a simulated world.

    ``status`` is completed, failed, timed_out, cancelled or stalled; ``result`` what awaiting the handler gave,
    ``exception`` what it raised. ``events`` are those of its stream. ``scenario`` has the choices that were not
    plain, ``injected`` the failures that steps were given. ``plain`` is the run of the same workflow in the plain
    order without faults (the plain run's own is ``None``). ``ctx`` is the run's context, for its store. ``lives`` is
    one more than how often it was put away and taken up, each time by another ``workflow``.
    """

    seed: int
    workflow: Workflow[Any, Any]
    status: str
    result: Any
    exception: BaseException | None
    events: tuple[Event, ...]
    scenario: Mapping[str, int]
    injected: tuple[BaseException, ...]
    was_cancelled: bool
    was_slowed: bool
    facts: int
    ctx: Context[Any]
    lives: int = 1
    plain: "SimulatedRun | None" = None


Check = Callable[[SimulatedRun], object]


@dataclass(slots=True)
class SimulationReport:
    """What was simulated: ``endings`` counts runs by status, ``facts`` all that happened in them."""

    runs: int = 0
    facts: int = 0
    endings: Counter[str] = field(default_factory=Counter)

    def add(self, run: SimulatedRun) -> None:
        self.runs += 1
        self.facts += run.facts
        self.endings[run.status] += 1


def no_surprise(run: SimulatedRun) -> None:
    """Hold that a run completed, or ended as the faults that it met explain. What ``simulate`` checks by default."""
    match run.status:
        case "failed":
            assert run.exception is not None
            if not _is_explained(run.exception, run.injected):
                raise run.exception
        case "stalled" | "timed_out" if not (run.status == "timed_out" and run.was_slowed):
            assert run.exception is not None
            raise run.exception
        case "cancelled":
            assert run.was_cancelled, "the run was cancelled, and nobody asked for it"
        case _:
            pass


def same_result(run: SimulatedRun) -> None:
    """Hold that a run which completed has the result of the plain run, and no surprise otherwise."""
    no_surprise(run)
    if run.plain is not None and run.status == run.plain.status == "completed":
        assert run.result == run.plain.result, f"result {run.result!r}; in the plain order it is {run.plain.result!r}"


def _is_explained(error: BaseException | None, injected: Iterable[BaseException]) -> bool:
    known = {id(one) for one in injected}
    while error is not None:
        if id(error) in known:
            return True
        error = error.__cause__ or error.__context__
    return False


@dataclass(frozen=True, slots=True)
class Played:
    """A run, and what is wrong with it: ``kind`` is the same when the same thing is wrong with another run."""

    run: SimulatedRun
    records: list[Record]
    problem: str = ""
    kind: tuple[object, ...] = ()
    cause: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Simulation:
    """What is simulated, apart from the seed."""

    workflow: Callable[[], Workflow[Any, Any]]
    start: Mapping[str, Any] | StartEvent
    faults: Faults
    outside: Outside
    check: Check

    def play(self, choices: Choices, plain: SimulatedRun | None) -> Played:
        """Simulate one run and look whether all is well with it."""
        world = World(choices, self.faults, self.outside, plain.facts if plain is not None else 0)
        taken_up = None
        while True:
            workflow = self.workflow()  # before there is a loop to close, should it fail
            taken_up = world.begin_life()
            errors: list[BaseException] = []
            results: list[Any] = []
            try:
                with asyncio.Runner(loop_factory=lambda: world.loop) as runner:
                    try:
                        runner.run(self._live(world, workflow, taken_up, results, errors))
                    finally:
                        world.choices.is_over = True
            except (VirtualDeadlockError, SimulationTooLongError) as error:
                return self._stuck(world, workflow, plain, error)
            except StepwellError as error:
                if taken_up is None:
                    raise
                run = _told(world, workflow, plain, Status.RUNNING, [], [error])
                problem = f"the run cannot be taken up: {type(error).__name__}: {error}"
                return Played(run, world.top_records, problem, ("taken up", type(error), _where(error)), error)
            if world.document is None or world.lost:
                break
        ending = world.top.ending
        assert ending is not None
        run = _told(world, workflow, plain, ending.status, results, errors)
        return _judge(self.check, world, run)

    async def _live(
        self,
        world: World,
        workflow: Workflow[Any, Any],
        taken_up: dict[str, Any] | None,
        results: list[Any],
        errors: list[BaseException],
    ) -> None:
        handler = self._begin(workflow, taken_up)
        world.attend(handler)
        listener = asyncio.create_task(world.listen(handler), name="the listener")
        try:
            results.append(await handler)
        except BaseException as error:  # whatever ended the run is looked at
            if not handler.is_done():
                raise
            errors.append(error)
        await listener
        left = [what for run in world.runs for what in run.leftovers()]
        # A body that was over, and was to run again for its background tasks, may not have come to its wait.
        world.left = [what for what in left if world.lives == 1 or what != OPEN_WAIT]

    def _begin(self, workflow: Workflow[Any, Any], taken_up: dict[str, Any] | None) -> WorkflowHandler[Any]:
        if taken_up is not None:
            return workflow.run(ctx=Context.from_dict(workflow, taken_up))
        if isinstance(self.start, StartEvent):
            return workflow.run(start_event=self.start.model_copy(deep=True))
        return workflow.run(**self.start)

    def _stuck(
        self, world: World, workflow: Workflow[Any, Any], plain: SimulatedRun | None, error: BaseException
    ) -> Played:
        run = _told(world, workflow, plain, Status.RUNNING, [], [error])
        if isinstance(error, SimulationTooLongError):
            problem = str(error)
        elif world.waited_for or not world.outside.events:
            what = " or ".join(world.waited_for) or "an event"
            problem = f"the run waits for {what} from outside, and nobody sends it: give outside=Outside(…)"
        else:
            problem = f"the run hangs: {error}"
        return Played(run, world.top_records, problem, (type(error),), error)


def _told(
    world: World,
    workflow: Workflow[Any, Any],
    plain: SimulatedRun | None,
    status: Status,
    results: list[Any],
    errors: list[BaseException],
) -> SimulatedRun:
    assert world.handler is not None
    return SimulatedRun(
        seed=world.choices.seed,
        workflow=workflow,
        status=status.value,
        result=results[0] if results else None,
        exception=errors[0] if errors else None,
        events=tuple(world.events),
        scenario=dict(world.choices.scenario),
        injected=tuple(world.injected),
        was_cancelled=world.is_cancelled,
        was_slowed=world.was_slow,
        facts=sum(len(record.entries) for record in world.records),
        ctx=world.handler.ctx,
        lives=world.lives,
        plain=plain,
    )


def _judge(check: Check, world: World, run: SimulatedRun) -> Played:
    if world.lost:
        error = world.lost[0]
        problem = f"a callback of the loop raised {type(error).__name__}: {error}"
        return Played(run, world.top_records, problem, ("lost", type(error), _where(error)), error)
    try:
        for record in world.records:
            audit(record)
        if world.left:
            raise BrokenRuleError(f"the run is over, and there is still {', '.join(world.left)}")
        twice = [number for number, count in Counter(world.bodies).items() if count > 1]
        if twice and world.lives == 1 and len(world.records) == 1:
            raise BrokenRuleError(f"the body of attempt {twice[0]} was started twice")
    except BrokenRuleError as error:
        return Played(run, world.top_records, f"a rule of the engine is broken: {error}", ("rule",), error)
    try:
        check(run)
    except Exception as error:  # noqa: BLE001  # a check says no by raising
        said = f"{type(error).__name__}: {error}" if str(error) else f"{type(error).__name__} {_where(error)}"
        return Played(run, world.top_records, said, (type(error), _where(error)), error)
    return Played(run, world.top_records)


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def simulate(
    workflow: Callable[[], Workflow[Any, Any]],
    start: Mapping[str, Any] | StartEvent | None = None,
    *,
    seeds: int | Iterable[int] = 100,
    faults: Faults = NO_FAULTS,
    outside: Outside = NOBODY,
    check: Check = no_surprise,
) -> SimulationReport:
    """Run a workflow once for each seed, each time in another order and with other faults, in virtual time.

    ``workflow`` makes it anew for each run: a class, or a function without parameters. ``start`` are the fields of
    the start event, or the event. ``seeds`` is how many (from 0), or which. ``check`` gets each ``SimulatedRun``,
    first that of the plain order without faults, and raises when something is wrong with it.

    Raises ``SimulationFailure`` for the first seed under which ``check`` raises, a run does not end, or a rule of
    the engine is broken; it names the few choices that are needed for it, and the command that repeats it. With
    ``STEPWELL_SEED`` in the environment only that seed is run. Raises ``SimulationInLoopError`` in an event loop.
    """
    _check_no_loop()
    if isinstance(workflow, Workflow):
        accepted = f"a class or a function, to make one anew for each run: {type(workflow).__name__}, or lambda: …"
        raise SimulationOptionError(option="workflow", value=workflow, accepted=accepted)
    simulation = Simulation(workflow, {} if start is None else start, faults, outside, check)
    report = SimulationReport()
    chosen = list(_chosen(seeds))
    plain = simulation.play(Choices(chosen[0] if chosen else 0, {}), None)
    if plain.problem:
        raise _failure(simulation, plain, None)
    for seed in chosen:
        played = simulation.play(Choices(seed), plain.run)
        if played.problem:
            raise _failure(simulation, played, plain.run)
        report.add(played.run)
    return report


def _check_no_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise SimulationInLoopError


def _chosen(seeds: int | Iterable[int]) -> Iterable[int]:
    only = os.environ.get(SEED_VARIABLE)
    if only is not None:
        try:
            return [int(only)]
        except ValueError as error:
            raise SimulationOptionError(option=SEED_VARIABLE, value=only, accepted="an integer") from error
    if isinstance(seeds, bool) or (isinstance(seeds, int) and seeds < 1):
        raise SimulationOptionError(option="seeds", value=seeds, accepted="a number of seeds from 1, or the seeds")
    return range(seeds) if isinstance(seeds, int) else seeds


def _failure(simulation: Simulation, played: Played, plain: SimulatedRun | None) -> SimulationFailure:
    """Shrink what failed and tell it."""
    smallest = played

    def fails(scenario: Scenario) -> bool:
        nonlocal smallest
        again = simulation.play(Choices(played.run.seed, scenario), plain)
        if again.kind == played.kind:
            smallest = again
            return True
        return False

    shrink(played.run.scenario, fails, attempts=SHRINK_RUNS)
    failure = SimulationFailure(
        workflow=type(played.run.workflow).__name__,
        seed=played.run.seed,
        problem=smallest.problem,
        scenario=smallest.run.scenario,
        story=story(smallest.records),
        command=_command(played.run.seed),
    )
    failure.__cause__ = smallest.cause
    return failure


def _command(seed: int) -> str:
    """Return the command that runs this test, or this program, with this seed only."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    arguments = ["-m", "pytest", test] if test else sys.argv
    return f"{SEED_VARIABLE}={seed} python {shlex.join(arguments)}"
