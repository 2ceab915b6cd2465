"""How runs end: by the first StopEvent, by cancellation; and what becomes of the steps that are still at work."""

import asyncio
import logging
from typing import Any

import pytest
from tests.unit.runtime.virtual_loop import passed_since, virtually

from stepwell import Context, Event, StartEvent, StopEvent, Workflow, step
from stepwell.errors import RunOverError, StepRefusesEventError, StepwellError, WorkflowCancelledByUser
from stepwell.flow import WorkflowCancelledEvent


class Fast(Event):
    pass


class Slow(Event):
    pass


class Race(Workflow):
    """One step ends the run while another is at work."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> Fast | Slow | None:
        ctx.send_event(Slow())
        ctx.send_event(Fast())
        return None

    @step
    async def lose(self, ev: Slow) -> StopEvent:
        try:
            await asyncio.sleep(1_000)
        except asyncio.CancelledError:
            self.seen.append("cancelled")
            raise
        finally:
            await asyncio.sleep(2)
            self.seen.append("finally")
        return StopEvent("slow")

    @step
    async def win(self, ev: Fast) -> StopEvent:
        await asyncio.sleep(1)
        return StopEvent("fast")


@virtually
async def test_the_first_stop_event_is_the_result() -> None:
    assert await Race().run() == "fast"


@virtually
async def test_losers_are_cancelled_and_awaited_until_their_finally_has_run() -> None:
    workflow = Race()
    start = asyncio.get_running_loop().time()

    await workflow.run()

    assert workflow.seen == ["cancelled", "finally"]
    assert passed_since(start) == 3


@virtually
async def test_a_stop_event_that_comes_second_changes_nothing() -> None:
    class Two(Workflow):
        @step
        async def one(self, ev: StartEvent) -> StopEvent:
            return StopEvent("one")

        @step
        async def two(self, ev: StartEvent) -> StopEvent:
            return StopEvent("two")

    handler = Two().run()

    events = [event async for event in handler.stream_events()]

    assert [event["result"] for event in events] == ["one"]
    assert await handler == "one"


@virtually
async def test_a_loser_that_fails_while_it_is_stopped_changes_nothing() -> None:
    class Sore(Workflow):
        @step
        async def lose(self, ev: StartEvent) -> None:
            try:
                await asyncio.sleep(1_000)
            finally:
                raise ValueError("sore loser")

        @step
        async def win(self, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(1)
            return StopEvent("won")

    assert await Sore().run() == "won"


@virtually
async def test_a_loser_that_swallows_its_cancellation_and_stops_anew_changes_nothing() -> None:
    class Sore(Workflow):
        @step
        async def lose(self, ev: StartEvent) -> StopEvent:
            try:
                await asyncio.sleep(1_000)
            except asyncio.CancelledError:
                return StopEvent("stolen")
            return StopEvent()

        @step
        async def win(self, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(1)
            return StopEvent("won")

    assert await Sore().run() == "won"


@virtually
async def test_a_loser_may_write_to_the_stream_while_it_ends() -> None:
    class Goodbye(Event):
        pass

    class Polite(Workflow):
        @step
        async def lose(self, ctx: Context, ev: StartEvent) -> None:
            try:
                await asyncio.sleep(1_000)
            finally:
                ctx.write_event_to_stream(Goodbye())

        @step
        async def win(self, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(1)
            return StopEvent("won")

    kinds = [type(event) async for event in Polite().run().stream_events()]

    assert kinds == [Goodbye, StopEvent]


@virtually
async def test_a_step_that_was_queued_when_the_run_ended_never_starts() -> None:
    seen: list[int] = []

    class Item(Event):
        number: int

    class Queue(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Item | None:
            for number in range(5):
                ctx.send_event(Item(number=number))
            return None

        @step(num_workers=1)
        async def work(self, ev: Item) -> StopEvent:
            seen.append(ev.number)
            return StopEvent()

    await Queue().run()

    assert seen == [0]


@virtually
async def test_a_result_is_what_the_stop_event_carries() -> None:
    class Plain(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result={"answer": 42})

    assert await Plain().run() == {"answer": 42}


class Report(StopEvent):
    pages: int = 0


class Reporter(Workflow):
    @step
    async def only(self, ev: StartEvent) -> Report:
        return Report(pages=3, result="unused")


@virtually
async def test_a_subclass_of_stop_event_is_itself_the_result() -> None:
    handler = Reporter().run()

    result = await handler

    assert isinstance(result, Report)
    assert result.pages == 3
    assert handler.get_stop_event() is result


@virtually
async def test_a_subclass_of_stop_event_ends_the_stream() -> None:
    events = [event async for event in Reporter().run().stream_events()]

    assert [type(event) for event in events] == [Report]


@virtually
async def test_a_stop_event_that_a_step_sends_ends_the_run() -> None:
    class Sender(Workflow):
        @step
        async def only(self, ctx: Context, ev: StartEvent) -> StopEvent | None:
            ctx.send_event(StopEvent("sent"))
            await asyncio.sleep(1_000)
            return None

    start = asyncio.get_running_loop().time()

    assert await Sender().run() == "sent"
    assert passed_since(start) == 0


@virtually
async def test_a_stop_event_that_is_sent_from_outside_ends_the_run() -> None:
    handler = Race().run()

    await handler.send_event(StopEvent("enough"))

    assert await handler == "enough"


@virtually
async def test_a_stop_event_of_an_undeclared_class_ends_the_run_too() -> None:
    handler = Race().run()

    await handler.send_event(Report(pages=9))

    assert (await handler).pages == 9


@virtually
async def test_a_stop_event_cannot_be_sent_to_a_step() -> None:
    handler = Race().run()

    with pytest.raises(StepRefusesEventError, match="Step win does not accept event of type StopEvent"):
        await handler.send_event(StopEvent(), step="win")

    assert await handler == "fast"


@virtually
async def test_cancel_run_ends_the_run_as_cancelled() -> None:
    handler = Race().run()
    await asyncio.sleep(0.5)

    await handler.cancel_run()

    assert handler.is_done()
    assert handler.cancelled()
    assert handler.status == "cancelled"
    with pytest.raises(WorkflowCancelledByUser, match="was cancelled by cancel_run") as caught:
        await handler
    assert isinstance(caught.value, StepwellError)


@virtually
async def test_cancel_run_returns_when_each_step_has_run_its_finally() -> None:
    workflow = Race()
    handler = workflow.run()
    await asyncio.sleep(0.5)

    await handler.cancel_run()

    assert workflow.seen == ["cancelled", "finally"]


@virtually
async def test_a_cancelled_run_ends_its_stream_with_a_cancelled_event() -> None:
    handler = Race().run()
    await asyncio.sleep(0.5)
    await handler.cancel_run()

    assert [type(event) async for event in handler.stream_events()] == [WorkflowCancelledEvent]


@virtually
async def test_a_run_that_is_cancelled_before_its_first_step_began_ends_at_once() -> None:
    seen: list[str] = []

    class Never(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            seen.append("began")
            return StopEvent()

    handler = Never().run()

    await handler.cancel_run()

    assert handler.cancelled()
    assert seen == []


@virtually
async def test_cancelling_a_run_that_is_over_changes_nothing() -> None:
    handler = Race().run()
    await handler

    await handler.cancel_run()

    assert await handler == "fast"
    assert not handler.cancelled()
    assert handler.cancel() is False


@virtually
async def test_cancel_asks_without_waiting() -> None:
    handler = Race().run()
    await asyncio.sleep(0.5)

    assert handler.cancel() is True
    assert not handler.is_done()

    with pytest.raises(WorkflowCancelledByUser):
        await handler


@virtually
async def test_cancelling_twice_is_cancelling_once() -> None:
    handler = Race().run()
    await asyncio.sleep(0.5)

    await asyncio.gather(handler.cancel_run(), handler.cancel_run())

    assert handler.cancelled()


class Stubborn(Workflow):
    """Its step takes no notice of being cancelled."""

    def __init__(self, freed: asyncio.Event) -> None:
        super().__init__()
        self.freed = freed
        self.late: list[BaseException] = []

    @step
    async def refuse(self, ctx: Context, ev: StartEvent) -> StopEvent:
        while not self.freed.is_set():
            try:
                await self.freed.wait()
            except asyncio.CancelledError:
                continue
        try:
            ctx.send_event(Fast())
        except StepwellError as error:
            self.late.append(error)
        return StopEvent("success?")


@virtually
async def test_a_step_that_ignores_cancellation_is_given_up_after_five_seconds_and_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    freed = asyncio.Event()
    handler = Stubborn(freed).run()
    await asyncio.sleep(1)
    start = asyncio.get_running_loop().time()

    with caplog.at_level(logging.WARNING, "stepwell.runtime"):
        await handler.cancel_run()

    assert passed_since(start) == 5
    assert handler.cancelled()
    assert "step 'refuse' ignores its cancellation and was given up after 5 seconds" in caplog.text
    freed.set()
    await asyncio.sleep(1)


@virtually
async def test_cancel_run_gives_up_after_the_time_it_is_told() -> None:
    freed = asyncio.Event()
    handler = Stubborn(freed).run()
    await asyncio.sleep(1)
    start = asyncio.get_running_loop().time()

    await handler.cancel_run(timeout=0.25)

    assert passed_since(start) == 0.25
    freed.set()
    await asyncio.sleep(1)


@virtually
async def test_what_a_given_up_step_does_later_does_not_count() -> None:
    freed = asyncio.Event()
    workflow = Stubborn(freed)
    handler = workflow.run()
    await asyncio.sleep(1)
    await handler.cancel_run()

    freed.set()
    await asyncio.sleep(1)

    assert [type(error).__name__ for error in workflow.late] == ["AttemptOverError"]
    assert "this attempt at step 'refuse' was given up" in str(workflow.late[0])
    assert handler.cancelled()


@virtually
async def test_a_background_task_that_ignores_cancellation_is_given_up_too(caplog: pytest.LogCaptureFixture) -> None:
    freed = asyncio.Event()

    async def refuse() -> None:
        while not freed.is_set():
            try:
                await freed.wait()
            except asyncio.CancelledError:
                continue

    class Starter(Workflow):
        @step
        async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            ctx.create_task(refuse(), name="refuser")
            await asyncio.sleep(1)
            return StopEvent("done")

    start = asyncio.get_running_loop().time()

    with caplog.at_level(logging.WARNING, "stepwell.runtime"):
        assert await Starter().run() == "done"

    assert passed_since(start) == 6
    assert "background task 'refuser' ignores its cancellation" in caplog.text
    freed.set()
    await asyncio.sleep(1)


@virtually
async def test_sending_to_a_run_that_is_over_is_refused() -> None:
    handler = Race().run()
    await handler

    with pytest.raises(
        RunOverError, match=r"send_event came too late: the run of workflow 'Race' is over \(completed\)"
    ):
        await handler.send_event(Fast())


@virtually
async def test_writing_to_the_stream_of_a_run_that_is_over_is_refused() -> None:
    handler = Race().run()
    await handler

    with pytest.raises(RunOverError, match="write_event_to_stream came too late"):
        handler.ctx.write_event_to_stream(Fast())


@virtually
async def test_what_a_step_left_behind_cannot_write_to_the_store_of_a_run_that_is_over() -> None:
    kept: list[Context] = []

    class Keeps(Workflow):
        @step
        async def keep(self, ctx: Context, ev: StartEvent) -> StopEvent:
            kept.append(ctx)
            await ctx.store.set("n", 1)
            return StopEvent()

    handler = Keeps().run()
    await handler

    with pytest.raises(RunOverError, match=r"a write to ctx.store came too late: .*'Keeps' is over \(completed\)"):
        await kept[0].store.set("n", 2)
    with pytest.raises(RunOverError):
        async with kept[0].store.edit_state() as state:
            state.n = 3
    assert await kept[0].store.get("n") == 1
    await handler.ctx.store.set("n", 4)  # from outside it may be written, for the next run
    assert await handler.ctx.store.get("n") == 4


@virtually
async def test_cancelling_a_task_that_awaits_the_handler_does_not_cancel_the_run() -> None:
    handler = Race().run()

    async def wait_for_it() -> Any:
        return await handler

    waiter = asyncio.create_task(wait_for_it())
    await asyncio.sleep(0.5)

    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter

    assert not handler.is_done()
    assert await handler == "fast"


@virtually
async def test_a_timeout_around_the_handler_does_not_cancel_the_run() -> None:
    handler = Race().run()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(handler, 0.5)

    assert await handler == "fast"


@virtually
async def test_any_number_of_tasks_may_await_one_handler() -> None:
    handler = Race().run()

    async def wait_for_it() -> Any:
        return await handler

    assert await asyncio.gather(*(wait_for_it() for _ in range(5))) == ["fast"] * 5
    assert await handler == "fast"
