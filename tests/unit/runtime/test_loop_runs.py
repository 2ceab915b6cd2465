"""A program that ends ends its runs: they are a task of their loop, which ``asyncio.run`` cancels with the others."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

import anyio
import pytest
from tests.unit.runtime.virtual_loop import passed_since, virtually

from stepwell import (
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    Resource,
    StartEvent,
    StopEvent,
    Workflow,
    WorkflowHandler,
    step,
)
from stepwell.errors import WorkflowCancelledByUser
from stepwell.flow.retry import ConstantDelayRetryPolicy


class Part(Event):
    number: int


class Done(Event): ...


class Parts(Workflow):
    """Splits its work, and notes what its bodies do."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(timeout=None, **settings)
        self.notes: list[str] = []

    @step
    async def split(self, ev: StartEvent) -> list[Part]:
        return [Part(number=number) for number in range(3)]

    @step(num_workers=2)
    async def work(self, ev: Part) -> Done:
        self.notes.append(f"begun {ev.number}")
        try:
            await asyncio.sleep(20)
        finally:
            self.notes.append(f"ended {ev.number}")
        return Done()

    @step
    async def join(self, ev: list[Done]) -> StopEvent:
        return StopEvent()


class Fails(Workflow):
    """Fails, and waits for long before it tries again."""

    @step(retry_policy=ConstantDelayRetryPolicy(delay=30, maximum_attempts=2))
    async def fail(self, ev: StartEvent) -> StopEvent:
        raise ValueError("not yet")


class Asks(Workflow):
    """Waits for a person, with no body in flight."""

    @step
    async def ask(self, ev: StartEvent) -> InputRequiredEvent:
        return InputRequiredEvent(prefix="and?")

    @step
    async def take(self, ev: HumanResponseEvent) -> StopEvent:
        return StopEvent()


def left_by_main(workflow: Workflow[Any, Any], *, turns: int = 0) -> WorkflowHandler[Any]:
    """Return the handler of a run whose program is over some turns after it began."""

    async def main() -> WorkflowHandler[Any]:
        handler = workflow.run()
        for _ in range(turns):
            await asyncio.sleep(0)
        return handler

    return asyncio.run(main())


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 4, 5])
def test_bodies_that_have_begun_run_their_finally_and_no_others_begin(turns: int) -> None:
    workflow = Parts()

    handler = left_by_main(workflow, turns=turns)

    begun = {note.removeprefix("begun ") for note in workflow.notes if note.startswith("begun")}
    ended = {note.removeprefix("ended ") for note in workflow.notes if note.startswith("ended")}
    assert begun == ended  # how many depends on the machine: bodies begin for a millisecond at a time
    assert "2" not in begun
    assert handler.status == "cancelled"


@pytest.mark.parametrize("workflow", [Fails(timeout=None), Asks(timeout=None)], ids=["retrying", "waiting"])
def test_a_run_with_no_body_in_flight_ends_too(workflow: Workflow[Any, Any]) -> None:
    handler = left_by_main(workflow, turns=5)

    assert handler.status == "cancelled"
    assert handler.recent_attempts()


def test_the_error_of_such_a_run_says_what_ended_it() -> None:
    handler = left_by_main(Asks(timeout=None), turns=5)

    with pytest.raises(WorkflowCancelledByUser, match=r"as asyncio\.run\(\) does.*Await the handler before") as caught:
        handler.get_stop_event()

    assert caught.value.with_loop


def test_runs_that_stand_in_line_never_begin() -> None:
    workflow = Parts(num_concurrent_runs=1)

    async def main() -> list[WorkflowHandler[Any]]:
        handlers = [workflow.run() for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return handlers

    handlers = asyncio.run(main())

    assert [handler.status for handler in handlers] == ["cancelled"] * 3
    assert sorted(workflow.notes) == ["begun 0", "begun 1", "ended 0", "ended 1"]


def test_a_run_that_nobody_waited_for_is_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        Parts().run()
        Parts().run()
        Fails().run()
        Asks(timeout=None).run()
        for _ in range(5):
            await asyncio.sleep(0)

    with caplog.at_level(logging.WARNING, logger="stepwell"):
        asyncio.run(main())

    (record,) = caplog.records
    assert "that nobody waited for" in record.getMessage()
    assert "2 of Parts" in record.getMessage()
    assert "1 of Fails" in record.getMessage()
    assert "Asks" not in record.getMessage()  # it rests, and can wait for its person in a snapshot


async def await_it(handler: WorkflowHandler[Any]) -> None:
    await handler


async def listen(handler: WorkflowHandler[Any]) -> None:
    async for _ in handler.stream_events():
        pass


@pytest.mark.parametrize("wait", [await_it, listen])
def test_a_run_that_somebody_waits_for_is_not(
    wait: Callable[[WorkflowHandler[Any]], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        task = asyncio.ensure_future(wait(Parts().run()))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not task.done()

    with caplog.at_level(logging.WARNING, logger="stepwell"):
        asyncio.run(main())

    assert caplog.records == []


def test_a_run_that_has_its_result_keeps_it_when_its_teardown_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    story: list[str] = []

    async def session() -> AsyncIterator[str]:
        yield "session"
        story.append("closing")
        try:
            await asyncio.sleep(20)
        finally:
            story.append("cut off")

    class Session(Workflow):
        @step
        async def begin(self, ev: StartEvent, one: Annotated[str, Resource(session, scope="run")]) -> StopEvent:
            return StopEvent(result=one)

    handler = left_by_main(Session(), turns=5)

    assert story == ["closing", "cut off"]
    assert handler.exception() is None
    assert handler.status == "completed"
    assert caplog.records == []


def test_a_run_that_begins_in_a_finally_may_end_its_work() -> None:
    cleaned: list[str] = []

    class Cleans(Workflow):
        @step
        async def clean(self, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(0)
            cleaned.append("all")
            return StopEvent()

    class Holds(Workflow):
        @step
        async def hold(self, ctx: Context, ev: StartEvent) -> StopEvent:
            try:
                await asyncio.sleep(20)
            finally:
                await Cleans().run()
            return StopEvent()

    handler = left_by_main(Holds(), turns=3)

    assert handler.status == "cancelled"
    assert cleaned == ["all"]


def test_a_run_that_begins_in_a_finally_and_is_left_keeps_nobody_waiting() -> None:
    class Holds(Workflow):
        @step
        async def hold(self, ctx: Context, ev: StartEvent) -> StopEvent:
            try:
                await asyncio.sleep(20)
            finally:
                Asks(timeout=None).run()
            return StopEvent()

    assert left_by_main(Holds(), turns=3).status == "cancelled"


@virtually
async def test_who_cancels_all_tasks_of_a_loop_ends_its_runs_and_their_streams() -> None:
    handler = Parts().run()
    await asyncio.sleep(0.5)

    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    kinds = [type(event).__name__ async for event in handler.stream_events()]

    assert kinds == ["WorkflowCancelledEvent"]
    assert handler.status == "cancelled"


@virtually
async def test_bodies_that_have_not_begun_never_do() -> None:
    workflow = Parts()
    handler = workflow.run()

    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    with pytest.raises(WorkflowCancelledByUser):
        await handler

    assert workflow.notes == []


@virtually
async def test_a_step_that_cancels_all_other_tasks_and_waits_for_them_ends_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    main, start = asyncio.current_task(), asyncio.get_running_loop().time()

    class Shuts(Workflow):
        @step
        async def shut(self, ev: StartEvent) -> StopEvent:
            others = asyncio.all_tasks() - {asyncio.current_task(), main}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            return StopEvent()

    other, handler = Parts().run(), Shuts().run()
    with pytest.raises(WorkflowCancelledByUser):
        await handler

    assert passed_since(start) == 0
    assert other.status == "cancelled"
    assert "ignores its cancellation" not in caplog.text


@virtually
async def test_waiting_for_the_runs_of_a_loop_together_can_be_cancelled() -> None:
    handler = Parts().run()
    await asyncio.sleep(0.5)
    together = asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(together, 1)

    assert handler.status == "cancelled"


@virtually
async def test_a_loop_whose_runs_were_cancelled_runs_others_and_cancels_those_too() -> None:
    for _ in range(2):
        workflow = Parts()
        handler = workflow.run()
        (task,) = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.sleep(0.5)
        assert task.cancel()
        assert not task.done()
        await asyncio.gather(task)
        assert task.done()
        assert not task.cancel()
        assert workflow.notes[-1].startswith("ended")
        assert handler.status == "cancelled"


@virtually
async def test_who_waits_for_all_tasks_of_a_loop_waits_for_its_runs() -> None:
    handlers = [Parts().run() for _ in range(2)]
    (task,) = asyncio.all_tasks() - {asyncio.current_task()}

    done, pending = await asyncio.wait([task])

    assert (done, pending) == ({task}, set())
    assert [handler.status for handler in handlers] == ["completed"] * 2
    assert not asyncio.all_tasks() - {asyncio.current_task()}


@virtually
async def test_the_task_of_a_loop_s_runs_can_be_looked_at() -> None:
    handler = Asks(timeout=None).run()
    (task,) = asyncio.all_tasks() - {asyncio.current_task()}

    assert (task.get_name(), repr(task), task.get_stack()) == ("stepwell runs", "<LoopRuns: 1 under way>", [])
    with pytest.raises(asyncio.InvalidStateError):
        task.result()

    await handler.cancel_run()
    assert task.done()
    assert task.result() is None
    assert task.exception() is None


async def test_anyio_lists_the_runs_of_a_loop_and_does_not_take_them_for_work() -> None:
    handler = Asks(timeout=None).run()
    for _ in range(5):
        await asyncio.sleep(0)

    async with asyncio.timeout(5):
        await anyio.wait_all_tasks_blocked()
    names = [task.name for task in anyio.get_running_tasks()]
    await handler.cancel_run()

    assert "stepwell runs" in names
