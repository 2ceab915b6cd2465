"""Runs put away as data, and taken up again."""

# mypy: ignore-errors

import asyncio
import json

from engine import (
    Context,
    ContextSerdeError,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    Workflow,
    step,
)
from observing import ending_of, program, refused, state_of


class Topic(Event):
    text: str


class Question(InputRequiredEvent):
    prompt: str


class Reply(HumanResponseEvent):
    text: str


class Counts(Workflow):
    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
        count = await ctx.store.get("count", default=0) + 1
        await ctx.store.set("count", count)
        return StopEvent(result=count)


class Asks(Workflow):
    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> Question:
        await ctx.store.set("asked", ev.word)
        return Question(prompt=ev.word)

    @step
    async def take(self, ctx: Context, ev: Reply) -> StopEvent:
        return StopEvent(result=[await ctx.store.get("asked"), ev.text])


@program
async def a_context_is_made_before_its_run():
    workflow = Counts()
    ctx = Context(workflow)
    await ctx.store.set("count", 10)
    first = await workflow.run(ctx=ctx)
    return [first, await ending_of(workflow.run(ctx=ctx)), await state_of(ctx)]


@program
async def the_context_of_a_run_that_is_over_is_kept_as_text():
    workflow = Counts()
    handler = workflow.run()
    await handler
    kept = json.loads(json.dumps(handler.ctx.to_dict()))
    restored = Context.from_dict(workflow, kept)
    second = workflow.run(ctx=restored)
    return [restored.is_running, await second, await state_of(second.ctx)]


@program
async def a_run_that_waits_for_a_person_is_kept_and_taken_up():
    workflow = Asks()
    handler = workflow.run(word="name")
    async for event in handler.stream_events():
        if isinstance(event, Question):
            break
    kept = json.loads(json.dumps(handler.ctx.to_dict()))
    await handler.cancel_run()
    await asyncio.gather(handler, return_exceptions=True)

    again = Asks()
    restored = Context.from_dict(again, kept)
    running = restored.is_running
    second = again.run(ctx=restored)
    await asyncio.sleep(0.02)
    second.ctx.send_event(Reply(text="answer"))
    return {"running": running, "ending": await ending_of(second), "state": await state_of(second.ctx)}


@program
async def a_step_in_flight_runs_again_after_a_restore():
    began = []

    class Slow(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Topic:
            began.append("begin")
            return Topic(text="t")

        @step
        async def work(self, ctx: Context, ev: Topic) -> StopEvent:
            began.append("work")
            if len(began) < 3:
                await asyncio.sleep(5)
            return StopEvent(result=ev.text)

    workflow = Slow()
    handler = workflow.run()
    await asyncio.sleep(0.05)
    kept = json.loads(json.dumps(handler.ctx.to_dict()))
    await handler.cancel_run()
    await asyncio.gather(handler, return_exceptions=True)
    ending = await ending_of(workflow.run(ctx=Context.from_dict(workflow, kept)))
    return {"began": began, "ending": ending}


@program
async def a_wait_is_kept_and_asked_again_once():
    class Waits(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            reply = await ctx.wait_for_event(Reply, waiter_event=Question(prompt="?"), waiter_id="q")
            return StopEvent(result=reply.text)

    workflow = Waits()
    handler = workflow.run()
    async for event in handler.stream_events():
        if isinstance(event, Question):
            break
    kept = json.loads(json.dumps(handler.ctx.to_dict()))
    await handler.cancel_run()
    await asyncio.gather(handler, return_exceptions=True)
    second = workflow.run(ctx=Context.from_dict(workflow, kept))
    await asyncio.sleep(0.05)
    second.ctx.send_event(Reply(text="answer"))
    return await ending_of(second)


@program
async def collected_events_are_kept():
    class Gathers(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Topic | Question:
            ctx.send_event(Topic(text="one"))
            return Question(prompt="?")

        @step
        async def gather(self, ctx: Context, ev: Topic | Reply) -> StopEvent | None:
            both = ctx.collect_events(ev, [Topic, Reply])
            return None if both is None else StopEvent(result=[one.text for one in both])

    workflow = Gathers()
    handler = workflow.run()
    await asyncio.sleep(0.05)
    kept = json.loads(json.dumps(handler.ctx.to_dict()))
    await handler.cancel_run()
    await asyncio.gather(handler, return_exceptions=True)
    second = workflow.run(ctx=Context.from_dict(workflow, kept))
    await asyncio.sleep(0.02)
    second.ctx.send_event(Reply(text="two"))
    return await ending_of(second)


@program
async def a_snapshot_that_is_none_is_refused():
    workflow = Counts()
    return [
        await refused(lambda: Context.from_dict(workflow, {"nonsense": True, "state": 3}), ContextSerdeError),
        await refused(lambda: Context.from_dict(workflow, {"version": 999}), Exception),
    ]
