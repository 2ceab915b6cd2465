"""What runs do: results, streams, failures, waiting, state, fan-out, retries, resources; by the peer's names only."""

# mypy: ignore-errors

import asyncio
import functools
from collections import Counter
from typing import Annotated

import pytest
from pydantic import BaseModel
from workflows import Context, Workflow, catch_error, step
from workflows.collect import Collect, Take
from workflows.context.state_store import DictState, InMemoryStateStore
from workflows.errors import (
    ContextStateError,
    WorkflowCancelledByUser,
    WorkflowRuntimeError,
    WorkflowTimeoutError,
)
from workflows.events import (
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StepFailedEvent,
    StepState,
    StepStateChanged,
    StopEvent,
    WorkflowCancelledEvent,
    WorkflowFailedEvent,
    WorkflowTimedOutEvent,
)
from workflows.handler import WorkflowHandler
from workflows.plugins.basic import get_current_run_id
from workflows.representation import WorkflowGraph, get_workflow_representation
from workflows.resource import Resource, ResourceManager
from workflows.retry_policy import (
    ConstantDelayRetryPolicy,
    RetryPolicy,
    retry_if_exception_type,
    retry_policy,
    stop_after_attempt,
    wait_exponential,
    wait_fixed,
    wait_none,
)
from workflows.testing import WorkflowTestRunner
from workflows.testing.runner import WorkflowTestResult


class Middle(Event):
    word: str = ""


class Progress(Event):
    msg: str


class Chatty(Workflow):
    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> Middle:
        for word in ("all", "about", "wells"):
            ctx.write_event_to_stream(Progress(msg=word))
        return Middle(word="done")

    @step
    async def end(self, ev: Middle) -> StopEvent:
        return StopEvent(result=ev.word)


class Failing(Workflow):
    @step
    async def fail(self, ev: StartEvent) -> StopEvent:
        raise ConnectionError("the well is dry")


class Slow(Workflow):
    @step
    async def dig(self, ctx: Context, ev: StartEvent) -> StopEvent:
        ctx.write_event_to_stream(Progress(msg="digging"))
        await asyncio.sleep(3600)
        return StopEvent()


async def test_run_returns_a_handler_at_once_and_awaiting_it_gives_the_result():
    handler = Chatty().run()

    assert isinstance(handler, WorkflowHandler)
    assert not handler.is_done()
    assert await handler == "done"
    assert handler.is_done()
    assert isinstance(handler.run_id, str)


async def test_a_subclass_of_the_stop_event_is_the_result_itself():
    class End(StopEvent):
        size: int

    class Sized(Workflow):
        @step
        async def only(self, ev: StartEvent) -> End:
            return End(size=3)

    result = await Sized().run()

    assert isinstance(result, End)
    assert result.size == 3


async def test_a_stop_event_without_a_result_gives_none():
    class Silent(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    assert await Silent().run() is None


async def test_the_stream_has_every_event_in_order_and_the_stop_event_last():
    handler = Chatty().run()

    shown = [event async for event in handler.stream_events()]

    assert [event.msg for event in shown[:-1]] == ["all", "about", "wells"]
    assert isinstance(shown[-1], StopEvent)
    assert await handler == "done"


async def test_internal_events_are_shown_when_asked_for():
    handler = Chatty().run()

    shown = [event async for event in handler.stream_events(expose_internal=True)]

    changes = [(one.name, one.step_state) for one in shown if isinstance(one, StepStateChanged)]
    assert ("begin", StepState.RUNNING) in changes
    assert ("end", StepState.NOT_RUNNING) in changes
    assert [event.msg for event in shown if isinstance(event, Progress)] == ["all", "about", "wells"]


async def test_a_failure_ends_the_stream_and_is_raised_as_it_is():
    handler = Failing().run()

    shown = [event async for event in handler.stream_events()]

    assert isinstance(shown[-1], WorkflowFailedEvent)
    assert shown[-1].step_name == "fail"
    with pytest.raises(ConnectionError, match="the well is dry"):
        await handler


async def test_a_timeout_ends_the_stream_and_names_the_step():
    handler = Slow(timeout=0.05).run()

    shown = [event async for event in handler.stream_events()]

    assert isinstance(shown[-1], WorkflowTimedOutEvent)
    assert shown[-1].active_steps == ["dig"]
    with pytest.raises(WorkflowTimeoutError, match=r"Operation timed out after 0\.05 seconds"):
        await handler


async def test_a_run_can_be_cancelled():
    handler = Slow().run()
    shown = []
    async for event in handler.stream_events():
        shown.append(event)
        if isinstance(event, Progress):
            await handler.cancel_run()

    assert isinstance(shown[-1], WorkflowCancelledEvent)
    with pytest.raises(WorkflowCancelledByUser):
        await handler


async def test_concurrent_runs_have_contexts_of_their_own():
    class Counting(Workflow):
        @step
        async def count(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.store.set("n", ev.n)
            await asyncio.sleep(0)
            return StopEvent(result=await ctx.store.get("n"))

    workflow = Counting()

    assert await asyncio.gather(*(workflow.run(n=n) for n in range(5))) == [0, 1, 2, 3, 4]


async def test_a_sync_step_is_a_step():
    class Sync(Workflow):
        @step
        def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result="sync")

    assert await Sync().run() == "sync"


async def test_events_can_loop():
    class Loop(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Middle:
            return Middle(word="x")

        @step
        async def grow(self, ev: Middle) -> Middle | StopEvent:
            return StopEvent(result=ev.word) if len(ev.word) == 4 else Middle(word=ev.word + "x")

    assert await Loop().run() == "xxxx"


# --------------------------------------------------------------------------- the context


async def test_send_event_and_collect_events_fan_out_and_in():
    class Piece(Event):
        n: int

    class Fan(Workflow):
        @step
        async def spread(self, ctx: Context, ev: StartEvent) -> Piece | None:
            for n in range(3):
                ctx.send_event(Piece(n=n))

        @step(num_workers=2)
        async def work(self, ctx: Context, ev: Piece) -> Middle:
            return Middle(word=str(ev.n))

        @step
        async def join(self, ctx: Context, ev: Middle) -> StopEvent | None:
            parts = ctx.collect_events(ev, [Middle] * 3)
            return None if parts is None else StopEvent(result=sorted(part.word for part in parts))

    assert await Fan().run() == ["0", "1", "2"]


async def test_an_event_for_a_step_that_is_not_there_is_refused():
    class Lost(Workflow):
        @step
        async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            ctx.send_event(Middle(), step="nope")
            return StopEvent()

    with pytest.raises(WorkflowRuntimeError, match="Step nope does not exist"):
        await Lost().run()


async def test_the_store_is_read_and_written_by_path():
    class Stored(Workflow):
        @step
        async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.store.set("user.name", "Ada")
            await ctx.store.set("scores", [1, 2])
            async with ctx.store.edit_state() as state:
                state["scores"].append(3)
            return StopEvent(
                result=(
                    await ctx.store.get("user.name"),
                    await ctx.store.get("scores.2"),
                    await ctx.store.get("nothing", default="none"),
                )
            )

    assert await Stored().run() == ("Ada", 3, "none")


async def test_a_path_that_leads_nowhere_is_a_value_error():
    class Stored(Workflow):
        @step
        async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(result=await ctx.store.get("a.b"))

    with pytest.raises(ValueError, match=r"Path 'a\.b' not found in state"):
        await Stored().run()


class Tally(BaseModel):
    count: int = 0
    names: list[str] = []


async def test_the_store_can_have_a_type():
    class Typed(Workflow):
        @step
        async def begin(self, ctx: Context[Tally], ev: StartEvent) -> Middle:
            async with ctx.store.edit_state() as state:
                state.count += 2
                state.names.append("Ada")
            return Middle()

        @step
        async def end(self, ctx: Context[Tally], ev: Middle) -> StopEvent:
            return StopEvent(result=await ctx.store.get_state())

    result = await Typed().run()

    assert isinstance(result, Tally)
    assert (result.count, result.names) == (2, ["Ada"])


async def test_a_store_stands_on_its_own():
    store = InMemoryStateStore(DictState(a=1))

    await store.set("b.c", 2)

    assert await store.get("b.c") == 2
    assert (await store.get_state())["a"] == 1


async def test_a_later_run_goes_on_with_the_store_of_an_earlier_one():
    class Counting(Workflow):
        @step
        async def count(self, ctx: Context, ev: StartEvent) -> StopEvent:
            n = await ctx.store.get("n", default=0) + 1
            await ctx.store.set("n", n)
            return StopEvent(result=n)

    workflow = Counting()
    first = workflow.run()
    assert await first == 1

    assert await workflow.run(ctx=first.ctx) == 2


async def test_a_context_that_runs_cannot_be_run_again():
    workflow = Slow()
    handler = workflow.run()
    async for _ in handler.stream_events():
        break

    with pytest.raises(ContextStateError, match="Cannot start a new run while context is already running"):
        await workflow.run(ctx=handler.ctx)

    await handler.cancel_run()
    with pytest.raises(WorkflowCancelledByUser):
        await handler


async def test_what_belongs_into_a_step_is_refused_outside():
    handler = Chatty().run()
    await handler

    with pytest.raises(Exception, match="is only available from within step functions"):
        await handler.ctx.wait_for_event(Middle)


async def test_a_wrapper_of_a_step_has_its_context():
    def noting(function):
        @functools.wraps(function)
        async def wrapper(*args, **kwargs):
            ctx = Context.get_step_context()
            ctx.write_event_to_stream(Progress(msg=get_current_run_id()))
            return await function(*args, **kwargs)

        return wrapper

    class Wrapped(Workflow):
        @step
        @noting
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result=get_current_run_id())

    handler = Wrapped().run()
    shown = [event.msg async for event in handler.stream_events() if isinstance(event, Progress)]

    assert shown == [await handler] == [handler.run_id]
    with pytest.raises(WorkflowRuntimeError):
        Context.get_step_context()


# --------------------------------------------------------------------------- people


async def test_a_person_is_asked_by_events():
    class Asking(Workflow):
        @step
        async def ask(self, ev: StartEvent) -> InputRequiredEvent:
            return InputRequiredEvent(prefix="Your name? ")

        @step
        async def answer(self, ev: HumanResponseEvent) -> StopEvent:
            return StopEvent(result=f"Hello {ev.response}")

    handler = Asking().run()
    async for event in handler.stream_events():
        if isinstance(event, InputRequiredEvent):
            assert event.prefix == "Your name? "
            handler.ctx.send_event(HumanResponseEvent(response="Ada"))

    assert await handler == "Hello Ada"


async def test_a_person_is_asked_in_the_middle_of_a_step():
    class Asking(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            answer = await ctx.wait_for_event(
                HumanResponseEvent,
                waiter_event=InputRequiredEvent(prefix="Who?"),
                waiter_id="who",
                requirements={"user": "ada"},
            )
            return StopEvent(result=answer.response)

    handler = Asking().run()
    async for event in handler.stream_events():
        if isinstance(event, InputRequiredEvent):
            await handler.send_event(event=HumanResponseEvent(response="no", user="bob"), step=None)
            handler.ctx.send_event(HumanResponseEvent(response="yes", user="ada"))

    assert await handler == "yes"


async def test_a_wait_has_a_timeout():
    class Asking(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            try:
                await ctx.wait_for_event(HumanResponseEvent, timeout=0.05)
            except asyncio.TimeoutError:  # noqa: UP041  # as programs for the peer write it
                return StopEvent(result="nobody")
            return StopEvent(result="somebody")

    assert await Asking().run() == "nobody"


# --------------------------------------------------------------------------- fan-out, joins


async def test_a_list_is_worked_on_in_parallel_and_joined():
    class Task(Event):
        n: int

    class Done(Event):
        n: int

    class Fan(Workflow):
        @step
        async def spread(self, ev: StartEvent) -> list[Task]:
            return [Task(n=n) for n in range(5)]

        @step(num_workers=5)
        async def work(self, ev: Task) -> Done:
            return Done(n=ev.n * ev.n)

        @step
        async def join(self, done: list[Done]) -> StopEvent:
            return StopEvent(result=sorted(one.n for one in done))

    assert await Fan().run() == [0, 1, 4, 9, 16]


async def test_an_empty_list_is_joined_at_once():
    class Task(Event):
        pass

    class Done(Event):
        pass

    class Fan(Workflow):
        @step
        async def spread(self, ev: StartEvent) -> list[Task]:
            return []

        @step
        async def work(self, ev: Task) -> Done:
            return Done()

        @step
        async def join(self, done: list[Done]) -> StopEvent:
            return StopEvent(result=len(done))

    assert await Fan().run() == 0


async def test_a_join_may_take_the_first_few():
    class Task(Event):
        n: int

    class Done(Event):
        n: int

    class Race(Workflow):
        @step
        async def spread(self, ev: StartEvent) -> list[Task]:
            return [Task(n=n) for n in range(4)]

        @step(num_workers=4)
        async def work(self, ev: Task) -> Done:
            return Done(n=ev.n)

        @step
        async def join(self, done: Annotated[list[Done], Collect(Take(2))]) -> StopEvent:
            return StopEvent(result=len(done))

    assert await Race().run() == 2


async def test_a_step_with_two_events_waits_for_both():
    class Left(Event):
        n: int

    class Right(Event):
        n: int

    class Both(Workflow):
        @step
        async def left(self, ev: StartEvent) -> Left:
            return Left(n=1)

        @step
        async def right(self, ev: StartEvent) -> Right:
            return Right(n=2)

        @step
        async def join(self, one: Left, two: Right) -> StopEvent:
            return StopEvent(result=one.n + two.n)

    assert await Both().run() == 3


# --------------------------------------------------------------------------- failures and retries


class Flaky(Workflow):
    def __init__(self, **options):
        super().__init__(**options)
        self.calls = 0

    @step(retry_policy=retry_policy(retry=retry_if_exception_type(ConnectionError), wait=wait_none()))
    async def call(self, ctx: Context, ev: StartEvent) -> StopEvent:
        self.calls += 1
        if self.calls < 3:
            raise ConnectionError(self.calls)
        return StopEvent(result=(self.calls, ctx.retry_info().retry_number))


async def test_a_failed_step_is_tried_again():
    assert await Flaky().run() == (3, 2)


async def test_tries_come_to_an_end():
    class Hopeless(Workflow):
        calls = 0

        @step(retry_policy=ConstantDelayRetryPolicy(maximum_attempts=2, delay=0))
        async def call(self, ev: StartEvent) -> StopEvent:
            Hopeless.calls += 1
            raise ConnectionError("down")

    with pytest.raises(ConnectionError, match="down"):
        await Hopeless().run()

    assert Hopeless.calls == 2


def test_a_policy_is_asked_for_the_delay_before_the_next_try():
    policy = retry_policy(wait=wait_fixed(2), stop=stop_after_attempt(3))

    assert policy.next(0.0, 1, ValueError()) == 2
    assert policy.next(0.0, 3, ValueError()) is None


def test_a_policy_of_one_s_own_needs_one_method():
    class Mine:
        def next(self, elapsed_time, attempts, error, *, seed=None):
            return None

    policy: RetryPolicy = Mine()

    assert policy.next(0.0, 1, ValueError()) is None


def test_waits_grow_exponentially():
    policy = retry_policy(wait=wait_exponential(multiplier=1, exp_base=2, max=5), stop=stop_after_attempt(9))

    assert [policy.next(0.0, attempt, ValueError()) for attempt in (1, 2, 3, 4)] == [1, 2, 4, 5]


async def test_a_failure_is_caught_by_a_step_for_failures():
    class Caught(Failing):
        @catch_error
        async def recover(self, ev: StepFailedEvent) -> StopEvent:
            return StopEvent(result=(ev.step_name, str(ev.exception), ev.attempts))

    assert await Caught().run() == ("fail", "the well is dry", 1)


async def test_a_failure_is_caught_for_named_steps_only():
    class Caught(Failing):
        @step
        async def other(self, ev: Middle) -> StopEvent:
            return StopEvent()

        @step
        async def also(self, ev: StartEvent) -> Middle | None:
            return None

        @catch_error(for_steps=["other"])
        async def recover(self, ev: StepFailedEvent) -> StopEvent:
            return StopEvent(result="caught")

    with pytest.raises(ConnectionError):
        await Caught().run()


async def test_a_result_that_is_no_event_is_refused():
    class Wrong(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            return 42

    with pytest.raises(WorkflowRuntimeError, match="returned int instead of an Event instance"):
        await Wrong().run()


# --------------------------------------------------------------------------- resources, the graph, the runner


class Pump:
    made = 0

    def __init__(self):
        Pump.made += 1


def make_pump() -> Pump:
    return Pump()


async def test_a_resource_is_made_once_and_given_to_each_step():
    class Pumped(Workflow):
        @step
        async def begin(self, ev: StartEvent, pump: Annotated[Pump, Resource(make_pump)]) -> Middle:
            assert isinstance(pump, Pump)
            return Middle()

        @step
        async def end(self, ev: Middle, pump: Annotated[Pump, Resource(make_pump)]) -> StopEvent:
            return StopEvent(result=pump)

    Pump.made = 0

    assert isinstance(await Pumped(resource_manager=ResourceManager()).run(), Pump)
    assert Pump.made == 1


def test_the_graph_is_data():
    graph = get_workflow_representation(Chatty())

    assert isinstance(graph, WorkflowGraph)
    steps = [node.label for node in graph.nodes if node.node_type == "step"]
    assert sorted(steps) == ["begin", "end"]
    label = {node.id: node.label for node in graph.nodes}
    edges = {(label[edge.source], label[edge.target]) for edge in graph.edges}
    assert {("StartEvent", "begin"), ("begin", "Middle"), ("Middle", "end"), ("end", "StopEvent")} <= edges


async def test_the_runner_collects_what_a_run_shows():
    result = await WorkflowTestRunner(Chatty()).run(start_event=StartEvent(), expose_internal=False)

    assert isinstance(result, WorkflowTestResult)
    assert [type(event).__name__ for event in result.collected] == ["Progress"] * 3 + ["StopEvent"]
    assert result.event_types == Counter({Progress: 3, StopEvent: 1})
    assert result.result == "done"
    assert result.ctx is not None


async def test_the_runner_leaves_out_what_it_is_told_to():
    result = await WorkflowTestRunner(Chatty()).run(expose_internal=False, exclude_events=[Progress])

    assert [type(event) for event in result.collected] == [StopEvent]
