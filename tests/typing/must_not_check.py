"""What must not type-check: each line that ends in ``# refused`` must be an error, and no other may be one."""

from pydantic import BaseModel

from stepwell import Context, Event, StartEvent, StopEvent, Workflow, step
from stepwell import OpenAI  # refused
from stepwell.errors import WorkflowTimeoutErr  # refused


class Report(StopEvent):
    pages: int


class Draft(Event):
    text: str


class Begin(StartEvent):
    topic: str


class State(BaseModel):
    count: int = 0


class Started(Workflow[Begin, Report]):
    pass


class Typed(Workflow[StartEvent, Report]):
    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> Report:
        return Draft(text="a")  # refused

    @step
    async def wait(self, ctx: Context, ev: Draft) -> Report:
        await ctx.wait_for_event(int)  # refused
        ctx.send_event("text")  # refused
        ctx.write_event_to_stream({"a": 1})  # refused
        ctx.call(3)  # refused
        return Report(pages=3)

    @step
    async def state(self, ctx: Context[State], ev: Draft) -> Report:
        async with ctx.store.edit_state() as state:
            state.cuont = 1  # refused
            state.count = "one"  # refused
        return Report(pages="three")  # refused

    @step
    async def child(self, ctx: Context, ev: Draft) -> Report:
        await ctx.run_child(Typed)  # refused
        await ctx.run_child(Typed().run())  # refused
        await ctx.run_child(3)  # refused
        text: str = await ctx.run_child(self)  # refused
        (await ctx.run_child(self)).paages  # refused
        await ctx.run_child(Started(), start_event=StartEvent())  # refused
        ctx.run_child(self).pages  # refused
        print(text)
        return Report(pages=3)

    @step(num_workers="two")  # refused
    async def many(self, ev: Draft) -> Report:
        return Report(pages=3)


class Wrong(Workflow[Draft, Report]):  # refused
    pass


async def results(workflow: Typed) -> None:
    handler = workflow.run()
    text: str = await handler  # refused
    (await handler).paages  # refused
    await workflow.begin(3)  # refused
    await handler.send_event(3)  # refused
    handler.stream_events(after="3")  # refused
    Typed(timeout="long")  # refused
    step(timeout="long")  # refused
    print(text)
