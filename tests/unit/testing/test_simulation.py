"""``simulate``: what it finds in a workflow, how small it makes it, and how it tells it."""

import asyncio
import itertools
import os
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pytest

from stepwell import (
    Collect,
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StepFailedEvent,
    StopEvent,
    Workflow,
    catch_error,
    step,
)
from stepwell.errors import (
    PointMismatchError,
    SimulatedFailure,
    SimulationFailure,
    SimulationInLoopError,
    SimulationOptionError,
    SimulationTooLongError,
    StepTimeoutError,
    WorkflowStalledError,
)
from stepwell.retry_policy import retry_policy, stop_after_attempt
from stepwell.testing import Faults, Outside, SimulatedRun, no_surprise, same_result, simulate

ROOT = Path(__file__).resolve().parents[3]


class Item(Event):
    number: int


class Done(Event):
    number: int


class InOrderOfArrival(Workflow):
    """Its result depends on which item is done first."""

    @step
    async def split(self, ev: StartEvent) -> list[Item]:
        return [Item(number=number) for number in range(3)]

    @step
    async def work(self, ev: Item) -> Done:
        await asyncio.sleep(ev.number * 0.001)
        return Done(number=ev.number)

    @step
    async def join(self, done: list[Done]) -> StopEvent:
        return StopEvent(result=[one.number for one in done])


class Single(Workflow):
    """One step that awaits something outside."""

    @step
    async def only(self, ev: StartEvent) -> StopEvent:
        await asyncio.sleep(1)
        return StopEvent(result="done")


def failure_of(workflow: Any, **options: Any) -> SimulationFailure:
    with pytest.raises(SimulationFailure) as caught:
        simulate(workflow, **options)
    return caught.value


# What is found.


def test_a_result_that_depends_on_the_order_is_found_and_shrunk_to_one_choice() -> None:
    failure = failure_of(InOrderOfArrival, check=same_result)

    assert len(failure.scenario) == 1
    assert "in the plain order it is [0, 1, 2]" in failure.problem
    assert "late" in next(iter(failure.scenario)) or "timer" in next(iter(failure.scenario))


def test_a_result_that_does_not_depend_on_the_order_is_the_same_in_all() -> None:
    report = simulate(Single, seeds=30, check=same_result)

    assert report.endings == {"completed": 30}
    assert report.facts == 60


def test_an_error_of_the_workflow_s_own_is_told() -> None:
    class Fragile(InOrderOfArrival):
        @step
        async def join(self, done: list[Done]) -> StopEvent:
            if done[-1].number != 2:
                raise ValueError("the last is not the last")
            return StopEvent()

    failure = failure_of(Fragile)

    assert failure.problem == "ValueError: the last is not the last"
    assert isinstance(failure.__cause__, ValueError)
    assert any("join" in line and "fails" in line for line in failure.story)


def test_a_stall_is_told() -> None:
    class Loses(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent | None:
            return None

    failure = failure_of(Loses)

    assert isinstance(failure.__cause__, WorkflowStalledError)
    assert failure.scenario == {}
    assert "nothing: it happens in the plain order, without faults" in str(failure)


def test_a_run_that_is_late_by_itself_is_told() -> None:
    class Slow(Workflow):
        @step(timeout=1)
        async def only(self, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(2)
            return StopEvent()

    assert isinstance(failure_of(Slow).__cause__, StepTimeoutError)


def test_a_run_that_never_ends_is_told() -> None:
    class Endless(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            for _ in itertools.count():
                await asyncio.sleep(0)
            return StopEvent()

    failure = failure_of(lambda: Endless(timeout=None))

    assert isinstance(failure.__cause__, SimulationTooLongError)


def test_a_run_that_waits_for_nobody_is_told() -> None:
    class Answer(HumanResponseEvent):
        pass

    class Asks(Workflow):
        @step
        async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.wait_for_event(Answer)
            return StopEvent()

    assert "waits for Answer from outside, and nobody sends it" in failure_of(Asks).problem


def test_what_a_callback_of_the_loop_raises_is_told() -> None:
    class Careless(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            asyncio.get_running_loop().call_soon(int, "no number")
            await asyncio.sleep(1)
            return StopEvent()

    assert "a callback of the loop raised ValueError" in failure_of(Careless).problem


def test_a_lost_update_of_the_store_is_found() -> None:
    class Counts(InOrderOfArrival):
        @step
        async def work(self, ctx: Context, ev: Item) -> Done:  # type: ignore[override]
            count = await ctx.store.get("count", 0)
            await asyncio.sleep(0.01)
            await ctx.store.set("count", count + 1)
            return Done(number=ev.number)

    def counted(run: SimulatedRun) -> None:
        assert run.ctx.store.snapshot().count == 3

    assert "AssertionError" in failure_of(Counts, check=counted).problem


# Faults.


def test_a_run_may_fail_with_the_failure_that_it_was_given() -> None:
    report = simulate(Single, seeds=100, faults=Faults(step_failure=0.5))

    assert report.endings["failed"] > 10
    assert report.endings["completed"] > 10


def test_a_failure_that_was_given_stays_explained_when_it_is_wrapped() -> None:
    class Wraps(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            try:
                await asyncio.sleep(1)
            except SimulatedFailure as error:
                raise ValueError("wrapped") from error
            return StopEvent()

    assert simulate(Wraps, seeds=60, faults=Faults(step_failure=0.5)).endings["failed"] > 5


def test_a_failure_is_of_the_kind_that_was_asked_for() -> None:
    kinds: Counter[str] = Counter()

    def count(run: SimulatedRun) -> None:
        kinds[type(run.exception).__name__] += 1

    faults = Faults(step_failure=0.5, error=lambda place: ConnectionError(place))
    simulate(Single, seeds=60, faults=faults, check=count)

    assert set(kinds) == {"NoneType", "ConnectionError"}


def test_retries_cope_with_failures() -> None:
    class Sturdy(Single):
        @step(retry_policy=retry_policy(stop=stop_after_attempt(50)))
        async def only(self, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(1)
            return StopEvent(result="done")

    report = simulate(Sturdy, seeds=60, faults=Faults(step_failure=0.3), check=same_result)

    assert report.endings == {"completed": 60}


def test_a_handler_of_errors_sees_the_failures() -> None:
    class Mends(Single):
        @catch_error
        async def mend(self, ev: StepFailedEvent) -> StopEvent:
            return StopEvent(result=type(ev.exception).__name__)

    seen: set[Any] = set()
    simulate(Mends, seeds=60, faults=Faults(step_failure=0.3), check=lambda run: seen.add(run.result))

    assert {"done", "SimulatedFailure"} <= seen


def test_a_lock_is_not_made_to_fail() -> None:
    class Locks(InOrderOfArrival):
        def __init__(self) -> None:
            super().__init__()
            self.lock = asyncio.Lock()

        @step
        async def work(self, ev: Item) -> Done:
            async with self.lock:
                await asyncio.sleep(0.01)
            return Done(number=ev.number)

    report = simulate(Locks, seeds=60, faults=Faults(step_failure=0.2))

    assert set(report.endings) == {"completed", "failed"}


def test_a_step_that_is_held_up_may_run_out_of_its_time() -> None:
    class Limited(Single):
        @step(timeout=2)
        async def only(self, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(1)
            return StopEvent(result="done")

    def in_time_or_late(run: SimulatedRun) -> None:
        assert run.was_slowed == (run.status == "failed") or run.status == "completed"
        endings[type(run.exception)] += 1

    endings: Counter[type] = Counter()
    simulate(Limited, seeds=100, faults=Faults(slow_step=0.4), check=in_time_or_late)

    assert set(endings) == {type(None), StepTimeoutError}


def test_runs_are_cancelled_at_some_moment() -> None:
    moments: set[int] = set()

    def note(run: SimulatedRun) -> None:
        no_surprise(run)
        if run.status == "cancelled":
            moments.add(run.facts)

    simulate(InOrderOfArrival, seeds=100, faults=Faults(cancel=1.0), check=note)

    assert len(moments) > 2


def test_a_third_of_the_seeds_has_no_faults() -> None:
    report = simulate(Single, seeds=150, faults=Faults(step_failure=1.0))

    assert 50 <= report.endings["completed"] <= 130


@pytest.mark.parametrize("wrong", [{"cancel": 2}, {"lost": -0.1}, {"step_failure": "often"}, {"slow_seconds": -1}])
def test_a_fault_that_is_no_probability_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SimulationOptionError, match=next(iter(wrong))):
        Faults(**wrong)


# Put away and taken up.


class Careful(InOrderOfArrival):
    """Bodies that a run can be taken up in."""

    @step
    async def work(self, ctx: Context, ev: Item) -> Done:  # type: ignore[override]
        ctx.write_event_to_stream(ev)
        await ctx.sleep(0.01)
        async with ctx.store.edit_state() as state:
            state[f"item {ev.number}"] = state.get(f"item {ev.number}", 0) + 1
        await ctx.sleep(0.01)
        return Done(number=ev.number)

    @step
    async def join(self, done: Annotated[list[Done], Collect(ordered=True)]) -> StopEvent:
        return StopEvent(result=[one.number for one in done])


def test_a_run_that_is_put_away_and_taken_up_does_everything_once() -> None:
    lives: Counter[int] = Counter()

    def once(run: SimulatedRun) -> None:
        same_result(run)
        lives[run.lives] += 1
        shown = [event.number for event in run.events if isinstance(event, Item)]
        assert sorted(shown) == [0, 1, 2]
        assert run.ctx.store.snapshot().to_dict() == {"item 0": 1, "item 1": 1, "item 2": 1}

    simulate(Careful, seeds=80, faults=Faults(restore=0.9), check=once)

    assert lives[1] > 20
    assert lives[2] > 3
    assert max(lives) > 2


def test_time_passes_while_a_run_is_put_away() -> None:
    hours: set[float] = set()

    class Rests(Workflow):
        @step
        async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.sleep(60)
            return StopEvent(result=asyncio.get_running_loop().time())

    simulate(Rests, seeds=80, faults=Faults(restore=1.0), check=lambda run: hours.add(run.result // 3_600))

    assert len(hours) > 1


def test_questions_that_are_open_are_answered_after_a_run_is_taken_up() -> None:
    class Patient(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            replies = [await ctx.wait_for_event(Reply, Question(text=text)) for text in ("Deep?", "Dark?")]
            return StopEvent(result=[reply.text for reply in replies])

    faults = Faults(restore=0.9)
    report = simulate(Patient, seeds=60, faults=faults, outside=Outside(answer=answer), check=same_result)

    assert report.endings == {"completed": 60}


def test_a_body_that_does_otherwise_when_it_runs_again_is_found() -> None:
    class Clockwise(Workflow):
        @step
        async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            early = asyncio.get_running_loop().time() < 1_000.5
            await ctx.once("early" if early else "late", len, "call")
            await ctx.sleep(1)
            return StopEvent()

    failure = failure_of(Clockwise, faults=Faults(restore=1.0))

    assert isinstance(failure.__cause__, PointMismatchError)
    assert any("is taken up" in line for line in failure.story)


def test_what_cannot_be_put_away_is_told() -> None:
    class Holds(Event):
        secret: Any

    class Keeps(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Holds:
            return Holds(secret=object())

        @step
        async def end(self, ev: Holds) -> StopEvent:
            await asyncio.sleep(1)
            return StopEvent()

    assert "UnencodableValueError" in failure_of(Keeps, faults=Faults(restore=1.0)).problem


# Outside.


class Question(InputRequiredEvent):
    text: str


class Reply(HumanResponseEvent):
    text: str


class Interview(Workflow):
    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        try:
            reply = await ctx.wait_for_event(Reply, Question(text="Deep?"), timeout=60)
        except TimeoutError:
            return StopEvent(result="nobody")
        return StopEvent(result=reply.text)


def answer(question: Event) -> Event | None:
    return Reply(text="very") if isinstance(question, Question) else None


def test_questions_are_answered_twice_or_never() -> None:
    seen: set[Any] = set()

    simulate(
        Interview,
        seeds=60,
        faults=Faults(lost=0.4, duplicate=0.4),
        outside=Outside(answer=answer),
        check=lambda run: seen.add(run.result),
    )

    assert seen == {"very", "nobody"}


def test_events_from_outside_come_in_any_order() -> None:
    class Listens(Workflow):
        @step
        async def listen(self, ctx: Context, ev: StartEvent) -> StopEvent:
            first = await ctx.wait_for_event(Item)
            second = await ctx.wait_for_event(Item)
            return StopEvent(result=(first.number, second.number))

    orders: set[Any] = set()
    events = [Item(number=1), Item(number=2)]
    simulate(Listens, seeds=60, outside=Outside(events=events), check=lambda run: orders.add(run.result))

    assert orders == {(1, 2), (2, 1)}


def test_what_comes_from_outside_is_a_copy_for_each_run() -> None:
    class Changes(Workflow):
        @step
        async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            item = await ctx.wait_for_event(Item)
            item.number += 1
            return StopEvent(result=item.number)

    report = simulate(Changes, seeds=10, outside=Outside(events=[Item(number=1)]), check=same_result)

    assert report.endings == {"completed": 10}


# Seeds, and how to repeat one.


def test_a_seed_is_always_the_same_run() -> None:
    def lived() -> list[tuple[Any, ...]]:
        runs: list[tuple[Any, ...]] = []
        faults = Faults(step_failure=0.1, slow_step=0.1, cancel=0.2)
        simulate(
            InOrderOfArrival,
            seeds=40,
            faults=faults,
            check=lambda run: runs.append((run.status, run.result, run.facts, tuple(run.scenario.items()))),
        )
        return runs

    assert lived() == lived()


async def linger() -> None:
    try:
        await asyncio.sleep(100)
    finally:
        await asyncio.sleep(1)


class Leaving(Workflow):
    """Leaves a task of asyncio's behind, which takes its time when the loop stops it."""

    @step
    async def only(self, ev: StartEvent) -> StopEvent:
        self.left = asyncio.create_task(linger(), name="left")
        await asyncio.sleep(1)
        return StopEvent()


def test_what_happens_after_the_end_is_no_part_of_the_scenario() -> None:
    scenarios: list[Mapping[str, int]] = []

    simulate(Leaving, seeds=60, check=lambda run: scenarios.append(run.scenario))

    assert any("timer of left #1" in scenario for scenario in scenarios)
    assert not any("timer of left #2" in scenario or "timer of left" in scenario for scenario in scenarios)


def test_only_the_seeds_that_were_named_are_run() -> None:
    seeds: list[int] = []

    simulate(Single, seeds=[17, 4], check=lambda run: seeds.append(run.seed))

    assert seeds[1:] == [17, 4]


def test_the_seed_in_the_environment_is_run_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPWELL_SEED", "12")
    seeds: list[int] = []

    simulate(Single, seeds=50, check=lambda run: seeds.append(run.seed))

    assert seeds[1:] == [12]


def test_a_seed_in_the_environment_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPWELL_SEED", "twelve")

    with pytest.raises(SimulationOptionError, match="STEPWELL_SEED"):
        simulate(Single)


def test_a_workflow_that_is_made_already_is_refused_with_what_would_do() -> None:
    with pytest.raises(SimulationOptionError, match=r"anew for each run: Single, or lambda: …"):
        simulate(Single())  # type: ignore[arg-type]


def test_no_seeds_at_all_are_refused() -> None:
    with pytest.raises(SimulationOptionError, match="seeds"):
        simulate(Single, seeds=0)


async def test_a_simulation_inside_a_loop_is_refused() -> None:
    with pytest.raises(SimulationInLoopError, match="def test_"):
        simulate(Single)


def test_the_start_event_is_made_of_fields_or_given() -> None:
    class Begin(StartEvent):
        number: int

    class Echo(Workflow):
        @step
        async def only(self, ev: Begin) -> StopEvent:
            ev.number += 1
            return StopEvent(result=ev.number)

    results: set[Any] = set()
    simulate(Echo, {"number": 1}, seeds=3, check=lambda run: results.add(run.result))
    simulate(Echo, Begin(number=5), seeds=3, check=lambda run: results.add(run.result))

    assert results == {2, 6}


def test_under_pytest_the_command_runs_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "tests/test_it.py::test_order[a b] (call)")

    failure = failure_of(InOrderOfArrival, check=same_result)

    assert failure.command == f"STEPWELL_SEED={failure.seed} python -m pytest 'tests/test_it.py::test_order[a b]'"


def test_the_command_repeats_the_failure(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            """
            import asyncio
            from stepwell import StartEvent, StopEvent, Workflow, step
            from stepwell.testing import Faults, simulate

            class Single(Workflow):
                @step
                async def only(self, ev: StartEvent) -> StopEvent:
                    await asyncio.sleep(1)
                    return StopEvent()

            def check(run):
                assert run.status == "completed", run.status

            simulate(Single, faults=Faults(cancel=1.0), check=check)
            """
        )
    )
    paths = os.pathsep.join([str(ROOT / "src"), str(tmp_path)])
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "STEPWELL"))}
    environment["PYTHONPATH"] = paths
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

    def last_lines(command: str) -> list[str]:
        ended = subprocess.run(
            ["/bin/sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 1
        return ended.stderr.split("SimulationFailure: ")[1].splitlines()

    first = last_lines("python program.py")
    again = last_lines(first[-1].removeprefix("To repeat it: "))

    assert first == again
    assert "  the run is cancelled: 1" in first
