"""The handler: what ``workflow.run()`` returns at once."""

import asyncio
import itertools
from typing import Any

import pytest
from tests.unit.runtime.virtual_loop import passed_since, virtually

from stepwell import Context, Event, StartEvent, StopEvent, Workflow, WorkflowHandler, step
from stepwell.errors import WorkflowCancelledByUser
from stepwell.runtime import RING_SIZE


class Item(Event):
    number: int = 0


class Slow(Workflow):
    @step
    async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
        await asyncio.sleep(10)
        return StopEvent("done")


@virtually
async def test_run_returns_before_any_step_has_begun() -> None:
    began: list[str] = []

    class Eager(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            began.append("began")
            return StopEvent()

    handler = Eager().run()

    assert began == []
    assert not handler.is_done()
    await handler


@virtually
async def test_a_handler_tells_how_its_run_stands() -> None:
    handler = Slow().run(run_id="r1")
    before = (handler.is_done(), handler.done(), handler.status, handler.get_stop_event(), handler.exception())

    await handler

    assert before == (False, False, "running", None, None)
    assert (handler.is_done(), handler.done(), handler.status, handler.cancelled()) == (True, True, "completed", False)
    assert handler.run_id == handler.ctx.run_id == "r1"
    assert repr(handler) == "<WorkflowHandler of Slow r1: completed>"


@virtually
async def test_the_stop_event_can_be_had_instead_of_its_result() -> None:
    handler = Slow().run()

    event = await handler.stop_event_result()

    assert isinstance(event, StopEvent)
    assert handler.get_stop_event() is event


@virtually
async def test_a_handler_may_be_awaited_again_after_the_end() -> None:
    handler = Slow().run()

    assert [await handler, await handler] == ["done", "done"]


@virtually
async def test_the_stop_event_of_a_cancelled_run_is_its_error() -> None:
    handler = Slow().run()
    await handler.cancel_run()

    with pytest.raises(WorkflowCancelledByUser):
        handler.get_stop_event()
    with pytest.raises(WorkflowCancelledByUser):
        await handler.stop_event_result()


@virtually
async def test_a_step_may_cancel_the_run_that_it_is_part_of() -> None:
    handlers: list[WorkflowHandler[Any]] = []

    class Suicidal(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(1)
            await handlers[0].cancel_run()
            return StopEvent("never")

    handlers.append(Suicidal().run())
    start = asyncio.get_running_loop().time()

    with pytest.raises(WorkflowCancelledByUser):
        await handlers[0]

    assert passed_since(start) == 1


@virtually
async def test_recent_attempts_are_the_last_of_a_ring() -> None:
    class Long(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Item:
            return Item()

        @step
        async def count(self, ev: Item) -> Item | StopEvent:
            return StopEvent() if ev.number == RING_SIZE + 10 else Item(number=ev.number + 1)

    handler = Long().run()
    await handler

    attempts = handler.recent_attempts()
    assert len(attempts) == RING_SIZE
    assert [one.outcome for one in attempts] == ["ok"] * RING_SIZE
    assert all(later.cause == earlier.attempt for earlier, later in itertools.pairwise(attempts))
    assert attempts[-1].started_at <= attempts[-1].ended_at


@virtually
async def test_a_run_that_has_no_attempt_behind_it_has_no_history() -> None:
    handler = Slow().run()

    assert handler.recent_attempts() == ()

    await handler.cancel_run()
