"""Joins that no run can fill: each is refused before the first run, with its line and what to write instead."""

import inspect
from collections.abc import Callable
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
    Take,
    Workflow,
    catch_error,
    step,
)
from stepwell.errors import WorkflowGraphError


class Task(Event):
    pass


class Part(Event):
    pass


class Result(Event):
    pass


class Notes(Event):
    pass


class Ask(InputRequiredEvent):
    pass


class Answer(HumanResponseEvent):
    pass


def build(name: str, *functions: Callable[..., Any]) -> type[Workflow]:
    """Return a workflow of these steps, written as functions without a ``self``."""
    kind: type[Workflow] = type(name, (Workflow,), {})
    for one in functions:
        kind.add_step(one)
    return kind


def refused(kind: type[Workflow], *, at: Callable[..., Any]) -> str:
    """Return what validation says, after a look at the line it names: it is that of ``at``."""
    with pytest.raises(WorkflowGraphError) as caught:
        kind().validate()
    (problem,) = caught.value.problems
    assert problem.rule == "join"
    assert (problem.file, problem.line) == (__file__, inspect.unwrap(at).__code__.co_firstlineno)
    return problem.text


async def split(ev: StartEvent) -> list[Task]:
    raise NotImplementedError  # never run: only the annotations are looked at


async def work(ev: Task) -> Result:
    raise NotImplementedError  # never run either


async def join(evs: list[Result]) -> StopEvent:
    raise NotImplementedError  # never run either


def test_a_fan_out_and_its_join_are_fine() -> None:
    build("Fine", split, work, join)().validate()


def test_a_join_whose_events_come_about_outside_of_every_fan_out_is_refused() -> None:
    async def split(ev: StartEvent) -> list[Task]:
        raise NotImplementedError

    async def note(ev: StartEvent) -> Notes:
        raise NotImplementedError

    async def work(ev: Task) -> None:
        raise NotImplementedError

    async def join(evs: list[Notes]) -> StopEvent:
        raise NotImplementedError

    text = refused(build("Outside", split, note, work, join), at=join)

    assert "no Notes comes about inside of a fan-out: Notes comes about outside of every fan-out" in text
    assert "Let it come from a branch of 'split'" in text


def test_one_kind_of_a_mixed_join_that_never_comes_is_refused() -> None:
    async def split(ev: StartEvent) -> list[Task] | Notes:
        raise NotImplementedError

    async def keep(ev: Notes) -> None:
        raise NotImplementedError

    async def join(evs: list[Result | Notes]) -> StopEvent:
        raise NotImplementedError

    assert "but no Notes comes about inside" in refused(build("Mixed", split, keep, work, join), at=join)


def test_a_mixed_fan_out_may_be_joined_by_a_mixed_list() -> None:
    async def split(ev: StartEvent) -> list[Task | Notes]:
        raise NotImplementedError

    async def join(evs: list[Result | Notes]) -> StopEvent:
        raise NotImplementedError

    build("MixedFine", split, work, join)().validate()


def test_a_join_of_answers_from_outside_is_refused() -> None:
    async def split(ev: StartEvent) -> list[Ask]:
        raise NotImplementedError

    async def join(evs: list[Answer]) -> StopEvent:
        raise NotImplementedError

    text = refused(build("Answers", split, join), at=join)

    assert "Answer comes about outside of every fan-out" in text
    assert "take it one by one: Answer instead of list[Answer]" in text


def test_what_follows_from_an_answer_from_outside_is_not_joined() -> None:
    async def split(ev: StartEvent) -> list[Ask | Task]:
        raise NotImplementedError

    async def hear(ev: Answer) -> Result:
        raise NotImplementedError

    text = refused(build("Follows", split, hear, work, join), at=hear)

    assert "Step 'hear' returns Result outside of every fan-out, where nothing takes it" in text
    assert "Return list[Result] (also of one)" in text


def test_a_result_that_goes_past_the_fan_out_is_refused() -> None:
    async def split(ev: StartEvent) -> list[Task] | Result:
        raise NotImplementedError

    text = refused(build("Past", split, work, join), at=split)

    assert "Step 'split' returns Result outside of every fan-out" in text
    assert "step 'join' joins only what descends from a returned list" in text


def test_what_a_handler_of_errors_returns_may_belong_to_the_fan_out() -> None:
    class Recovers(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Task]:
            raise NotImplementedError

        @step
        async def work(self, ev: Task) -> Result:
            raise NotImplementedError

        @step
        async def join(self, evs: list[Result]) -> StopEvent:
            raise NotImplementedError

        @catch_error
        async def recover(self, ev: StepFailedEvent) -> Result:
            raise NotImplementedError

    Recovers().validate()


def test_parameters_that_are_filled_on_different_levels_are_refused() -> None:
    async def note(ev: StartEvent) -> Notes:
        raise NotImplementedError

    async def both(result: Result, notes: Notes) -> StopEvent:
        raise NotImplementedError

    text = refused(build("Levels", split, note, work, both), at=both)

    assert "joins Result and Notes, which never meet" in text
    assert "Result comes about in the fan-out of step 'split'; Notes comes about outside of every fan-out" in text
    assert "Join the branches first" in text


def test_parameters_that_are_filled_in_different_fan_outs_are_refused() -> None:
    async def cut(ev: StartEvent) -> list[Part]:
        raise NotImplementedError

    async def both(result: Result, part: Part) -> StopEvent:
        raise NotImplementedError

    text = refused(build("TwoFans", split, cut, work, both), at=both)

    assert "in the fan-out of step 'split'; Part comes about in the fan-out of step 'cut'" in text


def test_parameters_that_are_filled_at_different_depths_are_refused() -> None:
    async def cut(ev: Task) -> list[Part]:
        raise NotImplementedError

    async def both(task: Task, part: Part) -> StopEvent:
        raise NotImplementedError

    assert "Part comes about in the fan-out of step 'cut'" in refused(build("Depths", split, cut, both), at=both)


def test_parameters_that_are_filled_within_one_branch_are_fine() -> None:
    async def note(ev: Task) -> Notes:
        raise NotImplementedError

    async def both(result: Result, notes: Notes) -> Part:
        raise NotImplementedError

    async def join(evs: list[Part]) -> StopEvent:
        raise NotImplementedError

    build("OneBranch", split, work, note, both, join)().validate()


def test_an_inner_join_passes_its_result_to_the_outer_level() -> None:
    async def cut(ev: Task) -> list[Part]:
        raise NotImplementedError

    async def inner(evs: list[Part]) -> Result:
        raise NotImplementedError

    build("Nested", split, cut, inner, join)().validate()


def test_a_result_of_a_join_that_only_that_join_takes_is_refused() -> None:
    async def inner(evs: list[Result]) -> Result | StopEvent:
        raise NotImplementedError

    text = refused(build("Circle", split, work, inner), at=inner)

    assert "Step 'inner' returns Result outside of every fan-out" in text


def test_a_round_of_fan_outs_is_fine() -> None:
    async def again(evs: list[Result]) -> list[Task] | StopEvent:
        raise NotImplementedError

    build("Rounds", split, work, again)().validate()


def test_two_joins_of_one_fan_out_are_fine() -> None:
    async def first(evs: Annotated[list[Result], Collect(Take(1))]) -> Notes:
        raise NotImplementedError

    async def tell(ev: Notes) -> None:
        raise NotImplementedError

    build("TwoJoins", split, work, first, tell, join)().validate()


def test_cancelling_the_others_of_all_is_refused() -> None:
    async def join(evs: Annotated[list[Result], Collect(cancel=True)]) -> StopEvent:
        raise NotImplementedError

    text = refused(build("CancelAll", split, work, join), at=join)

    assert "when all have ended there are no others" in text
    assert "Collect(Take(1), cancel=True)" in text


def test_failures_in_a_list_that_gets_none_are_refused() -> None:
    async def join(evs: list[Result | StepFailedEvent]) -> StopEvent:
        raise NotImplementedError

    text = refused(build("NoFailures", split, work, join), at=join)

    assert "a branch that fails ends the run and never gets into the list" in text
    assert 'Collect(errors="collect")' in text


def test_failures_in_a_list_that_collects_them_are_fine() -> None:
    async def join(evs: Annotated[list[Result | StepFailedEvent], Collect(errors="collect")]) -> StopEvent:
        raise NotImplementedError

    build("Failures", split, work, join)().validate()


def test_subclasses_count_where_a_step_is_open_to_them() -> None:
    class Special(Result):
        pass

    class Open(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Task]:
            raise NotImplementedError

        @step
        async def work(self, ctx: Context, ev: Task) -> Special:
            raise NotImplementedError

        @step(accept_event_subclasses=True)
        async def join(self, evs: list[Result]) -> StopEvent:
            raise NotImplementedError

    Open().validate()


async def test_a_refused_binding_is_refused_at_the_first_run() -> None:
    async def both(result: Result, notes: Notes) -> StopEvent:
        raise NotImplementedError

    async def note(ev: StartEvent) -> Notes:
        raise NotImplementedError

    with pytest.raises(WorkflowGraphError, match="never meet"):
        build("AtRun", split, note, work, both)().run()
