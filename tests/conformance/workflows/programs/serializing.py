"""Values to text and back, and snapshots of runs."""

# mypy: ignore-errors

import asyncio
import datetime
import json

from engine import (
    Context,
    ContextSerdeError,
    DictState,
    Event,
    HumanResponseEvent,
    InMemoryStateStore,
    InputRequiredEvent,
    JsonSerializer,
    PickleSerializer,
    StartEvent,
    StopEvent,
    Workflow,
    step,
)
from observing import ending_of, error_seen, plain, program, refused, shown, state_of
from pydantic import BaseModel


class Inner(BaseModel):
    name: str
    tags: list[str] = []


class Topic(Event):
    text: str
    inner: Inner | None = None


class Question(InputRequiredEvent):
    prompt: str


class Reply(HumanResponseEvent):
    text: str


def round_trip(serializer, value):
    try:
        return plain(serializer.deserialize(serializer.serialize(value)))
    except Exception as error:  # noqa: BLE001  # the observation is the error
        return error_seen(error, ValueError)


@program
async def plain_values_make_the_round_trip():
    values = [None, True, 3, -2.5, "text äöü", [1, [2, "x"]], {"a": {"b": [1, None]}}, [], {}]
    return [round_trip(JsonSerializer(), value) for value in values]


@program
async def models_and_events_make_the_round_trip():
    serializer = JsonSerializer(allowed_types=[Inner, Topic, Event])
    return [
        round_trip(serializer, Inner(name="n", tags=["t"])),
        round_trip(serializer, Topic(text="t", inner=Inner(name="m"))),
        round_trip(serializer, {"deep": [Inner(name="x"), {"more": Topic(text="y")}]}),
        round_trip(serializer, Event(free=1, list=[1, 2])),
    ]


@program
async def a_class_that_is_not_allowed_is_not_read():
    text = JsonSerializer(allowed_types=[Inner]).serialize(Inner(name="n"))
    return await refused(lambda: JsonSerializer(allowed_types=[Topic]).deserialize(text), Exception)


@program
async def types_are_added_to_a_serializer():
    serializer = JsonSerializer(allowed_types=[Inner]).with_types(Topic)
    return round_trip(serializer, [Inner(name="n"), Topic(text="t")])


@program
async def without_a_list_any_class_is_read():
    return round_trip(JsonSerializer(), Inner(name="n"))


@program
async def values_that_json_does_not_know():
    values = [
        (1, 2),
        {1: "one"},
        {"set", "of"},
        datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        b"bytes",
    ]
    return [round_trip(JsonSerializer(), value) for value in values]


@program
async def what_cannot_be_kept_is_refused():
    return await refused(lambda: JsonSerializer().serialize({"a": [object()]}), ValueError)


@program
async def json_is_text_that_json_reads():
    return [isinstance(json.loads(JsonSerializer().serialize(value)), type(value)) for value in ([1], {"a": 1}, "s")]


@program
async def pickles_make_the_round_trip():
    values = [(1, 2), {1: "one"}, datetime.date(2026, 1, 2), Inner(name="n"), [Topic(text="t")]]
    return [round_trip(PickleSerializer(), value) for value in values]


@program
async def a_store_makes_the_round_trip():
    store = InMemoryStateStore(DictState(a=1, deep={"list": [1, {"x": None}]}))
    restored = InMemoryStateStore.from_dict(store.to_dict(JsonSerializer()), JsonSerializer())
    return shown(await restored.get_state())


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
        await refused(lambda: Context.from_dict(workflow, {"version": 999}), Exception, "version"),
    ]
