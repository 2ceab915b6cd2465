"""``def`` steps run in threads, and may use their context from there."""

import asyncio
import contextvars
import logging
import subprocess
import sys
import textwrap
import threading

import pytest

from stepwell import Context, Event, HumanResponseEvent, StartEvent, StopEvent, Workflow, step
from stepwell.errors import (
    AttemptOverError,
    StepTimeoutError,
    WorkflowCancelledByUser,
    WorkflowStepDoesNotExistError,
    WrongThreadError,
)


class Item(Event):
    number: int


class Tick(Event):
    number: int


class Answer(HumanResponseEvent):
    text: str


VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


async def test_a_def_step_runs_outside_of_the_loop_s_thread() -> None:
    class Plain(Workflow):
        @step
        def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent(threading.get_ident())

    assert await Plain().run() != threading.get_ident()


async def test_the_loop_goes_on_while_a_def_step_blocks() -> None:
    release = threading.Event()

    class Blocks(Workflow):
        @step
        def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent(release.wait(5))

    handler = Blocks().run()
    await asyncio.sleep(0)
    release.set()

    assert await handler is True


async def test_def_steps_run_side_by_side() -> None:
    meet = threading.Barrier(3, timeout=5)

    class Three(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> list[Item]:
            return [Item(number=number) for number in range(3)]

        @step
        def work(self, ev: Item) -> Tick:
            meet.wait()
            return Tick(number=ev.number)

        @step
        async def join(self, evs: list[Tick]) -> StopEvent:
            return StopEvent(len(evs))

    assert await Three().run() == 3


async def test_a_def_step_may_send_and_write_in_order() -> None:
    class Talks(Workflow):
        @step
        def begin(self, ctx: Context, ev: StartEvent) -> Item | None:
            for number in range(3):
                ctx.write_event_to_stream(Tick(number=number))
            ctx.send_event(Item(number=9))
            return None

        @step
        async def finish(self, ev: Item) -> StopEvent:
            return StopEvent(ev.number)

    handler = Talks().run()

    events = [event async for event in handler.stream_events()]

    assert [event["number"] for event in events[:-1]] == [0, 1, 2]
    assert await handler == 9


async def test_a_mistake_in_a_call_is_raised_in_the_thread() -> None:
    class Typo(Workflow):
        @step
        def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
            with pytest.raises(WorkflowStepDoesNotExistError, match="Step finsh does not exist"):
                ctx.send_event(Item(number=1), step="finsh")
            return StopEvent("noticed")

    assert await Typo().run() == "noticed"


async def test_a_def_step_may_await_through_call() -> None:
    class Asks(Workflow):
        @step
        def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            async def compute() -> int:
                await asyncio.sleep(0)
                return threading.get_ident()

            return StopEvent(ctx.call(compute()))

    assert await Asks().run() == threading.get_ident()


async def test_an_exception_in_what_is_called_is_raised_in_the_thread() -> None:
    class Asks(Workflow):
        @step
        def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            async def burst() -> None:
                raise KeyError("inside")

            with pytest.raises(KeyError, match="inside"):
                ctx.call(burst())
            return StopEvent("caught")

    assert await Asks().run() == "caught"


async def test_a_def_step_may_wait_for_an_event() -> None:
    class Asks(Workflow):
        @step
        def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(ctx.call(ctx.wait_for_event(Answer, Tick(number=1))).text)

    handler = Asks().run()
    async for event in handler.stream_events():
        if isinstance(event, Tick):
            await handler.send_event(Answer(text="hello"))

    assert await handler == "hello"


async def test_an_async_step_must_await_instead_of_call() -> None:
    class Wrong(Workflow):
        @step
        async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            ctx.call(asyncio.sleep(0))
            return StopEvent()

    with pytest.raises(WrongThreadError, match="In an async step, await the coroutine instead"):
        await Wrong().run()


async def test_a_def_step_may_start_a_background_task() -> None:
    class Starts(Workflow):
        @step
        def only(self, ctx: Context, ev: StartEvent) -> StopEvent | None:
            async def later() -> None:
                ctx.send_event(StopEvent("from the task"))

            ctx.create_task(later())
            return None

    assert await Starts().run() == "from the task"


async def test_a_def_step_sees_the_context_variables_of_the_caller() -> None:
    class Reads(Workflow):
        @step
        def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent(VARIABLE.get())

    VARIABLE.set("from the caller")

    assert await Reads().run() == "from the caller"


async def test_the_exception_of_a_def_step_reaches_the_awaiter_as_itself() -> None:
    class Bursts(Workflow):
        @step
        def only(self, ev: StartEvent) -> StopEvent:
            raise ValueError("in the thread")

    with pytest.raises(ValueError, match="in the thread") as caught:
        await Bursts().run()

    assert "in step 'only'" in caught.value.__notes__[0]


class Stuck(Workflow):
    """Its thread cannot be stopped; it notes what its context says to it later."""

    def __init__(self) -> None:
        super().__init__()
        self.began = asyncio.Event()
        self.release = threading.Event()
        self.over = threading.Event()
        self.refusal: BaseException | None = None

    @step
    def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
        ctx.call(self.note())
        self.release.wait(10)
        try:
            ctx.send_event(Item(number=1))
        except AttemptOverError as error:
            self.refusal = error
        finally:
            self.over.set()
        return StopEvent("unheard")

    async def note(self) -> None:
        self.began.set()


async def test_a_cancelled_thread_is_named_at_once_and_its_context_refuses_further_use(
    caplog: pytest.LogCaptureFixture,
) -> None:
    workflow = Stuck()
    handler = workflow.run()
    await workflow.began.wait()

    with caplog.at_level(logging.WARNING, "stepwell.runtime"):
        await handler.cancel_run()
    workflow.release.set()
    await asyncio.to_thread(workflow.over.wait, 5)

    with pytest.raises(WorkflowCancelledByUser):
        await handler
    assert "step 'only' was told to stop (cancelled), but its thread cannot be stopped" in caplog.text
    assert isinstance(workflow.refusal, AttemptOverError)
    assert "this attempt at step 'only' was cancelled" in str(workflow.refusal)


async def test_a_thread_that_takes_too_long_is_a_step_timeout() -> None:
    release = threading.Event()

    class Slow(Workflow):
        @step(timeout=0.01)
        def only(self, ev: StartEvent) -> StopEvent:
            release.wait(5)
            return StopEvent()

    with pytest.raises(StepTimeoutError):
        await Slow().run()
    release.set()


def test_a_stuck_thread_does_not_delay_the_process_s_exit() -> None:
    program = """
        import asyncio, threading
        from stepwell import StartEvent, StopEvent, Workflow, step

        class Stuck(Workflow):
            @step(timeout=0.01)
            def only(self, ev: StartEvent) -> StopEvent:
                threading.Event().wait()
                return StopEvent()

        async def main():
            try:
                await Stuck().run()
            except TimeoutError:
                print("timed out")

        asyncio.run(main())
    """

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=20, check=True
    )

    assert done.stdout == "timed out\n"


async def test_a_thread_that_waits_is_let_go_with_its_run_also_beside_a_background_task() -> None:
    ended = threading.Event()

    class Waits(Workflow):
        @step
        def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            ctx.create_task(self.listen(ctx))
            try:
                ctx.call(ctx.wait_for_event(Answer, Tick(number=1)))
            finally:
                ended.set()
            return StopEvent()

        async def listen(self, ctx: Context) -> None:
            await ctx.wait_for_event(Item)

    handler = Waits().run()
    assert await anext(handler.stream_events()) == Tick(number=1)
    await handler.cancel_run()

    assert await asyncio.to_thread(ended.wait, 5)
    assert handler.ctx.awaited_events == ()


class Pair(Event):
    pass


async def test_threads_that_collect_side_by_side_never_take_each_others_events() -> None:
    class Collects(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Item | None:
            for number in range(200):
                ctx.send_event(Item(number=number))
            return None

        @step(num_workers=8)
        def pair(self, ctx: Context, ev: Item) -> Pair | None:
            return Pair() if ctx.collect_events(ev, [Item] * 2) else None

        @step
        async def finish(self, ctx: Context, ev: Pair) -> StopEvent | None:
            return StopEvent("all") if ctx.collect_events(ev, [Pair] * 100) else None

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        results = [await Collects(timeout=20).run() for _ in range(3)]
    finally:
        sys.setswitchinterval(interval)

    assert results == ["all"] * 3
