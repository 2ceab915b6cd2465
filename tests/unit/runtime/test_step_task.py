"""The task that an attempt is: whoever asks asyncio about it, from within or without, gets true answers."""

import asyncio
import contextlib
import contextvars
import gc
import sys
import weakref
from typing import Any

import anyio
import pytest
from tests.unit.runtime.virtual_loop import virtually

from stepwell import Context, Event, StartEvent, StepFailedEvent, StopEvent, Workflow, catch_error, step
from stepwell.runtime._step_task import FREE_RUNNERS
from stepwell.runtime._watchdog import WATCHDOG

WHO: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")


class Second(Event):
    pass


def workflow_of(body: Any) -> Workflow:
    class One(Workflow):
        @step
        async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(result=await body(ctx))

    return One()


@virtually
async def test_a_body_is_the_current_task_from_its_first_line_and_after_each_wait() -> None:
    async def body(ctx: Context) -> list[Any]:
        seen = [asyncio.current_task()]
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())
        await asyncio.sleep(1)
        seen.append(asyncio.current_task())
        return seen

    first, second, third = await workflow_of(body).run()

    assert first is second is third
    assert first.get_name() == "only"
    assert first is not asyncio.current_task()


@virtually
async def test_a_body_that_waits_is_among_all_tasks_with_its_stack() -> None:
    async def body(ctx: Context) -> None:
        await asyncio.sleep(1)

    handler = workflow_of(body).run()
    await asyncio.sleep(0.5)
    (task,) = [task for task in asyncio.all_tasks() if task.get_name() == "only"]
    lines = [frame.f_code.co_name for frame in task.get_stack()]
    await handler

    assert lines == ["only", "body", "sleep"]
    assert task.done()
    assert task not in asyncio.all_tasks()


@virtually
async def test_each_body_has_context_variables_of_its_own() -> None:
    class Two(Workflow):
        @step
        async def sets(self, ev: StartEvent) -> Second:
            WHO.set("sets")
            await asyncio.sleep(0)
            assert WHO.get() == "sets"
            return Second()

        @step
        async def reads(self, ev: Second) -> StopEvent:
            return StopEvent(result=WHO.get())

    WHO.set("the caller")

    assert await Two().run() == "the caller"
    assert WHO.get() == "the caller"


@virtually
async def test_asyncio_timeout_ends_only_what_it_surrounds() -> None:
    async def body(ctx: Context) -> str:
        try:
            async with asyncio.timeout(1):
                await asyncio.sleep(10)
        except TimeoutError:
            await asyncio.sleep(1)
            return "went on"
        return "never"

    assert await workflow_of(body).run() == "went on"


@virtually
async def test_a_task_group_in_a_body_cancels_the_body_where_it_waits_and_only_there() -> None:
    async def fails() -> None:
        await asyncio.sleep(1)
        raise KeyError("child")

    async def body(ctx: Context) -> str:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fails())
                await asyncio.sleep(10)
        except* KeyError:
            pass
        task = asyncio.current_task()
        assert task is not None
        return f"cancelling {task.cancelling()}"

    assert await workflow_of(body).run() == "cancelling 0"


@virtually
async def test_a_body_may_cancel_itself_and_take_that_back() -> None:
    async def body(ctx: Context) -> list[int]:
        task = asyncio.current_task()
        assert task is not None
        task.cancel("by itself")
        counts: list[Any] = [task.cancelling()]
        said: tuple[Any, ...] = ()
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError as error:
            said = error.args
            counts.append(task.uncancel())
        await asyncio.sleep(1)
        return [*counts, *said]

    assert await workflow_of(body).run() == [1, 0, "by itself"]


@virtually
async def test_the_cancel_scopes_of_anyio_know_the_body_as_their_host() -> None:
    async def body(ctx: Context) -> tuple[bool, str]:
        with anyio.move_on_after(1) as scope:
            await anyio.sleep(10)
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 1)
        return scope.cancelled_caught, "done"

    assert await workflow_of(body).run() == (True, "done")


@virtually
async def test_others_may_await_the_task_of_a_body_and_are_told_of_its_end() -> None:
    told: list[Any] = []
    kept: list[Any] = []

    async def body(ctx: Context) -> None:
        kept.append(asyncio.current_task())
        await asyncio.sleep(1)

    handler = workflow_of(body).run()
    await asyncio.sleep(0.5)
    (task,) = kept
    task.add_done_callback(told.append)
    with pytest.raises(asyncio.InvalidStateError):
        task.result()
    with pytest.raises(asyncio.InvalidStateError):
        task.exception()
    await asyncio.wait([task])
    await asyncio.gather(task)
    await handler

    assert told == [task]
    assert (task.result(), task.exception(), task.cancelled(), task.cancel()) == (None, None, False, False)


@virtually
async def test_a_callback_that_was_taken_back_is_not_called() -> None:
    told: list[Any] = []
    kept: list[Any] = []

    async def body(ctx: Context) -> None:
        kept.append(asyncio.current_task())
        await asyncio.sleep(1)

    handler = workflow_of(body).run()
    await asyncio.sleep(0.5)
    kept[0].add_done_callback(told.append)
    removed = kept[0].remove_done_callback(told.append)
    await handler
    await asyncio.sleep(0)

    assert (removed, told) == (1, [])


@virtually
async def test_a_body_that_awaits_itself_is_told_so() -> None:
    async def body(ctx: Context) -> str:
        task = asyncio.current_task()
        assert task is not None
        try:
            await task
        except RuntimeError as error:
            return str(error)
        return "never"

    assert "cannot await itself" in await workflow_of(body).run()


class _Yields:
    def __init__(self, value: object) -> None:
        self.value = value

    def __await__(self) -> Any:
        yield self.value


@virtually
async def test_a_body_that_awaits_what_no_loop_understands_is_told_so() -> None:
    other = asyncio.new_event_loop()
    foreign = other.create_future()
    foreign._asyncio_future_blocking = True

    async def body(ctx: Context) -> list[str]:
        said = []
        for value in ("nonsense", asyncio.get_running_loop().create_future(), foreign):
            try:
                await _Yields(value)
            except RuntimeError as error:
                said.append(str(error))
        return said

    bad, not_from, elsewhere = await workflow_of(body).run()
    other.close()

    assert "bad yield" in bad
    assert "instead of yield from" in not_from
    assert "another event loop" in elsewhere


@virtually
async def test_a_step_may_be_wrapped_in_a_function_that_returns_any_awaitable() -> None:
    class Later:
        def __init__(self, event: Event) -> None:
            self.event = event

        def __await__(self) -> Any:
            yield from asyncio.sleep(1).__await__()
            return self.event

    class Wrapped(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    ready = Wrapped()._compiled().ready[0]
    ready.function = lambda workflow, ev: Later(StopEvent(result="later"))

    assert await Wrapped().run() == "later"


@virtually
async def test_who_listens_hears_of_an_event_before_the_next_body_begins() -> None:
    order: list[str] = []

    class Two(Workflow):
        @step
        async def says(self, ctx: Context, ev: StartEvent) -> Second:
            ctx.write_event_to_stream(Second())
            return Second()

        @step
        async def next(self, ev: Second) -> StopEvent:
            order.append("next body")
            return StopEvent()

    handler = Two().run()
    async for event in handler.stream_events():
        order.append(type(event).__name__)  # noqa: PERF401  # a comprehension would tell too late

    assert order == ["Second", "next body", "StopEvent"]


@virtually
async def test_a_long_chain_that_never_waits_lets_the_others_in_the_loop_go_on() -> None:
    class Link(Event):
        number: int

    class Chain(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Link:
            return Link(number=0)

        @step
        async def loop(self, ev: Link) -> Link | StopEvent:
            return Link(number=ev.number + 1) if ev.number < 1_000 else StopEvent()

    turns = 0
    handler = Chain().run()
    while not handler.is_done():
        await asyncio.sleep(0)
        turns += 1

    assert turns > 1_000 / 20


@virtually
async def test_a_run_cancelled_before_its_first_body_began_never_begins_it() -> None:
    begun: list[str] = []

    async def body(ctx: Context) -> None:
        begun.append("begun")

    raised: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
    handler = workflow_of(body).run()
    await handler.cancel_run()
    await asyncio.sleep(0)

    assert begun == []
    assert raised == []
    assert handler.cancelled()


@virtually
async def test_print_stack_names_the_line_that_waits(capsys: pytest.CaptureFixture[str]) -> None:
    async def body(ctx: Context) -> None:
        await asyncio.sleep(1)

    handler = workflow_of(body).run()
    await asyncio.sleep(0.5)
    (task,) = [task for task in asyncio.all_tasks() if task.get_name() == "only"]
    task.print_stack()
    await handler

    assert "await asyncio.sleep(1)" in capsys.readouterr().out


class Pause(Event):
    number: int


class Done(Event):
    number: int


class Manifold(Workflow):
    """Many bodies that wait at once; each third fails, each third is cancelled out of its wait."""

    @step
    async def begin(self, ev: StartEvent) -> list[Pause]:
        return [Pause(number=number) for number in range(90)]

    @step(num_workers=90)
    async def wait(self, ev: Pause) -> Done:
        try:
            async with asyncio.timeout(0.5 if ev.number % 3 == 2 else None):
                await asyncio.sleep(1)
        except TimeoutError:
            await asyncio.sleep(0)
        if ev.number % 3 == 1:
            raise ValueError(ev.number)
        return Done(number=ev.number)

    @catch_error
    async def keep(self, ev: StepFailedEvent) -> Done:
        return Done(number=ev.input_event.number)

    @step
    async def join(self, evs: list[Done]) -> StopEvent:
        return StopEvent(result=sorted(ev.number for ev in evs))


@virtually
async def test_a_runner_serves_one_body_after_the_other_and_few_are_kept() -> None:
    loop = asyncio.get_running_loop()

    for _ in range(2):
        assert await Manifold().run() == list(range(90))
    runners = WATCHDOG.host(loop).runners

    assert 16 < len(runners) <= FREE_RUNNERS + 2
    assert len(set(runners)) == len(runners)


@virtually
async def test_a_runner_that_is_free_holds_nothing_of_its_last_body() -> None:
    taken: list[weakref.ref[Any]] = []

    class Two(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Second:
            taken.append(weakref.ref(ev))
            return Second()

        @step
        async def end(self, ev: Second) -> StopEvent:
            taken.append(weakref.ref(ev))
            await asyncio.sleep(1)
            last = StopEvent()
            taken.append(weakref.ref(last))
            return last

    await Two().run()

    assert WATCHDOG.host(asyncio.get_running_loop()).runners
    assert [one() for one in taken] == [None, None, None]


@virtually
async def test_a_runner_that_is_free_does_not_hold_the_function_of_its_last_body() -> None:
    def workflow_and_what_its_step_knows() -> tuple[Workflow, weakref.ref[Any]]:
        known = Second()

        class Knowing(Workflow):
            @step
            async def only(self, ev: StartEvent) -> StopEvent:
                return StopEvent(result=known is not None)

        return Knowing(), weakref.ref(known)

    workflow, known = workflow_and_what_its_step_knows()
    assert await workflow.run()
    del workflow
    gc.collect()

    assert WATCHDOG.host(asyncio.get_running_loop()).runners
    assert known() is None


@virtually
async def test_a_body_that_only_yields_is_among_all_tasks() -> None:
    seen: list[bool] = []

    async def body(ctx: Context) -> StopEvent:
        task = asyncio.current_task()
        asyncio.get_running_loop().call_soon(lambda: seen.append(task in asyncio.all_tasks()))
        await asyncio.sleep(0)
        return StopEvent()

    await workflow_of(body).run()

    assert seen == [True]


@virtually
async def test_a_body_may_run_a_workflow_while_its_own_runner_waits_with_it() -> None:
    async def inner(ctx: Context) -> str:
        return "of the inner run"

    async def outer(ctx: Context) -> Any:
        return [await workflow_of(inner).run(), await workflow_of(inner).run()]

    assert await workflow_of(outer).run() == ["of the inner run"] * 2


@virtually
async def test_a_stop_iteration_in_a_body_fails_its_step_and_nothing_else() -> None:
    class Early:
        def __await__(self) -> Any:
            raise StopIteration("too early")

    async def body(ctx: Context) -> Any:
        return await Early()

    with pytest.raises(RuntimeError, match="StopIteration"):
        await workflow_of(body).run()
    assert await workflow_of(lambda ctx: asyncio.sleep(0, "after it")).run() == "after it"


@virtually
@pytest.mark.parametrize("goes_on", [False, True])
async def test_a_generator_exit_that_is_awaited_is_an_exception_like_others(goes_on: bool) -> None:
    class Catches(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            future = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(1, future.set_exception, GeneratorExit("from elsewhere"))
            try:
                await future
            except GeneratorExit as error:
                if goes_on:
                    await asyncio.sleep(1)
                    await asyncio.sleep(1)
                return StopEvent(result=str(error))
            return StopEvent()

    assert await Catches().run() == "from elsewhere"
    assert await Catches().run() == "from elsewhere"


@virtually
async def test_an_exception_that_a_body_has_handled_is_not_handled_any_more() -> None:
    async def body(ctx: Context) -> tuple[Any, ...]:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(1, future.set_exception, ValueError("handled"))
        with contextlib.suppress(ValueError):
            await future
        return sys.exc_info()

    assert await workflow_of(body).run() == (None, None, None)


@virtually
async def test_a_function_that_raises_a_stop_iteration_is_named() -> None:
    class Stops(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    def raises(workflow: Stops, ev: StartEvent) -> Any:
        raise StopIteration

    workflow = Stops()
    workflow._compiled().ready[0].function = raises
    with pytest.raises(RuntimeError, match="the function of step 'only' raised StopIteration"):
        await workflow.run()
