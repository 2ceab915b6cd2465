"""A run that can make no more progress fails at once and says why: all the ways to get there."""

import asyncio
from typing import Annotated, Any

import pytest
from tests.unit.runtime.virtual_loop import passed_since, virtually

from stepwell import (
    Collect,
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    Take,
    Workflow,
    step,
)
from stepwell.errors import StepError, WorkflowStalledError
from stepwell.flow import WorkflowFailedEvent


class Draft(Event):
    pass


class Drafts(Event):
    pass


class Left(Event):
    pass


class Right(Event):
    pass


async def stalled(workflow: Workflow, **fields: Any) -> WorkflowStalledError:
    """Run the workflow, and return the error of a stalled run, which must have come in no time."""
    start = asyncio.get_running_loop().time()
    with pytest.raises(WorkflowStalledError) as caught:
        await workflow.run(**fields)
    assert passed_since(start) == 0
    return caught.value


class Silent(Workflow):
    @step
    async def begin(self, ev: StartEvent) -> Draft:
        return Draft()

    @step
    async def nothing(self, ev: Draft) -> StopEvent | None:
        return None


@virtually
async def test_a_run_whose_steps_all_return_nothing_is_stalled_and_names_the_last() -> None:
    error = await stalled(Silent())

    assert error.last_step == "nothing"
    assert "step 'nothing' ended without an event for any step" in str(error)
    assert "nothing (Draft)" in str(error)


@virtually
async def test_being_stalled_is_no_timeout() -> None:
    error = await stalled(Silent(timeout=1))

    assert not isinstance(error, TimeoutError)
    assert isinstance(error, StepError)


@virtually
async def test_a_stalled_run_without_a_timeout_fails_too() -> None:
    await stalled(Silent(timeout=None))


@virtually
async def test_the_stream_of_a_stalled_run_ends_and_says_why() -> None:
    handler = Silent().run()

    events = [event async for event in handler.stream_events()]

    assert [type(event) for event in events] == [WorkflowFailedEvent]
    assert isinstance(events[0]["exception"], WorkflowStalledError)
    assert handler.status == "stalled"
    assert handler.exception() is events[0]["exception"]


@virtually
async def test_an_event_that_no_step_takes_is_named_with_the_near_miss() -> None:
    class Typo(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Draft | None:
            ctx.send_event(Drafts())
            ctx.send_event(Drafts())
            return None

        @step
        async def finish(self, ev: Draft) -> StopEvent:
            return StopEvent()

    error = await stalled(Typo())

    assert error.unhandled == (("Drafts", 2, " (did you mean Draft?)"),)
    assert "2 events Drafts that no step takes (did you mean Draft?)" in str(error)
    assert "finish (Draft)" in str(error)


@virtually
async def test_a_half_full_join_of_several_classes_names_all_of_them() -> None:
    class Join(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> list[Left | Right]:
            return [Right(), Right()]

        @step
        async def some(self, evs: Annotated[list[Left | Right], Collect(Take(4))]) -> StopEvent:
            return StopEvent()

    error = await stalled(Join())

    assert error.joins == ("the join 'some' has 2 Left | Right and waits for 2 more Left | Right",)


@virtually
async def test_a_half_full_join_says_what_it_has_and_what_it_waits_for() -> None:
    class Join(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Left | Right | None:
            return Left()

        @step
        async def both(self, left: Left, right: Right) -> StopEvent:
            return StopEvent()

    error = await stalled(Join())

    assert error.joins == ("the join 'both' has Left and waits for 1 more Right",)
    assert error.joins[0] in str(error)


@virtually
async def test_a_subclass_that_exact_routing_passes_over_is_named() -> None:
    class Longer(Draft):
        pass

    class Exact(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Draft:
            return Longer()

        @step
        async def finish(self, ev: Draft) -> StopEvent:
            return StopEvent()

    error = await stalled(Exact())

    assert error.unhandled[0][:2] == ("Longer", 1)
    assert "accept_event_subclasses=True" in str(error)


@virtually
async def test_a_start_event_of_another_class_than_the_steps_accept_is_named() -> None:
    class Begin(StartEvent):
        pass

    error = await stalled(Silent(), start_event=Begin())

    assert error.unhandled[0][:2] == ("Begin", 1)


@virtually
async def test_a_bare_task_is_not_seen_and_the_error_says_what_to_use() -> None:
    tasks: list[asyncio.Task[None]] = []
    refused: list[BaseException] = []

    class Bare(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent | None:
            async def later() -> None:
                await asyncio.sleep(1)
                try:
                    ctx.send_event(StopEvent("too late"))
                except RuntimeError as error:
                    refused.append(error)

            tasks.append(asyncio.create_task(later()))
            return None

    error = await stalled(Bare())
    await tasks[0]

    assert "start background work by ctx.create_task" in str(error)
    assert "is over (stalled)" in str(refused[0])


@virtually
async def test_a_task_made_by_the_context_is_waited_for() -> None:
    class Seen(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent | None:
            async def later() -> None:
                await asyncio.sleep(1)
                ctx.send_event(StopEvent("in time"))

            ctx.create_task(later())
            return None

    assert await Seen().run() == "in time"


@virtually
async def test_a_run_is_stalled_when_its_last_background_task_ends_in_silence() -> None:
    class Quiet(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent | None:
            ctx.create_task(asyncio.sleep(1))
            return None

    start = asyncio.get_running_loop().time()

    with pytest.raises(WorkflowStalledError):
        await Quiet().run()

    assert passed_since(start) == 1


@virtually
async def test_an_event_sent_in_the_turn_after_the_last_step_is_in_time() -> None:
    class Prompt(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent | None:
            asyncio.get_running_loop().call_soon(ctx.send_event, StopEvent("just in time"))
            return None

    assert await Prompt().run() == "just in time"


class Ask(InputRequiredEvent):
    pass


class Answer(HumanResponseEvent):
    text: str = ""


class Talk(Workflow):
    @step
    async def begin(self, ev: StartEvent) -> Ask:
        return Ask()

    @step
    async def listen(self, ev: Answer) -> Ask | StopEvent | None:
        if ev.text == "again":
            return Ask()
        return StopEvent(ev.text) if ev.text else None


@virtually
async def test_a_run_that_asked_somebody_is_not_stalled() -> None:
    handler = Talk(timeout=5).run()
    await asyncio.sleep(1_000)

    await handler.send_event(Answer(text="here"))

    assert await handler == "here"


@virtually
async def test_a_run_that_asks_again_waits_again() -> None:
    handler = Talk(timeout=5).run()
    await asyncio.sleep(1_000)
    await handler.send_event(Answer(text="again"))
    await asyncio.sleep(1_000)

    await handler.send_event(Answer(text="here"))

    assert await handler == "here"


@virtually
async def test_a_run_whose_question_was_answered_is_stalled_when_nothing_follows() -> None:
    handler = Talk(timeout=None).run()
    await asyncio.sleep(1)

    await handler.send_event(Answer(text=""))

    with pytest.raises(WorkflowStalledError):
        await handler


@virtually
async def test_a_question_written_to_the_stream_counts_as_asked() -> None:
    class Writes(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> None:
            ctx.write_event_to_stream(Ask())

        @step
        async def listen(self, ev: Answer) -> StopEvent:
            return StopEvent(ev.text)

    handler = Writes().run()
    await asyncio.sleep(100)

    await handler.send_event(Answer(text="yes"))

    assert await handler == "yes"


@virtually
async def test_a_run_with_an_open_wait_is_not_stalled() -> None:
    class Waits(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
            draft = await ctx.wait_for_event(Draft)
            return StopEvent(type(draft).__name__)

    handler = Waits().run()
    await asyncio.sleep(1_000)

    await handler.send_event(Draft())

    assert await handler == "Draft"


@virtually
async def test_a_run_with_external_events_waits_for_them() -> None:
    handler = Silent(timeout=5).run(external_events=True)
    await asyncio.sleep(1_000)

    await handler.send_event(StopEvent("from outside"))

    assert await handler == "from outside"


@virtually
async def test_an_event_for_a_list_join_outside_of_a_fan_out_says_so() -> None:
    class Lists(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> list[Left] | Draft | None:
            ctx.send_event(Left())
            return None

        @step
        async def join(self, evs: list[Left]) -> StopEvent:
            return StopEvent()

        @step
        async def drafts(self, ev: Draft) -> StopEvent:
            return StopEvent()

    error = await stalled(Lists())

    assert "outside of a fan-out (step 'join' joins only what a returned list opened)" in str(error)


@virtually
async def test_a_half_full_collection_tells_what_is_expected_from_what_is_not() -> None:
    class Collects(Workflow):
        @step
        async def write(self, ctx: Context, ev: StartEvent) -> Draft | Left:
            ctx.send_event(Left())
            return Draft()

        @step
        async def collect(self, ctx: Context, ev: Draft | Left) -> StopEvent | None:
            return StopEvent() if ctx.collect_events(ev, [Draft, Draft]) else None

    with pytest.raises(
        WorkflowStalledError, match=r"'collect' has 1 of 2 and waits for 1 more Draft; beyond these it keeps 1 Left\."
    ):
        await Collects().run()


@virtually
async def test_a_half_full_collection_of_a_run_taken_up_says_what_it_keeps() -> None:
    class Collects(Workflow):
        @step
        async def write(self, ctx: Context, ev: StartEvent) -> Draft | None:
            ctx.send_event(Draft())
            await ctx.sleep(1)
            return None

        @step
        async def collect(self, ctx: Context, ev: Draft) -> StopEvent | None:
            return StopEvent() if ctx.collect_events(ev, [Draft, Draft]) else None

    workflow = Collects()
    handler = workflow.run()
    await asyncio.sleep(0.5)
    stored = handler.ctx.to_dict()
    await handler.cancel_run()

    with pytest.raises(WorkflowStalledError, match="collect_events of step 'collect' keeps 1 Draft"):
        await workflow.run(ctx=Context.from_dict(workflow, stored))
