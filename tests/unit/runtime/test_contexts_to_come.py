"""``Context(workflow)``: a store before a run, a run that is taken up, and what neither can do yet."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel
from tests.unit.runtime.snapshot_helpers import document, put_away, settle, take_up
from tests.unit.runtime.virtual_loop import virtually

from stepwell import Context, Event, HumanResponseEvent, StartEvent, StopEvent, Workflow, step
from stepwell.errors import (
    ContextSerdeError,
    ContextStateError,
    ForeignContextError,
    ForeignSnapshotError,
    NoRunError,
    OutsideOnlyError,
    SnapshotError,
    SnapshotVersionError,
    StartFieldsError,
    StepOptionError,
    UnencodableValueError,
)
from stepwell.flow.codec import JsonSerializer, PickleSerializer


class Answer(HumanResponseEvent):
    number: int = 0


class Unseen(BaseModel):
    """A class to which no annotation leads."""

    text: str = ""


class Counter(Workflow):
    """Adds one to what its store has, and waits when it is told to."""

    @step
    async def count(self, ctx: Context, ev: StartEvent) -> StopEvent:
        number = await ctx.store.get("number", 0) + 1
        await ctx.store.set("number", number)
        if ev.get("waits"):
            await ctx.wait_for_event(Answer)
        return StopEvent(result=await ctx.store.get("number"))


class Other(Workflow):
    @step
    async def work(self, ev: StartEvent) -> StopEvent:
        return StopEvent()


@virtually
async def test_a_store_can_be_written_before_the_run() -> None:
    workflow = Counter()
    ctx: Context = Context(workflow)
    await ctx.store.set("number", 10)

    handler = workflow.run(ctx=ctx)

    assert handler.ctx is ctx
    assert await handler == 11
    assert await ctx.store.get("number") == 11


@virtually
async def test_one_context_carries_the_store_from_run_to_run() -> None:
    workflow = Counter()
    ctx: Context = Context(workflow)

    results = [await workflow.run(ctx=ctx) for _ in range(3)]

    assert results == [1, 2, 3]


@virtually
async def test_the_snapshot_of_a_run_that_is_over_is_its_store() -> None:
    handler = Counter().run()
    await handler
    data = document(handler)
    workflow = Counter()
    ctx: Context = Context.from_dict(workflow, data)

    assert not ctx.is_running
    assert await workflow.run(ctx=ctx) == 2


@virtually
async def test_a_snapshot_can_leave_the_store_out() -> None:
    handler = Counter().run()
    await handler

    data = handler.ctx.to_dict(include_state=False)

    assert data["store"] is None
    assert await take_up(Counter(), data) == 1


@virtually
async def test_a_context_says_whether_its_run_is_under_way() -> None:
    workflow = Counter()
    ctx: Context = Context(workflow)
    before = ctx.is_running
    handler = workflow.run(ctx=ctx, waits=True)
    await settle()

    assert not before
    assert ctx.is_running
    assert await ctx.running_steps() == ["count"]
    assert (Context.from_dict(workflow, document(handler))).is_running
    ctx.send_event(Answer())
    await handler
    assert not ctx.is_running
    assert await ctx.running_steps() == []


@virtually
async def test_a_run_to_come_can_be_put_away_with_what_was_written_to_its_store() -> None:
    handler = Counter().run(waits=True)
    await settle()
    workflow = Counter()
    ctx: Context = Context.from_dict(workflow, await put_away(handler))
    await ctx.store.set("more", (1, 2))

    again = take_up(workflow, ctx.to_dict())
    again.ctx.send_event(Answer())
    await again

    assert await again.ctx.store.get("more") == (1, 2)
    assert again.run_id == ctx.run_id == handler.run_id


@virtually
async def test_the_store_of_a_run_to_come_is_empty_when_nothing_was_read() -> None:
    data = Context(Counter()).to_dict()

    assert await take_up(Counter(), data) == 1


CALLS: dict[str, Callable[[Context[Any]], Any]] = {
    "send_event": lambda ctx: ctx.send_event(Answer()),
    "write_event_to_stream": lambda ctx: ctx.write_event_to_stream(Event()),
    "stream_events": lambda ctx: ctx.stream_events(),
    "awaited_events": lambda ctx: ctx.awaited_events,
    "waits_for_outside": lambda ctx: ctx.waits_for_outside,
    "call": lambda ctx: ctx.call(asyncio.sleep(0)),
    "run_id": lambda ctx: ctx.run_id,
    "running_steps": lambda ctx: asyncio.run(ctx.running_steps()),
}


@pytest.mark.parametrize("call", CALLS)
def test_what_needs_a_run_says_so(call: str) -> None:
    ctx: Context = Context(Counter())

    with pytest.raises(NoRunError, match=rf"^{call} requires a running workflow\. Call workflow\.run\(\) first"):
        CALLS[call](ctx)


@virtually
async def test_what_is_for_who_runs_a_workflow_is_not_for_its_steps() -> None:
    class Curious(Workflow):
        @step
        async def look(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(result=await ctx.running_steps())

    with pytest.raises(OutsideOnlyError, match="only available from handler code, not from within steps"):
        await Curious().run()


@pytest.mark.parametrize("workflow", [Counter, 5, None])
def test_a_context_is_made_for_a_workflow_object(workflow: Any) -> None:
    with pytest.raises(StepOptionError, match="an instance of a Workflow"):
        Context(workflow)


@virtually
async def test_a_context_of_another_workflow_is_refused() -> None:
    with pytest.raises(ForeignContextError):
        Other().run(ctx=Context(Counter()))


@virtually
async def test_a_run_that_is_taken_up_has_its_start_event() -> None:
    handler = Counter().run(waits=True)
    await settle()
    workflow = Counter()
    ctx: Context = Context.from_dict(workflow, await put_away(handler))

    with pytest.raises(StartFieldsError, match="under way"):
        workflow.run(ctx=ctx, waits=False)


async def waiting() -> dict[str, Any]:
    handler = Counter().run(waits=True)
    await settle()
    return await put_away(handler)


@virtually
async def test_a_snapshot_of_another_workflow_is_refused() -> None:
    data = await waiting()

    with pytest.raises(ForeignSnapshotError, match="Counter") as caught:
        Context.from_dict(Other(), data)

    assert isinstance(caught.value, ContextSerdeError)


@virtually
async def test_a_snapshot_of_a_newer_version_is_refused() -> None:
    data = {**await waiting(), "version": 2}

    with pytest.raises(SnapshotVersionError, match="Cannot load serialized workflow context with version=2") as caught:
        Context.from_dict(Counter(), data)

    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("data", [{}, {"format": "x"}, {"is_running": True}, 5, None, [], [("format", "x")], "text"])
def test_what_is_no_snapshot_is_refused(data: Any) -> None:
    with pytest.raises(ContextSerdeError):
        Context.from_dict(Counter(), data)


def test_a_snapshot_that_is_still_a_text_is_refused_with_the_call_that_is_missing() -> None:
    with pytest.raises(SnapshotError, match=r"of type str; read the text by json\.loads first"):
        Context.from_dict(Counter(), "{}")  # type: ignore[arg-type]


@virtually
async def test_a_snapshot_of_a_step_that_is_gone_is_refused() -> None:
    class Before(Workflow):
        @step
        async def old(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.wait_for_event(Answer)
            return StopEvent()

    handler = Before().run()
    await settle()
    data = await put_away(handler)

    class After(Workflow):
        @step
        async def new(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent()

    After.__qualname__ = Before.__qualname__
    with pytest.raises(SnapshotError, match="no step 'old' any more") as caught:
        Context.from_dict(After(), data)

    assert caught.value.path == "run.running[0].step"


@virtually
async def test_a_value_that_cannot_be_stored_is_named_by_its_path() -> None:
    class Holder(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.wait_for_event(Answer)
            return StopEvent()

    handler = Holder().run(config={"client": asyncio.Lock()})
    await settle()

    with pytest.raises(UnencodableValueError) as caught:
        handler.ctx.to_dict()

    assert caught.value.path == "the event of step 'work'.config['client']"
    await handler.cancel_run()


@virtually
async def test_a_class_that_nothing_leads_to_has_to_be_allowed() -> None:
    ctx: Context = Context(Counter())
    await ctx.store.set("value", Unseen(text="x"))
    serializer = JsonSerializer(allowed_types=[Unseen])

    with pytest.raises(UnencodableValueError, match="allowed_types"):
        ctx.to_dict()
    data = ctx.to_dict(serializer)
    with pytest.raises(ContextSerdeError, match="Unseen"):
        Context.from_dict(Counter(), data)

    assert await Context.from_dict(Counter(), data, serializer).store.get("value") == Unseen(text="x")


@virtually
async def test_a_workflow_has_a_serializer_for_all_its_runs() -> None:
    serializer = JsonSerializer(allowed_types=[Unseen])
    workflow = Counter(serializer=serializer)
    ctx: Context = Context(workflow)
    await ctx.store.set("value", Unseen())

    again: Context = Context.from_dict(workflow, ctx.to_dict())

    assert workflow.serializer is serializer
    assert await again.store.get("value") == Unseen()


@virtually
async def test_a_serializer_of_texts_is_used_for_all_values() -> None:
    serializer = PickleSerializer()
    workflow = Counter(serializer=serializer)
    handler = workflow.run(waits=True)
    await settle()
    data = await put_away(handler)

    again = take_up(workflow, data)
    again.ctx.send_event(Answer())

    assert data["values"] == "text"
    assert await again == 1
    with pytest.raises(SnapshotError, match="another kind of serializer"):
        Context.from_dict(Counter(), data)


class Broken(PickleSerializer):
    def serialize(self, value: Any) -> str:
        raise OSError("the disk is full")


def test_what_a_serializer_raises_becomes_an_error_that_says_where() -> None:
    with pytest.raises(UnencodableValueError, match=r"state .*Broken raised OSError: the disk is full"):
        Context(Counter()).to_dict(Broken())


def test_a_text_that_a_serializer_cannot_read_is_an_error_that_says_where() -> None:
    data = Context(Counter()).to_dict(PickleSerializer())

    with pytest.raises(ContextSerdeError):
        Context.from_dict(Counter(), {**data, "store": "?"}, PickleSerializer())
    with pytest.raises(SnapshotError, match="no text"):
        Context.from_dict(Counter(), {**data, "store": 5}, PickleSerializer())


class Typed(BaseModel):
    number: int = 1


class TypedCounter(Workflow):
    @step
    async def count(self, ctx: Context[Typed], ev: StartEvent) -> StopEvent:
        return StopEvent(result=(await ctx.store.get_state()).number)


@virtually
async def test_a_typed_state_comes_back_as_its_type() -> None:
    ctx: Context[Typed] = Context(TypedCounter())
    await ctx.store.set("number", 7)

    assert await take_up(TypedCounter(), ctx.to_dict()) == 7


def test_a_state_of_another_type_is_refused() -> None:
    data = Context(TypedCounter()).to_dict()
    data["store"] = Context(Counter()).to_dict()["store"]

    with pytest.raises(SnapshotError, match="the state is a Typed, not a DictState"):
        Context.from_dict(TypedCounter(), data)


@virtually
async def test_a_snapshot_is_read_again_when_steps_were_added_since() -> None:
    data = await waiting()
    workflow = Counter()
    ctx: Context = Context.from_dict(workflow, data)

    async def more(ev: Answer) -> None: ...

    workflow.add_step(more)
    handler = workflow.run(ctx=ctx)
    handler.ctx.send_event(Answer())

    assert await handler == 1


@virtually
async def test_a_context_of_a_run_under_way_is_refused() -> None:
    workflow = Counter()
    ctx: Context = Context(workflow)
    handler = workflow.run(ctx=ctx, waits=True)

    with pytest.raises(ContextStateError, match="Cannot start a new run while context is already running"):
        workflow.run(ctx=ctx)

    await handler.cancel_run()
