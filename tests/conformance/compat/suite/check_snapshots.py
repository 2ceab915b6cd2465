"""Contexts before and after runs, as data and back; by the peer's names only."""

# mypy: ignore-errors

import asyncio
import json

import pytest
from pydantic import BaseModel
from workflows import Context, Workflow, step
from workflows.context import JsonSerializer, PickleSerializer
from workflows.errors import ContextSerdeError, WorkflowCancelledByUser
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Counting(Workflow):
    @step
    async def count(self, ctx: Context, ev: StartEvent) -> StopEvent:
        n = await ctx.store.get("n", default=0) + 1
        await ctx.store.set("n", n)
        return StopEvent(result=n)


class Asking(Workflow):
    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> InputRequiredEvent:
        await ctx.store.set("asked", True)
        return InputRequiredEvent(prefix="Who?")

    @step
    async def answer(self, ctx: Context, ev: HumanResponseEvent) -> StopEvent:
        return StopEvent(result=(await ctx.store.get("asked"), ev.response))


async def asked(workflow, **options):
    """Run up to the question; return the context as data, and stop the run."""
    handler = workflow.run()
    async for event in handler.stream_events():
        if isinstance(event, InputRequiredEvent):
            break
    data = handler.ctx.to_dict(**options)
    await handler.cancel_run()
    with pytest.raises(WorkflowCancelledByUser):
        await handler
    return data


async def test_a_context_is_made_before_the_run_and_its_store_is_filled():
    workflow = Counting()
    ctx = Context(workflow)
    assert not ctx.is_running

    await ctx.store.set("n", 41)

    assert await workflow.run(ctx=ctx) == 42


async def test_one_context_serves_run_after_run():
    workflow = Counting()
    ctx = Context(workflow)

    assert [await workflow.run(ctx=ctx) for _ in range(3)] == [1, 2, 3]


async def test_the_context_of_a_run_that_is_over_becomes_data_and_a_context_again():
    workflow = Counting()
    handler = workflow.run()
    await handler

    text = json.dumps(handler.ctx.to_dict())
    ctx = Context.from_dict(workflow, json.loads(text))

    assert await workflow.run(ctx=ctx) == 2


async def test_a_run_that_waits_for_a_person_goes_on_from_data():
    data = json.loads(json.dumps(await asked(Asking())))
    workflow = Asking()

    ctx = Context.from_dict(workflow, data)
    assert ctx.is_running
    handler = workflow.run(ctx=ctx)
    handler.ctx.send_event(HumanResponseEvent(response="Ada"))

    assert await handler == (True, "Ada")


@pytest.mark.parametrize("serializer", [JsonSerializer, PickleSerializer])
async def test_the_serializer_can_be_chosen(serializer):
    data = await asked(Asking(), serializer=serializer())
    workflow = Asking()

    handler = workflow.run(ctx=Context.from_dict(workflow, data, serializer=serializer()))
    handler.ctx.send_event(HumanResponseEvent(response="Ada"))

    assert await handler == (True, "Ada")


class Tally(BaseModel):
    count: int = 0


async def test_a_typed_state_comes_back_as_its_type():
    class Typed(Workflow):
        @step
        async def count(self, ctx: Context[Tally], ev: StartEvent) -> StopEvent:
            async with ctx.store.edit_state() as state:
                state.count += 1
            return StopEvent(result=await ctx.store.get_state())

    workflow = Typed()
    serializer = JsonSerializer(allowed_types=[Tally])
    handler = workflow.run()
    await handler

    ctx = Context.from_dict(workflow, handler.ctx.to_dict(serializer=serializer), serializer=serializer)
    result = await workflow.run(ctx=ctx)

    assert isinstance(result, Tally)
    assert result.count == 2


async def test_data_of_something_else_is_refused():
    with pytest.raises((ContextSerdeError, ValueError)):
        Context.from_dict(Counting(), {"nonsense": True, "version": "what"})


async def test_a_workflow_has_a_serializer_for_its_contexts():
    workflow = Counting(serializer=JsonSerializer())
    handler = workflow.run()
    await handler

    ctx = Context.from_dict(workflow, handler.ctx.to_dict())

    assert await workflow.run(ctx=ctx) == 2


async def test_a_run_says_which_steps_run():
    class Slow(Workflow):
        @step
        async def dig(self, ctx: Context, ev: StartEvent) -> StopEvent:
            ctx.write_event_to_stream(InputRequiredEvent())
            await asyncio.sleep(3600)
            return StopEvent()

    handler = Slow().run()
    async for _ in handler.stream_events():
        break

    assert handler.ctx.is_running
    assert await handler.ctx.running_steps() == ["dig"]
    await handler.cancel_run()
    with pytest.raises(WorkflowCancelledByUser):
        await handler
