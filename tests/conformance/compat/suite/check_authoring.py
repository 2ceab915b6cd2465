"""How workflows are written: steps, events, signatures, and what is refused, by the peer's names only."""

# mypy: ignore-errors

import pytest
from workflows import Context, Workflow, catch_error, step
from workflows.decorators import StepGraphCheck, WorkflowGraphCheck
from workflows.errors import WorkflowConfigurationError, WorkflowRuntimeError, WorkflowValidationError
from workflows.events import (
    DictLikeModel,
    Event,
    EventType,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StepFailedEvent,
    StopEvent,
    WorkflowFailedEvent,
)
from workflows.types import RunResultT, StopEventT
from workflows.utils import get_steps_from_class
from workflows.workflow import Workflow as WorkflowOfItsModule
from workflows.workflow import WorkflowMeta


class Middle(Event):
    word: str


class Chain(Workflow):
    @step
    async def begin(self, ev: StartEvent) -> Middle:
        return Middle(word=ev.word)

    @step
    async def end(self, ev: Middle) -> StopEvent:
        return StopEvent(result=ev.word.upper())


def test_the_names_lead_to_one_class_each():
    assert WorkflowOfItsModule is Workflow
    assert isinstance(Workflow, WorkflowMeta)
    assert issubclass(Event, DictLikeModel)
    assert issubclass(StartEvent, Event)
    assert EventType == type[Event]
    assert StopEventT.__bound__ is StopEvent
    assert RunResultT is not None
    assert StepGraphCheck is not None
    assert WorkflowGraphCheck is not None


def test_an_event_is_read_like_an_object_and_like_a_dict():
    event = Event(a=1, b="two")

    assert event.a == event["a"] == event.get("a") == 1
    assert "b" in event
    assert event.get("c", 3) == 3
    assert dict(event.items()) == {"a": 1, "b": "two"}
    assert list(event.keys()) == ["a", "b"]
    assert event.to_dict() == {"a": 1, "b": "two"}


def test_further_fields_of_an_event_can_be_set():
    event = Event()

    event["a"] = 1
    event.b = 2

    assert (event.a, event["b"], len(event)) == (1, 2, 2)


def test_declared_fields_of_an_event_are_checked():
    with pytest.raises(ValueError, match="word"):
        Middle()


def test_a_stop_event_takes_its_result_by_keyword():
    assert StopEvent(result={"a": 1}).result == {"a": 1}
    assert StopEvent().result is None


def test_the_steps_of_a_class_are_there_by_name():
    assert sorted(get_steps_from_class(Chain)) == ["begin", "end"]


def test_a_workflow_knows_its_start_and_its_end():
    class Begin(StartEvent):
        word: str

    class End(StopEvent):
        size: int

    class Sized(Workflow):
        @step
        async def only(self, ev: Begin) -> End:
            return End(size=len(ev.word))

    assert Sized().start_event_class is Begin
    assert Sized().stop_event_class is End
    assert set(Sized().events) >= {Begin, End}


def test_a_workflow_has_a_name():
    assert Chain().workflow_name == f"{Chain.__module__}.Chain"
    assert Chain(workflow_name="mine").workflow_name == "mine"


def test_validate_says_whether_people_take_part():
    class Asking(Workflow):
        @step
        async def ask(self, ev: StartEvent) -> InputRequiredEvent:
            return InputRequiredEvent(prefix="?")

        @step
        async def answer(self, ev: HumanResponseEvent) -> StopEvent:
            return StopEvent(result=ev.response)

    assert Asking().validate() is True
    assert Chain().validate() is False


def test_a_step_needs_an_event():
    with pytest.raises(WorkflowValidationError, match="must have at least one parameter annotated as type Event"):

        class Wrong(Workflow):
            @step
            async def begin(self) -> StopEvent:
                return StopEvent()


def test_a_step_needs_a_return_annotation():
    with pytest.raises(WorkflowValidationError, match="must be annotated with their type"):

        class Wrong(Workflow):
            @step
            async def begin(self, ev: StartEvent):
                return StopEvent()


def test_a_step_needs_at_least_one_worker():
    with pytest.raises(WorkflowValidationError, match="num_workers must be an integer greater than 0"):
        step(num_workers=0)(lambda: None)


def test_a_free_function_needs_its_workflow():
    with pytest.raises(WorkflowValidationError, match="please pass a workflow class to the @step decorator"):

        @step
        async def free(ev: StartEvent) -> StopEvent:
            return StopEvent()


async def test_a_free_function_becomes_a_step_of_its_workflow():
    class Open(Workflow):
        pass

    @step(workflow=Open)
    async def free(ev: StartEvent) -> StopEvent:
        return StopEvent(result="free")

    assert await Open().run() == "free"


def test_a_name_is_given_to_one_step_only():
    class Open(Chain):
        pass

    with pytest.raises(WorkflowValidationError, match="is already part of this workflow"):

        @step(workflow=Open)
        async def begin(ev: StartEvent) -> StopEvent:
            return StopEvent()


def test_a_workflow_without_a_start_cannot_be_made():
    class Wrong(Workflow):
        @step
        async def end(self, ev: Middle) -> StopEvent:
            return StopEvent()

    with pytest.raises(WorkflowConfigurationError, match="At least one Event of type StartEvent must be received"):
        Wrong()


def test_a_workflow_without_an_end_cannot_be_made():
    class Wrong(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Middle:
            return Middle(word="")

    with pytest.raises(WorkflowConfigurationError, match="StopEvent"):
        Wrong()


def test_an_event_that_nobody_makes_is_refused():
    class Wrong(Chain):
        @step
        async def lost(self, ev: HumanResponseEvent | StepFailedEvent) -> StopEvent:
            return StopEvent()

    class Never(Event):
        pass

    class Worse(Chain):
        @step
        async def lost(self, ev: Never) -> StopEvent:
            return StopEvent()

    with pytest.raises(WorkflowValidationError, match="consumed but never produced: Never"):
        Worse().validate()


def test_an_event_that_nobody_takes_is_refused():
    class Unread(Event):
        pass

    class Wrong(Chain):
        @step
        async def more(self, ev: Middle) -> Unread:
            return Unread()

    with pytest.raises(WorkflowValidationError, match="produced but never consumed: Unread"):
        Wrong().validate()


def test_concurrent_runs_are_counted_from_one():
    with pytest.raises(Exception, match="num_concurrent_runs must be an integer greater than 0 or None"):
        Chain(num_concurrent_runs=0)


def test_two_handlers_for_every_failure_are_one_too_many():
    class Wrong(Chain):
        @catch_error
        async def one(self, ev: StepFailedEvent) -> StopEvent:
            return StopEvent()

        @catch_error
        async def two(self, ev: StepFailedEvent) -> StopEvent:
            return StopEvent()

    with pytest.raises(WorkflowValidationError, match="Only one wildcard @catch_error handler is allowed"):
        Wrong().validate()


def test_recoveries_are_counted_from_one():
    with pytest.raises(WorkflowValidationError, match="max_recoveries must be an integer >= 1"):
        catch_error(max_recoveries=0)(lambda: None)


def test_a_failure_event_is_an_end():
    assert issubclass(WorkflowFailedEvent, StopEvent)


async def test_fields_that_do_not_make_the_start_event_are_refused():
    class Begin(StartEvent):
        word: str

    class Strict(Workflow):
        @step
        async def only(self, ctx: Context, ev: Begin) -> StopEvent:
            return StopEvent(result=ev.word)

    with pytest.raises(WorkflowRuntimeError, match="Failed creating a start event of type 'Begin'"):
        Strict().run(wordd="x")


async def test_something_else_than_a_start_event_is_refused():
    with pytest.raises(ValueError, match="must be an instance of 'StartEvent'"):
        Chain().run(start_event=Middle(word="x"))
