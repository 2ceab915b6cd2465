"""A run and who is elsewhere: in another thread, in another event loop, or there when its own loop is closed."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from stepwell import Context, Event, HumanResponseEvent, StartEvent, StopEvent, Workflow, WorkflowHandler, step
from stepwell.errors import RunLoopError, WorkflowCancelledByUser
from stepwell.runtime._watchdog import WATCHDOG


class Progress(Event):
    number: int


class Answer(HumanResponseEvent):
    text: str = ""


class Asks(Workflow):
    """Shows three events, and ends with what it is answered."""

    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> None:
        for number in range(3):
            ctx.write_event_to_stream(Progress(number=number))

    @step
    async def answered(self, ev: Answer) -> StopEvent:
        return StopEvent(ev.text)


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    def do(self, call: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(timeout=20)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout=20)

    def close(self) -> None:
        if not self.loop.is_closed():
            self.stop()
            self.loop.close()


@pytest.fixture
def other() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def started(loop: Loop, workflow: Workflow) -> WorkflowHandler[Any]:
    async def start() -> WorkflowHandler[Any]:
        return workflow.run()

    handler: WorkflowHandler[Any] = loop.do(start)
    return handler


async def test_a_handler_can_be_awaited_in_another_loop(other: Loop) -> None:
    handler = started(other, Asks(timeout=20))

    handler.ctx.send_event(Answer(text="yes"))

    assert await handler == "yes"


async def test_a_stream_can_be_read_in_another_loop(other: Loop) -> None:
    handler = started(other, Asks(timeout=20))
    await handler.send_event(Answer(text="yes"))

    seen = [event async for event in handler.stream_events()]

    assert [event.number for event in seen if isinstance(event, Progress)] == [0, 1, 2]
    assert isinstance(seen[-1], StopEvent)


async def test_a_stream_can_be_left_in_another_loop(other: Loop) -> None:
    handler = started(other, Asks(timeout=20))

    async for item in handler.stream():
        assert item.cursor == 0
        break

    await handler.cancel_run()
    assert handler.cancelled()


async def test_a_run_can_be_cancelled_from_another_loop(other: Loop) -> None:
    handler = started(other, Asks(timeout=20))

    assert handler.cancel()

    with pytest.raises(WorkflowCancelledByUser):
        await handler


async def test_cancelling_who_awaits_in_another_loop_does_not_cancel_the_run(other: Loop) -> None:
    handler = started(other, Asks(timeout=20))

    async def wait() -> Any:
        return await handler

    waiter = asyncio.create_task(wait())
    await asyncio.sleep(0.01)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter

    handler.ctx.send_event(Answer(text="still there"))
    assert await handler == "still there"


async def test_a_loop_that_ends_under_the_awaiter_is_an_error_and_no_cancellation(other: Loop) -> None:
    handler = started(other, Asks(timeout=20))

    async def wait() -> Any:
        return await handler

    waiter = asyncio.create_task(wait())
    await asyncio.sleep(0.01)
    await asyncio.to_thread(other.stop)

    with pytest.raises(RunLoopError, match="is not running"):
        await waiter


def test_a_thread_that_sends_to_a_loop_that_stands_still_is_told(other: Loop) -> None:
    handler = started(other, Asks(timeout=20))
    other.stop()

    with pytest.raises(RunLoopError, match="is not running"):
        handler.ctx.send_event(Answer(text="anybody?"))


def left_behind() -> WorkflowHandler[Any]:
    """Return the handler of a run that waits for a person, and whose loop is closed."""

    async def main() -> WorkflowHandler[Any]:
        handler = Asks(timeout=None).run()
        await asyncio.sleep(0.001)
        return handler

    loop = asyncio.new_event_loop()  # asyncio.run would end the run first
    try:
        return loop.run_until_complete(main())
    finally:
        loop.close()


@pytest.mark.parametrize(
    "use",
    [
        lambda handler: handler.stop_event_result(),
        lambda handler: handler.send_event(Answer()),
        lambda handler: anext(aiter(handler.stream_events(after=2))),
    ],
)
def test_a_run_whose_loop_was_closed_says_so_in_the_next_one(use: Callable[[WorkflowHandler[Any]], Any]) -> None:
    handler = left_behind()

    async def main() -> None:
        await use(handler)

    with pytest.raises(RunLoopError, match="was closed before the run had ended"):
        asyncio.run(main())


def test_a_run_whose_loop_was_closed_can_be_cancelled_and_is_over() -> None:
    handler = left_behind()

    asyncio.run(handler.cancel_run())

    assert handler.is_done()
    assert handler.cancelled()


def test_a_run_whose_loop_was_closed_is_over_for_whoever_asks() -> None:
    assert left_behind().is_done()
    assert left_behind().cancelled()
    assert left_behind().status == "cancelled"
    assert isinstance(left_behind().exception(), RunLoopError)
    with pytest.raises(RunLoopError, match="was closed before the run had ended"):
        left_behind().get_stop_event()


def test_a_run_whose_loop_was_closed_is_let_go_when_the_next_run_begins() -> None:
    kept = weakref.ref(left_behind()._run)

    Asks(timeout=None)
    asyncio.run(begin_and_cancel())
    gc.collect()

    assert kept() is None
    assert not any(host.loop.is_closed() and host.runs for host in WATCHDOG._watched.values())


async def begin_and_cancel() -> None:
    await Asks(timeout=None).run().cancel_run()
