"""Construction and validation: what is wrong with a workflow is said before it runs, with place and near miss."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from stepwell import (
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    Workflow,
    step,
)
from stepwell.errors import (
    DefinitionError,
    StartEventError,
    StepOptionError,
    StepwellError,
    StopEventError,
    WorkflowConfigurationError,
    WorkflowGraphError,
    WorkflowValidationError,
)


class Draft(Event):
    pass


class Drafts(Event):
    pass


class Final(Draft):
    pass


class Ask(InputRequiredEvent):
    pass


class Answer(HumanResponseEvent):
    pass


class OtherStart(StartEvent):
    pass


class OtherStop(StopEvent):
    pass


def problems(workflow: Workflow) -> WorkflowGraphError:
    with pytest.raises(WorkflowGraphError) as caught:
        workflow.validate()
    assert isinstance(caught.value, WorkflowValidationError)
    assert isinstance(caught.value, StepwellError)
    return caught.value


def line_of(function: Callable[..., Any]) -> int:
    line: int = inspect.unwrap(function).__code__.co_firstlineno
    return line


def test_a_workflow_without_steps_has_no_start() -> None:
    class Empty(Workflow):
        pass

    with pytest.raises(
        StartEventError, match="At least one Event of type StartEvent must be received by any step"
    ) as caught:
        Empty()

    assert isinstance(caught.value, WorkflowConfigurationError)
    assert isinstance(caught.value, DefinitionError)


def test_a_workflow_without_a_start_says_which_class_and_where() -> None:
    class Endless(Workflow):
        @step
        async def end(self, ev: Draft) -> StopEvent:
            return StopEvent()

    with pytest.raises(StartEventError) as caught:
        Endless()

    message = str(caught.value)
    assert "Workflow 'Endless' at " in message
    assert f"test_validation.py:{line_of(Endless.end) - 1}" in message
    assert "async def begin(self, ev: StartEvent)" in message


def test_an_event_that_is_called_almost_like_a_start_is_suggested() -> None:
    class StartEvents(Event):
        pass

    class Typo(Workflow):
        @step
        async def begin(self, ev: StartEvents) -> StopEvent:
            return StopEvent()

    with pytest.raises(StartEventError, match="Did you mean a subclass of StartEvent for StartEvents"):
        Typo()


def test_two_starts_are_one_too_many() -> None:
    class Two(Workflow):
        @step
        async def one(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

        @step
        async def two(self, ev: OtherStart) -> StopEvent:
            return StopEvent()

    with pytest.raises(
        StartEventError,
        match="Only one type of StartEvent is allowed per workflow, found 2: OtherStart, StartEvent in workflow 'Two'",
    ):
        Two()


def test_a_workflow_without_an_end_is_refused() -> None:
    class Endless(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> None:
            return None

    with pytest.raises(StopEventError, match="At least one Event of type StopEvent must be returned by any step"):
        Endless()


def test_two_ends_are_one_too_many() -> None:
    class Two(Workflow):
        @step
        async def one(self, ev: StartEvent) -> StopEvent | OtherStop:
            return StopEvent()

    with pytest.raises(StopEventError, match="Only one type of StopEvent is allowed per workflow, found 2"):
        Two()


def test_an_event_that_is_produced_and_never_consumed_is_named_with_step_place_and_near_miss() -> None:
    class Typo(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Drafts | Draft:
            return Draft()

        @step
        async def finish(self, ev: Draft) -> StopEvent:
            return StopEvent()

    error = problems(Typo())

    assert "workflow 'Typo'" in str(error)
    assert (
        "The following events are produced but never consumed: Drafts, which step 'begin' returns. "
        "Add a step that accepts it. Did you mean Draft?" in str(error)
    )
    (problem,) = error.problems
    assert (problem.rule, problem.file, problem.line) == ("never_consumed", __file__, line_of(Typo.begin))


def test_an_event_that_is_consumed_and_never_produced_is_named_with_step_place_and_near_miss() -> None:
    class Typo(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Draft | StopEvent:
            return Draft()

        @step
        async def finish(self, ev: Draft | Drafts) -> StopEvent:
            return StopEvent()

    (problem,) = problems(Typo()).problems

    assert problem.text == (
        "The following events are consumed but never produced: Drafts, which step 'finish' accepts. "
        "Let a step return it. Did you mean Draft?"
    )
    assert (problem.rule, problem.line) == ("never_produced", line_of(Typo.finish))


def test_a_step_that_accepts_a_subclass_s_base_is_told_of_the_option() -> None:
    class Exact(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Final | StopEvent:
            return Final()

        @step
        async def finish(self, ev: Draft) -> StopEvent:
            return StopEvent()

    message = str(problems(Exact()))

    assert "Routing is by exact type: for Final use @step(accept_event_subclasses=True)" in message
    assert "let the step that accepts Draft use @step(accept_event_subclasses=True)" in message


def test_a_step_that_opens_itself_to_subclasses_is_fine() -> None:
    class Open(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Final:
            return Final()

        @step(accept_event_subclasses=True)
        async def finish(self, ev: Draft) -> StopEvent:
            return StopEvent()

    assert Open().validate() is False


def test_a_step_must_not_accept_the_stop_event() -> None:
    class After(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

        @step
        async def after(self, ev: StopEvent) -> None:
            return None

    error = problems(After())

    assert (
        "Step(s) 'after' cannot accept StopEvent. StopEvent signals the end of the workflow. "
        "Use a different Event type instead." in str(error)
    )
    assert f"test_validation.py:{line_of(After.after)}" in str(error)


def test_a_list_join_without_a_fan_out_is_refused() -> None:
    class Lonely(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Draft:
            return Draft()

        @step
        async def join(self, evs: list[Draft]) -> StopEvent:
            return StopEvent()

    assert "Step 'join' joins list[Draft], but no step returns a list" in str(problems(Lonely()))


class Circles(Workflow):
    @step
    async def begin(self, ev: StartEvent) -> Draft | StopEvent:
        return StopEvent()

    @step
    async def round(self, ev: Draft) -> Draft:
        return ev


class Island(Workflow):
    @step
    async def begin(self, ev: StartEvent) -> StopEvent:
        return StopEvent()

    @step
    async def one(self, ev: Draft) -> Drafts | StopEvent:
        return Drafts()

    @step
    async def two(self, ev: Drafts) -> Draft:
        return Draft()


def test_steps_that_lead_in_circles_are_dead_ends() -> None:
    (problem,) = problems(Circles()).problems

    assert problem.rule == "dead_end"
    assert "Dead-end steps: round" in problem.text


def test_steps_that_nothing_leads_to_are_unreachable() -> None:
    found = problems(Island()).problems

    assert [problem.rule for problem in found] == ["reachability", "reachability"]
    assert "Unreachable steps: one" in found[0].text


def test_all_problems_are_told_at_once_under_one_heading() -> None:
    class Bad(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Drafts | StopEvent:
            return StopEvent()

        @step
        async def stop(self, ev: StopEvent) -> None:
            return None

    error = problems(Bad())

    assert {problem.rule for problem in error.problems} == {"never_consumed", "stop_accepted"}
    assert str(error).startswith("Graph validation failed")


@pytest.mark.parametrize(("kind", "check"), [(Circles, "dead_end"), (Island, "reachability")])
def test_a_check_can_be_skipped_for_a_workflow(kind: type[Workflow], check: str) -> None:
    assert kind(skip_graph_checks={check}).validate() is False


def test_a_check_can_be_skipped_for_a_step() -> None:
    class Knows(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Draft | StopEvent:
            return StopEvent()

        @step(skip_graph_checks=["dead_end"])
        async def round(self, ev: Draft) -> Draft:
            return ev

    assert Knows().validate() is False


def test_events_never_consumed_can_be_let_through() -> None:
    class Shows(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Drafts | StopEvent:
            return StopEvent()

    assert Shows(skip_graph_checks=["terminal_event"]).validate() is False


@pytest.mark.parametrize("names", [["reachable"], "everything", {"dead_ends"}, [3], 5])
def test_a_check_that_does_not_exist_is_refused_with_those_that_do(names: Any) -> None:
    with pytest.raises(
        StepOptionError, match=r"Unknown graph check names: .* Valid names are: dead_end, reachability, terminal_event"
    ):
        Circles(skip_graph_checks=names)


async def test_validation_happens_at_the_first_run() -> None:
    workflow = Circles()

    with pytest.raises(WorkflowGraphError):
        workflow.run()


async def test_validation_can_be_left_out() -> None:
    assert await Circles(disable_validation=True).run() is None


def test_validation_happens_anew_when_a_step_was_added() -> None:
    class Grows(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    workflow = Grows()
    assert workflow.validate() is False

    async def lost(ev: Draft) -> StopEvent:
        return StopEvent()

    Grows.add_step(lost)

    assert "consumed but never produced: Draft" in str(problems(workflow))


def test_validation_says_whether_people_take_part() -> None:
    class Talks(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Ask:
            return Ask()

        @step
        async def listen(self, ctx: Context, ev: Answer) -> StopEvent:
            return StopEvent()

    assert Talks().validate() is True


def test_two_classes_of_one_name_are_told_apart() -> None:
    def make() -> type[Event]:
        class Draft(Event):
            pass

        return Draft

    first: Any = make()
    second: Any = make()

    class Both(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> first | second:
            return first()

        @step
        async def one(self, ev: first) -> StopEvent:
            return StopEvent("first")

        @step
        async def two(self, ev: second) -> StopEvent:
            return StopEvent("second")

    assert Both().run_sync() == "first"
