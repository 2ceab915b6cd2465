"""A body whose end the engine cannot take, because a class in it breaks what every class has, ends its run at once."""

import asyncio
import contextvars
import logging

import pytest
from tests.unit.runtime.virtual_loop import passed_since, virtually

from stepwell import Context, Event, StartEvent, StopEvent, Workflow, step
from stepwell.runtime._step_task import ENDED, Runner, StepTask


class Unhashable(type):
    def __hash__(cls) -> int:
        raise ZeroDivisionError("no hash")


class Odd(metaclass=Unhashable): ...


class Part(Event):
    number: int


class Breaks(Workflow):
    """One body ends in a way that cannot be taken, while another is at work."""

    def __init__(self) -> None:
        super().__init__(timeout=None)
        self.ended = False

    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> Part | StopEvent | None:
        for number in range(2):
            ctx.send_event(Part(number=number))
        return None

    @step
    async def work(self, ctx: Context, ev: Part) -> StopEvent:
        if ev.number:
            await asyncio.sleep(1)
            ctx.write_event_to_stream(ev)  # who listens is to hear of it before the end of the body is taken
            return Odd()  # type: ignore[return-value]
        try:
            await asyncio.sleep(100)
        finally:
            self.ended = True
        return StopEvent()


@virtually
@pytest.mark.parametrize("listens", [True, False])
async def test_it_fails_with_what_went_wrong_and_the_other_bodies_end(
    listens: bool, caplog: pytest.LogCaptureFixture
) -> None:
    workflow = Breaks()
    began = asyncio.get_running_loop().time()

    handler = workflow.run()
    if listens:
        async for _ in handler.stream_events():
            pass
    with caplog.at_level(logging.ERROR), pytest.raises(ZeroDivisionError) as caught:
        await handler

    assert passed_since(began) == pytest.approx(1)
    assert handler.status == "failed"
    assert workflow.ended
    assert any("in step 'work'" in note for note in caught.value.__notes__)


@virtually
async def test_the_log_says_that_it_was_no_ordinary_failure(caplog: pytest.LogCaptureFixture) -> None:
    handler = Breaks().run()

    with pytest.raises(ZeroDivisionError):
        await handler

    assert [record.getMessage() for record in caplog.records] == ["the engine could not take the end of step 'work'"]


class Clumsy:
    """Takes the end of a task by failing at it."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, object]] = []
        self.soon = asyncio.get_running_loop().call_soon
        self.runners: list[Runner] = []

    def returned(self, attempt: object, result: object) -> None:
        self.heard.append(("returned", result))
        raise OSError("dropped it")

    def raised(self, attempt: object, error: BaseException) -> None:
        self.heard.append(("raised", str(error)))
        raise OSError("dropped it")

    def broke(self, attempt: object, error: Exception) -> None:
        self.heard.append(("broke", str(error)))


@virtually
@pytest.mark.parametrize("fails", [False, True])
async def test_who_keeps_a_task_is_told_that_its_end_was_not_taken(fails: bool) -> None:
    def run(task: StepTask) -> object:
        if fails:
            raise ValueError("a mistake")
        task.value = "a result"
        return ENDED

    keeper, task = Clumsy(), StepTask()
    task.crew, task.loop, task.variables = keeper, asyncio.get_running_loop(), contextvars.copy_context()

    asyncio.get_running_loop().call_soon(task.advance, run, task)
    await asyncio.sleep(0)

    how = ("raised", "a mistake") if fails else ("returned", "a result")
    assert keeper.heard == [how, ("broke", "dropped it")]
    assert task.done()


@virtually
async def test_a_body_that_ends_so_after_the_end_of_its_run_changes_nothing() -> None:
    class Late(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Part | StopEvent | None:
            ctx.send_event(Part(number=0))
            return None

        @step
        async def late(self, ev: Part) -> StopEvent:
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                return Odd()  # type: ignore[return-value]
            return StopEvent()

    handler = Late(timeout=None).run()
    await asyncio.sleep(1)

    await handler.cancel_run()

    assert handler.status == "cancelled"
