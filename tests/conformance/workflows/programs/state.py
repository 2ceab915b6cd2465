"""What a run remembers: the store, its paths and edits, typed state, and contexts that go from run to run."""

# mypy: ignore-errors

import asyncio

from engine import (
    Context,
    ContextStateError,
    DictState,
    Event,
    InMemoryStateStore,
    StartEvent,
    StopEvent,
    Workflow,
    step,
)
from observing import ending_of, observed, plain, program, refused, shown, state_of
from pydantic import BaseModel, Field


class Inner(BaseModel):
    name: str = "inner"
    tags: list[str] = Field(default_factory=list)


class Shape(BaseModel):
    count: int = 0
    inner: Inner = Field(default_factory=Inner)
    table: dict[str, int] = Field(default_factory=dict)


class Wider(Shape):
    more: str = "more"


class Topic(Event):
    text: str = ""


class Counter(Workflow):
    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
        count = await ctx.store.get("count", default=0) + 1
        await ctx.store.set("count", count)
        return StopEvent(result=count)


async def told(act):
    """What a call gives, or which error it raises."""
    try:
        return plain(await act)
    except Exception as error:  # noqa: BLE001  # the observation is the error
        return {
            "error": [kind.__name__ for kind in (ValueError, AttributeError, RuntimeError) if isinstance(error, kind)]
        }


@program
async def steps_share_a_store():
    class Shares(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Topic:
            await ctx.store.set("a", 1)
            await ctx.store.set("deep.list", [1, 2, {"x": "y"}])
            return Topic()

        @step
        async def finish(self, ctx: Context, ev: Topic) -> StopEvent:
            await ctx.store.set("b", await ctx.store.get("a") + 1)
            return StopEvent(result=await ctx.store.get("deep.list.2.x"))

    return await observed(Shares().run())


@program
async def paths_read_dicts_lists_and_models():
    store = InMemoryStateStore(DictState())
    await store.set("user.name", "ann")
    await store.set("user.friends", ["bob", "eve"])
    await store.set("model", Inner(name="m", tags=["t"]))
    await store.set("user.friends.1", "zoe")
    await store.set("model.name", "changed")
    return [
        await told(store.get(path))
        for path in ("user", "user.name", "user.friends.1", "user.friends", "model.name", "model.tags.0", "model")
    ]


@program
async def a_path_to_nothing_is_an_error_or_the_default():
    store = InMemoryStateStore(DictState(a={"b": [1]}))
    return {
        "missing": await refused(lambda: store.get("nope"), ValueError, "Path 'nope' not found in state"),
        "deep": await refused(lambda: store.get("a.c.d"), ValueError, "Path 'a.c.d' not found in state"),
        "index": await refused(lambda: store.get("a.b.5"), ValueError, "not found in state"),
        "default": [await store.get("nope", default=3), await store.get("a.b.5", default=None)],
    }


@program
async def a_path_that_cannot_be_written_is_an_error():
    store = InMemoryStateStore(Shape())
    return {
        "empty": await told(store.set("", 1)),
        "no_field": await told(store.set("nope", 1)),
        "no_field_below": await told(store.set("inner.nope", 1)),
        "no_index": await told(store.set("inner.tags.4", "x")),
        "below_a_number": await told(store.set("count.a", 1)),
        "state": shown(await store.get_state()),
    }


@program
async def a_state_that_was_got_is_changed_and_one_is_set():
    store = InMemoryStateStore(DictState(a=1, b=[1]))
    state = await store.get_state()
    state["a"] = 2
    unchanged = await store.get("a")
    await store.set_state(DictState(c=3))
    return [unchanged, shown(await store.get_state()), shown(state)]


@program
async def an_edit_is_made_as_a_whole():
    store = InMemoryStateStore(DictState(numbers=[1], word="a"))
    async with store.edit_state() as state:
        state["numbers"].append(2)
        state.word = "b"
        state["new"] = {"k": "v"}
        meanwhile = await store.get("numbers")
    return [plain(meanwhile), shown(await store.get_state())]


@program
async def an_edit_that_fails_changes_nothing():
    store = InMemoryStateStore(DictState(numbers=[1]))
    try:
        async with store.edit_state() as state:
            state["numbers"].append(2)
            state["word"] = "x"
            raise KeyError("half way")
    except KeyError:
        pass
    return shown(await store.get_state())


@program
async def a_write_inside_an_edit_is_refused():
    store = InMemoryStateStore(DictState(a=1))
    phrase = "writer called inside edit_state: mutate the yielded state instead"
    async with store.edit_state() as state:
        refusals = [
            await refused(lambda: store.set("a", 2), RuntimeError, phrase),
            await refused(lambda: store.clear(), RuntimeError, phrase),
            await refused(lambda: store.set_state(DictState()), RuntimeError, phrase),
        ]
        state["a"] = 3
    return [refusals, shown(await store.get_state())]


@program
async def edits_of_many_tasks_lose_nothing():
    class Done(Event):
        pass

    class Edits(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> list[Topic]:
            await ctx.store.set("count", 0)
            return [Topic() for _ in range(20)]

        @step(num_workers=10)
        async def add(self, ctx: Context, ev: Topic) -> Done:
            async with ctx.store.edit_state() as state:
                before = state["count"]
                await asyncio.sleep(0)
                state["count"] = before + 1
            return Done()

        @step
        async def join(self, ctx: Context, evs: list[Done]) -> StopEvent:
            return StopEvent(result=await ctx.store.get("count"))

    return await observed(Edits().run())


@program
async def clearing_makes_a_new_state_of_the_same_type():
    plain_store = InMemoryStateStore(DictState(a=1))
    typed = InMemoryStateStore(Shape(count=5))
    await plain_store.clear()
    await typed.clear()
    return [shown(await plain_store.get_state()), shown(await typed.get_state())]


@program
async def typed_state_has_fields_and_defaults():
    class Typed(Workflow):
        @step
        async def begin(self, ctx: Context[Shape], ev: StartEvent) -> Topic:
            state = await ctx.store.get_state()
            async with ctx.store.edit_state() as edited:
                edited.count = state.count + 5
                edited.inner.tags.append("t")
            return Topic()

        @step
        async def finish(self, ctx: Context[Shape], ev: Topic) -> StopEvent:
            await ctx.store.set("inner.name", "renamed")
            await ctx.store.set("table.one", 1)
            state = await ctx.store.get_state()
            return StopEvent(result=[type(state).__name__, state.count, state.inner.tags])

    return await observed(Typed().run())


@program
async def of_several_state_types_the_most_derived_is_taken():
    class Typed(Workflow):
        @step
        async def begin(self, ctx: Context[Shape], ev: StartEvent) -> Topic:
            await ctx.store.set("count", 2)
            return Topic()

        @step
        async def finish(self, ctx: Context[Wider], ev: Topic) -> StopEvent:
            state = await ctx.store.get_state()
            return StopEvent(result=[type(state).__name__, state.count, state.more])

    return await observed(Typed().run())


@program
async def a_parent_state_is_merged_and_a_foreign_one_refused():
    store = InMemoryStateStore(Wider(count=1, more="kept"))
    await store.set_state(Shape(count=9))
    return [
        shown(await store.get_state()),
        await refused(lambda: store.set_state(Inner()), ValueError, "State must be of type Wider or a parent type"),
    ]


@program
async def state_types_that_cannot_be_joined_or_made_are_refused():
    class Needs(BaseModel):
        must: int

    class Other(BaseModel):
        x: int = 0

    def two():
        class Two(Workflow):
            @step
            async def begin(self, ctx: Context[Shape], ev: StartEvent) -> Topic:
                return Topic()

            @step
            async def finish(self, ctx: Context[Other], ev: Topic) -> StopEvent:
                return StopEvent()

        return Two().run()

    def bare():
        class Bare(Workflow):
            @step
            async def begin(self, ctx: Context[Needs], ev: StartEvent) -> StopEvent:
                await ctx.store.get_state()
                return StopEvent()

        return Bare().run()

    return [
        await refused(two, ValueError, "not in a compatible inheritance hierarchy"),
        await refused(bare, ValueError),
    ]


@program
async def a_context_goes_on_with_its_store_in_the_next_run():
    workflow = Counter()
    first = workflow.run()
    one = await first
    second = workflow.run(ctx=first.ctx)
    two = await second
    third = workflow.run(ctx=second.ctx)
    return [one, two, await third, await state_of(third.ctx), await workflow.run()]


@program
async def a_context_of_a_running_run_is_refused():
    class Slow(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(0.1)
            return StopEvent()

    workflow = Slow()
    handler = workflow.run()
    await asyncio.sleep(0.01)
    refusal = await refused(
        lambda: workflow.run(ctx=handler.ctx),
        ContextStateError,
        "Cannot start a new run while context is already running",
    )
    await handler
    return refusal


@program
async def a_context_of_another_workflow():
    class Other(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(result=await ctx.store.get("count", default="nothing"))

    handler = Counter().run()
    await handler
    return await refused(lambda: ending_of(Other().run(ctx=handler.ctx)), ContextStateError)


@program
async def the_store_is_readable_from_outside_during_and_after_the_run():
    class Slow(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.store.set("stage", "begun")
            await asyncio.sleep(0.1)
            await ctx.store.set("stage", "done")
            return StopEvent()

    handler = Slow().run()
    await asyncio.sleep(0.04)
    during = await handler.ctx.store.get("stage")
    await handler
    return [during, await handler.ctx.store.get("stage")]


@program
async def a_failed_run_keeps_what_was_written():
    class Fails(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.store.set("written", True)
            raise ValueError("no")

    return await observed(Fails().run())


@program
async def dict_state_is_a_dict_and_an_object():
    state = DictState(a=1)
    state["b"] = 2
    state.c = 3
    return {
        "items": [state["a"], state.b, state["c"], state.get("d"), state.get("d", 4)],
        "has": ["a" in state, "d" in state],
        "keys": sorted(state.keys()),
        "values": sorted(state.values()),
        "len": len(state),
        "iter": sorted(state),
        "true": [bool(state), bool(DictState())],
        "missing": await refused(lambda: state["zzz"], KeyError),
        "no_attribute": await refused(lambda: state.zzz, AttributeError),
    }


@program
async def calls_that_belong_inside_a_step_are_refused_outside():
    class Slow(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(0.1)
            return StopEvent()

    handler = Slow().run()
    await asyncio.sleep(0.01)
    phrase = "is only available from within step functions"
    return [
        await refused(lambda: handler.ctx.collect_events(Topic(), [Topic]), ContextStateError, phrase),
        await refused(lambda: handler.ctx.wait_for_event(Topic), ContextStateError, phrase),
        await refused(lambda: handler.ctx.retry_info(), ContextStateError, phrase),
        await ending_of(handler),
    ]


@program
async def an_edit_of_a_value_that_is_nested_too_deeply():
    deep = []
    for _ in range(5000):
        deep = [deep]
    store = InMemoryStateStore(DictState(deep=deep))

    async def act():
        async with store.edit_state() as state:
            state["deep"].append("half way")
            raise KeyError("given up")

    refusal = await refused(act, RecursionError)
    return [refusal["error"], len(await store.get("deep"))]
