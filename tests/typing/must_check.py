"""What must type-check under ``mypy --strict`` and pyright: nothing here runs."""

import asyncio
from typing import Any, assert_type

from pydantic import BaseModel

from stepwell import Context, Event, StartEvent, StepFailedEvent, StopEvent, Workflow, WorkflowHandler, catch_error, step
from stepwell.runtime import StateStore
from stepwell.retry_policy import retry_policy, stop_after_attempt


class Begin(StartEvent):
    topic: str


class Report(StopEvent):
    pages: int


class Draft(Event):
    text: str


class Answer(Event):
    text: str


class State(BaseModel):
    count: int = 0


class Typed(Workflow[Begin, Report]):
    @step
    async def begin(self, ctx: Context[State], ev: Begin) -> Draft | None:
        answer = await ctx.wait_for_event(Answer)
        assert_type(answer, Answer)
        assert_type(answer.text, str)
        task = ctx.create_task(self.work())
        ctx.send_event(Draft(text=await task))
        ctx.write_event_to_stream(Draft(text=ev.topic))
        assert_type(ctx.store, StateStore[State])
        async with ctx.store.edit_state() as state:
            assert_type(state, State)
            state.count += 1
        assert_type((await ctx.store.get_state()).count, int)
        return None

    async def work(self) -> str:
        return "work"

    @step(num_workers=2, retry_policy=retry_policy(stop=stop_after_attempt(3)), timeout=3.5)
    async def finish(self, ev: Draft) -> Report:
        return Report(pages=len(ev.text))

    @step
    def in_thread(self, ctx: Context, ev: Draft) -> Report:
        assert_type(ctx.call(self.work()), str)
        return Report(pages=1)

    @catch_error(for_steps=["finish"], max_recoveries=2)
    async def rescue(self, ev: StepFailedEvent) -> Report:
        return Report(pages=0)


class Outer(Workflow):
    def __init__(self, child: Workflow[Begin, Report]) -> None:
        super().__init__()
        self.child = child

    @step
    async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
        assert_type(await ctx.run_child(Typed(), topic="wells"), Report)
        assert_type(await ctx.run_child(Typed(), start_event=Begin(topic="wells")), Report)
        assert_type(await ctx.run_child(Typed(), Begin(topic="wells")), Report)
        assert_type(await ctx.run_child(self.child), Report)
        assert_type(await ctx.run_child(Untyped(), topic="wells", start_event=None), Any)
        both = await asyncio.gather(ctx.run_child(Typed(), topic="a"), ctx.run_child(Typed(), topic="b"))
        assert_type(both, tuple[Report, Report])
        return StopEvent(result=sum(one.pages for one in both))

    @step
    def in_thread(self, ctx: Context, ev: StartEvent) -> StopEvent:
        assert_type(ctx.call(ctx.run_child(Typed(), topic="wells")), Report)
        return StopEvent()


class Untyped(Workflow):
    @step
    async def begin(self, ev: StartEvent) -> StopEvent:
        return StopEvent(result=ev.topic)


async def results() -> None:
    typed = Typed(timeout=30, verbose=True).run(topic="wells")
    assert_type(typed, WorkflowHandler[Report])
    assert_type(await typed, Report)
    assert_type(await typed.stop_event_result(), Report)
    assert_type((await typed).pages, int)
    assert_type(typed.get_stop_event(), Report | None)
    untyped = Untyped().run(topic="wells")
    assert_type(await untyped, Any)
    assert_type(await untyped.stop_event_result(), StopEvent)
    async for event in typed.stream_events():
        assert_type(event, Event)
    async for item in typed.stream(after=3):
        assert_type(item.cursor, int)
        assert_type(item.event, Event)
        assert_type(item.origin[-1].run_id, str)


async def steps_keep_their_signatures(workflow: Typed) -> None:
    assert_type(await workflow.finish(Draft(text="a")), Report)
    assert_type(await workflow.finish(ev=Draft(text="a")), Report)


@step(workflow=Untyped)
async def free(ev: Draft) -> StopEvent:
    return StopEvent()


async def a_free_step_keeps_its_signature() -> None:
    assert_type(await free(Draft(text="a")), StopEvent)


Untyped.add_step(free)
Untyped().add_step(free)
