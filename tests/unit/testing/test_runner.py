"""The runner collects what a run shows."""

import pytest

from stepwell import Context, Event, StartEvent, StopEvent, Workflow, step
from stepwell.flow import InternalDispatchEvent, StepStateChanged
from stepwell.testing import WorkflowTestRunner


class Begin(StartEvent):
    count: int = 2


class Word(Event):
    text: str


class Talker(Workflow):
    @step
    async def talk(self, ctx: Context, ev: Begin) -> StopEvent:
        for number in range(ev.count):
            ctx.write_event_to_stream(Word(text=str(number)))
        return StopEvent(result=ev.count)


async def test_the_events_of_the_stream_are_collected_in_order() -> None:
    result = await WorkflowTestRunner(Talker()).run(Begin(count=3), expose_internal=False)

    assert [event.get("text") for event in result.collected] == ["0", "1", "2", None]
    assert isinstance(result.collected[-1], StopEvent)
    assert result.result == 3


async def test_events_are_counted_by_their_class() -> None:
    result = await WorkflowTestRunner(Talker()).run(Begin())

    assert result.event_types[Word] == 2
    assert result.event_types[StopEvent] == 1
    assert result.event_types[StartEvent] == 0


async def test_internal_events_are_collected_unless_told_otherwise() -> None:
    runner = WorkflowTestRunner(Talker())

    shown = await runner.run(Begin())
    hidden = await runner.run(Begin(), expose_internal=False)

    assert shown.of_type(InternalDispatchEvent)
    assert not hidden.of_type(InternalDispatchEvent)


async def test_classes_can_be_left_out() -> None:
    result = await WorkflowTestRunner(Talker()).run(Begin(), exclude_events=[Word, StepStateChanged])

    assert result.event_types[Word] == 0
    assert result.event_types[StepStateChanged] == 0
    assert result.event_types[StopEvent] == 1


async def test_without_a_start_event_the_defaults_are_run() -> None:
    assert (await WorkflowTestRunner(Talker()).run()).result == 2


async def test_the_context_is_that_of_the_run() -> None:
    result = await WorkflowTestRunner(Talker()).run(Begin())

    assert isinstance(result.ctx, Context)


async def test_what_a_step_raises_is_raised_as_itself() -> None:
    class Failing(Workflow):
        @step
        async def fail(self, ev: StartEvent) -> StopEvent:
            raise KeyError("well")

    with pytest.raises(KeyError, match="well"):
        await WorkflowTestRunner(Failing()).run(StartEvent())
