"""A run is used from inside of itself: a documented result or error each time, and never a wait without an end."""

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from tests.fuzz.nonsense import Ping, Pong

from stepwell import Context, Event, StartEvent, StopEvent, Workflow, WorkflowHandler, step
from stepwell.errors import (
    OwnRunError,
    RunLoopError,
    RunningContextError,
    WorkflowCancelledByUser,
    WorkflowTimeoutError,
)
from stepwell.testing import run_virtual

Hook = Callable[["Inward", Context[Any], StartEvent], Awaitable[Any]]
ThreadHook = Callable[["InThread", Context[Any]], Any]
LONGEST = 20.0


@pytest.fixture(autouse=True)
def _no_task_or_thread_is_left() -> Iterator[None]:
    threads = set(threading.enumerate())
    yield
    new = {thread.name for thread in set(threading.enumerate()) - threads}
    assert new <= {"stepwell-watchdog", "stepwell-step"}


class Inward(Workflow):
    """Shows an event, then does what a hook does, which gets the workflow with the ``handler`` of its run."""

    def __init__(self, hook: Hook, **options: Any) -> None:
        super().__init__(**{"timeout": None, "disable_validation": True, **options})
        self.hook = hook
        self.handler: Any = None
        self.finished: list[str] = []

    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent | Ping:
        ctx.write_event_to_stream(Ping())
        try:
            return StopEvent(await self.hook(self, ctx, ev))
        finally:
            self.finished.append("begin")

    @step
    async def pinged(self, ctx: Context, ev: Ping) -> None:
        ctx.write_event_to_stream(Pong())


class InThread(Workflow):
    """The same with a def step."""

    def __init__(self, hook: ThreadHook) -> None:
        super().__init__(timeout=None)
        self.hook = hook
        self.handler: Any = None

    @step
    def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(self.hook(self, ctx))


async def outcome(workflow: Any) -> Any:
    workflow.handler = workflow.run()
    return await asyncio.wait_for(awaited(workflow.handler), LONGEST)


async def awaited(handler: WorkflowHandler[Any]) -> Any:
    return await handler


def lived(hook: Hook, **options: Any) -> Any:
    return run_virtual(outcome(Inward(hook, **options)))


# A run within a step.


def test_a_step_may_run_another_workflow_to_its_end_by_run_sync() -> None:
    class Brief(Workflow):  # one of its own: the table of misuses adds steps to those it shares
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    async def hook(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
        return Brief().run_sync()

    assert asyncio.run(outcome(Inward(hook))) is None


@pytest.mark.parametrize("limit", [None, 1])
def test_a_step_may_run_its_own_workflow_by_run_sync(limit: int | None) -> None:
    async def hook(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
        return "the inner run" if "inner" in ev.to_dict() else workflow.run_sync(inner=True)

    assert asyncio.run(outcome(Inward(hook, num_concurrent_runs=limit))) == "the inner run"


@pytest.mark.parametrize(
    "use",
    [
        lambda outer: outer.ctx.send_event(Ping()),
        lambda outer: outer.send_event(Ping()),
        lambda outer: awaited(outer),
        lambda outer: outer.stop_event_result(),
        lambda outer: anext(aiter(outer.stream_events())),
        lambda outer: outer.cancel_run(),
        lambda outer: outer.ctx.to_dict(),
        lambda outer: outer.ctx.running_steps(),
    ],
    ids=["ctx.send_event", "send_event", "await", "stop_event_result", "stream", "cancel_run", "to_dict", "steps"],
)
def test_who_waits_within_run_sync_for_the_loop_that_it_blocks_is_told(use: Callable[[Any], Any]) -> None:
    async def inner(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
        result = use(outer.handler)
        return await result if asyncio.iscoroutine(result) or hasattr(result, "__await__") else result

    async def hook(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
        return Inward(inner).run_sync()

    outer = Inward(hook)

    with pytest.raises(RunLoopError, match=r"is blocked by run_sync\(\)"):
        asyncio.run(outcome(outer))


def test_a_step_may_begin_and_await_a_run_of_its_own_workflow() -> None:
    async def hook(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
        return "the inner run" if "inner" in ev.to_dict() else await workflow.run(inner=True)

    assert lived(hook) == "the inner run"


def test_a_step_that_awaits_a_run_for_which_its_own_holds_the_only_place_is_told() -> None:
    async def hook(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
        return await workflow.run(inner=True)

    with pytest.raises(OwnRunError, match="num_concurrent_runs=1"):
        lived(hook, num_concurrent_runs=1)


def test_a_run_that_a_step_begins_without_waiting_gets_the_only_place_afterwards() -> None:
    handlers: list[Any] = []

    async def hook(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
        if "inner" not in ev.to_dict():
            handlers.append(workflow.run(inner=True))
        return len(workflow.finished)

    async def main() -> tuple[Any, Any]:
        return await outcome(Inward(hook, num_concurrent_runs=1)), await handlers[0]

    assert run_virtual(main()) == (0, 1)


def test_a_child_of_the_same_workflow_needs_no_further_place() -> None:
    async def hook(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
        return "the child" if "inner" in ev.to_dict() else await ctx.run_child(workflow, inner=True)

    assert lived(hook, num_concurrent_runs=1) == "the child"


def test_a_step_cannot_begin_a_run_with_its_own_context() -> None:
    async def hook(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
        return await workflow.run(ctx=ctx)

    with pytest.raises(RunningContextError):
        lived(hook)


# A step that waits for the end of its own run.


async def await_it(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
    return await workflow.handler


async def ask_for_its_stop_event(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
    return await workflow.handler.stop_event_result()


async def await_it_once(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
    return await ctx.once("its end", awaited, workflow.handler)


async def await_it_in_a_child(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
    async def below(child: Inward, _: Context, __: StartEvent) -> Any:
        return await workflow.handler

    return await ctx.run_child(Inward(below))


async def await_it_in_the_background(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
    ctx.create_task(awaited(workflow.handler))
    await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "hook",
    [await_it, ask_for_its_stop_event, await_it_once, await_it_in_a_child, await_it_in_the_background],
)
def test_a_step_that_awaits_its_own_run_is_told(hook: Hook) -> None:
    with pytest.raises(OwnRunError, match="in step 'begin' would wait for ever"):
        asyncio.run(outcome(Inward(hook)))


@pytest.mark.parametrize(
    "hook",
    [
        lambda workflow, ctx: ctx.call(workflow.handler),
        lambda workflow, ctx: asyncio.run(awaited(workflow.handler)),
    ],
    ids=["by ctx.call", "in a loop of its own"],
)
def test_a_def_step_that_awaits_its_own_run_is_told(hook: ThreadHook) -> None:
    with pytest.raises(OwnRunError):
        asyncio.run(outcome(InThread(hook)))


def test_a_task_that_a_step_leaves_to_itself_may_await_the_run() -> None:
    tasks: list[asyncio.Task[Any]] = []

    async def hook(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
        tasks.append(asyncio.create_task(awaited(workflow.handler)))
        await asyncio.sleep(1)
        return "the end"

    async def main() -> list[Any]:
        return [await outcome(Inward(hook)), await tasks[0]]

    assert run_virtual(main()) == ["the end", "the end"]


def test_a_step_that_waits_for_such_a_task_runs_into_the_time_limit() -> None:
    async def hook(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
        return await asyncio.create_task(awaited(workflow.handler))

    with pytest.raises(WorkflowTimeoutError, match="begin"):
        lived(hook, timeout=5)


# A step that reads its own run's stream, or talks to it.


def test_a_step_may_read_its_own_stream_and_leave_it() -> None:
    async def hook(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
        ctx.send_event(Ping())
        seen = []
        async for event in workflow.handler.stream_events():
            seen.append(event)
            if isinstance(event, Pong):
                break
        return len(seen)

    assert lived(hook) == 2


def test_a_step_that_reads_its_own_stream_to_the_end_runs_into_the_time_limit() -> None:
    async def hook(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
        return [event async for event in workflow.handler.stream_events()]

    with pytest.raises(WorkflowTimeoutError, match="begin"):
        lived(hook, timeout=5)


class Echoed(Event):
    number: int


class Echoes(Workflow):
    """Shows what it is sent, until it was sent the tenth."""

    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> None:
        ctx.write_event_to_stream(Echoed(number=0))

    @step
    async def echo(self, ctx: Context, ev: Echoed) -> StopEvent | None:
        ctx.write_event_to_stream(ev)
        return StopEvent("ten") if ev.number == 10 else None


def test_who_reads_a_stream_may_send_from_there() -> None:
    async def main() -> Any:
        handler = Echoes(disable_validation=True).run(external_events=True)
        async for event in handler.stream_events():
            if isinstance(event, Echoed) and event.number < 10:
                await handler.send_event(Echoed(number=event.number + 1))
        return await handler

    assert run_virtual(main()) == "ten"


def test_tasks_that_share_an_iterator_share_its_events_and_both_come_to_the_end() -> None:
    async def hook(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
        await asyncio.sleep(1)

    async def main() -> list[Any]:
        handler = Inward(hook).run()
        stream = handler.stream_events()

        async def read() -> list[str]:
            return [type(event).__name__ async for event in stream]

        results = await asyncio.gather(read(), read())
        await handler
        return results

    first, second = run_virtual(main())

    assert sorted(first + second) == ["Ping", "StopEvent"]


# A step that ends its own run.


async def cancel_and_wait(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
    await workflow.handler.cancel_run()


async def cancel_and_go_on(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
    workflow.handler.cancel()
    await asyncio.sleep(LONGEST)


async def cancel_in_the_background(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
    ctx.create_task(workflow.handler.cancel_run())
    await asyncio.sleep(LONGEST)


async def cancel_once(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
    await ctx.once("cancel", workflow.handler.cancel_run)


async def cancel_from_a_child(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
    async def below(child: Inward, _: Context, __: StartEvent) -> Any:
        await workflow.handler.cancel_run()

    await ctx.run_child(Inward(below))


async def cancel_stubbornly(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
    try:
        await workflow.handler.cancel_run()
    except asyncio.CancelledError:
        await workflow.handler.cancel_run()


@pytest.mark.parametrize(
    "hook",
    [
        cancel_and_wait,
        cancel_and_go_on,
        cancel_in_the_background,
        cancel_once,
        cancel_from_a_child,
        cancel_stubbornly,
    ],
)
def test_a_step_may_cancel_its_own_run(hook: Hook) -> None:
    async def main() -> list[str]:
        workflow = Inward(hook)
        with pytest.raises(WorkflowCancelledByUser):
            await outcome(workflow)
        await asyncio.sleep(0)
        return workflow.finished

    assert run_virtual(main()) == ["begin"]


@pytest.mark.parametrize(
    "hook",
    [lambda workflow, ctx: ctx.call(workflow.handler.cancel_run()), lambda workflow, ctx: workflow.handler.cancel()],
    ids=["cancel_run", "cancel"],
)
def test_a_def_step_may_cancel_its_own_run(hook: ThreadHook) -> None:
    with pytest.raises(WorkflowCancelledByUser):
        asyncio.run(outcome(InThread(hook)))


# A step that writes itself down.


def test_a_step_may_take_a_snapshot_of_its_own_run_also_while_it_edits_the_state() -> None:
    async def hook(workflow: Inward, ctx: Context, ev: StartEvent) -> Any:
        async with ctx.store.edit_state() as state:
            state.draft = "not there yet"
            return "draft" in str(ctx.to_dict())

    assert lived(hook) is False


def test_after_all_of_it_nothing_is_left_to_complain() -> None:
    gc.collect()
