"""A run is used from other threads, loops, runs and times: each call does what it says there, or says why not.

The table holds, for each call, what comes of it in each place: ``FINE``, or the class of the error.
"""

import asyncio
import gc
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.fuzz import elsewhere
from tests.fuzz.nonsense import Other, Ping, Pong, Tally, coroutine, explains
from tests.fuzz.stages import Call

from stepwell import Context, HumanResponseEvent
from stepwell.drawing import draw_most_recent_execution_mermaid
from stepwell.errors import (
    EventWaitTimeout,
    NoAttemptError,
    OutsideOnlyError,
    RunLoopError,
    RunOverError,
    WorkflowCancelledByUser,
    WrongThreadError,
)

FINE = None
Outcome = type[BaseException] | None

HANDLER_PLACES = (
    elsewhere.beside_its_loop,
    elsewhere.in_a_bare_thread,
    elsewhere.where_its_loop_stands_still,
    elsewhere.after_its_loop,
    elsewhere.after_its_loop_and_its_end,
)
CONTEXT_PLACES = (
    elsewhere.in_a_loop_of_the_steps_own,
    elsewhere.in_a_task_of_the_steps_own,
    elsewhere.in_the_step_of_another_run,
    elsewhere.after_the_step,
    elsewhere.after_the_step_in_another_loop,
)


async def to_its_end(handler: Any) -> Any:
    await handler.send_event(HumanResponseEvent())
    return await handler


async def ends_after(handler: Any) -> Any:
    handler.cancel()
    return await handler


async def edited(ctx: Any) -> None:
    async with ctx.store.edit_state() as state:
        state.count += 1


async def streamed(handler: Any) -> None:
    """Read a stream that was begun before the end, to its end."""
    stream = handler.stream_events(after=0)
    if not handler.is_done():
        await handler.send_event(HumanResponseEvent())
    assert [type(event).__name__ async for event in stream] == ["StopEvent"]


LOOP, OVER, THREAD = RunLoopError, RunOverError, WrongThreadError

OF_HANDLER: dict[str, tuple[Call, tuple[Outcome, ...]]] = {
    # beside, in a bare thread, stands still, after its loop, after its end
    "await": (to_its_end, (FINE, FINE, LOOP, LOOP, OVER)),
    "await cancelled": (ends_after, (WorkflowCancelledByUser, FINE, LOOP, LOOP, FINE)),
    "stop_event_result": (
        lambda h: h.cancel() and h.stop_event_result(),
        (WorkflowCancelledByUser, FINE, LOOP, LOOP, FINE),
    ),
    "stream_events": (lambda h: h.stream_events(), (FINE, FINE, LOOP, LOOP, FINE)),
    "stream_events(internal)": (lambda h: h.stream_events(expose_internal=True), (FINE, FINE, LOOP, LOOP, FINE)),
    "stream_events to the end": (streamed, (FINE, FINE, LOOP, LOOP, FINE)),
    "stream": (lambda h: h.stream(after=-1), (FINE, FINE, LOOP, LOOP, FINE)),
    "ctx.stream_events": (lambda h: h.ctx.stream_events(), (FINE, FINE, LOOP, LOOP, FINE)),
    "send_event": (lambda h: h.send_event(Ping()), (FINE, FINE, LOOP, LOOP, OVER)),
    "ctx.send_event": (lambda h: h.ctx.send_event(Ping()), (FINE, FINE, LOOP, LOOP, OVER)),
    "ctx.send_event(step)": (lambda h: h.ctx.send_event(Ping(), step="pinged"), (FINE, FINE, LOOP, LOOP, OVER)),
    "write_event_to_stream": (lambda h: h.ctx.write_event_to_stream(Ping()), (FINE, FINE, LOOP, LOOP, OVER)),
    "to_dict": (lambda h: bool(h.ctx.to_dict()), (FINE, FINE, LOOP, FINE, FINE)),
    "ctx.call": (lambda h: h.ctx.call(coroutine()), (FINE, FINE, LOOP, THREAD, THREAD)),
    "store.get": (lambda h: h.ctx.store.get("count"), (FINE, FINE, FINE, FINE, FINE)),
    "store.set": (lambda h: h.ctx.store.set("count", 1), (THREAD, FINE, FINE, FINE, FINE)),
    "store.set_state": (lambda h: h.ctx.store.set_state(Tally()), (THREAD, FINE, FINE, FINE, FINE)),
    "store.clear": (lambda h: h.ctx.store.clear(), (THREAD, FINE, FINE, FINE, FINE)),
    "store.edit_state": (lambda h: edited(h.ctx), (THREAD, FINE, FINE, FINE, FINE)),
    "store.set by ctx.call": (
        lambda h: h.ctx.call(h.ctx.store.set("count", 1)),
        (FINE, FINE, LOOP, THREAD, THREAD),
    ),
    "running_steps": (lambda h: h.ctx.running_steps(), (FINE, FINE, FINE, FINE, FINE)),
    "awaited_events": (lambda h: h.ctx.awaited_events, (FINE, FINE, FINE, FINE, FINE)),
    "waits_for_outside": (lambda h: h.ctx.waits_for_outside, (FINE, FINE, FINE, FINE, FINE)),
    "is_running": (lambda h: h.ctx.is_running, (FINE, FINE, FINE, FINE, FINE)),
    "ctx.sleep": (lambda h: h.ctx.sleep(0), (NoAttemptError, FINE, NoAttemptError, NoAttemptError, NoAttemptError)),
    "ctx.run_child": (
        lambda h: h.ctx.run_child(Other()),
        (NoAttemptError, FINE, NoAttemptError, NoAttemptError, NoAttemptError),
    ),
    "recent_attempts": (lambda h: h.recent_attempts(), (FINE, FINE, FINE, FINE, FINE)),
    "exception": (lambda h: (h.exception(), h.status, h.is_done(), repr(h)), (FINE, FINE, FINE, FINE, FINE)),
    "get_stop_event": (lambda h: h.get_stop_event(), (FINE, FINE, FINE, LOOP, FINE)),
    "drawing": (draw_most_recent_execution_mermaid, (FINE, FINE, FINE, FINE, FINE)),
    "cancel": (lambda h: h.cancel(), (FINE, FINE, LOOP, FINE, FINE)),
    "cancel_run": (lambda h: h.cancel_run(), (FINE, FINE, LOOP, FINE, FINE)),
}

OF_CONTEXT: dict[str, tuple[Call, tuple[Outcome, ...]]] = {
    # a loop of the step's own, a task of its own, another run's step, after the step, then in another loop
    "send_event": (lambda ctx: ctx.send_event(Ping()), (FINE, FINE, FINE, OVER, OVER)),
    "write_event_to_stream": (lambda ctx: ctx.write_event_to_stream(Ping()), (FINE, FINE, FINE, OVER, OVER)),
    "collect_events": (lambda ctx: ctx.collect_events(Ping(), [Ping]), (FINE, FINE, FINE, OVER, OVER)),
    "create_task": (lambda ctx: (ctx.create_task(coroutine()), None)[1], (FINE, FINE, FINE, OVER, OVER)),
    "call": (lambda ctx: ctx.call(coroutine()), (FINE, THREAD, THREAD, THREAD, THREAD)),
    "sleep": (lambda ctx: ctx.sleep(0.001), (THREAD, FINE, FINE, OVER, OVER)),
    "wait_for_event": (
        lambda ctx: ctx.wait_for_event(Pong, timeout=0.001),
        (THREAD, EventWaitTimeout, EventWaitTimeout, OVER, OVER),
    ),
    "once": (lambda ctx: ctx.once("name", coroutine), (THREAD, FINE, FINE, OVER, OVER)),
    "commit": (lambda ctx: ctx.commit(), (THREAD, FINE, FINE, OVER, OVER)),
    "run_child": (lambda ctx: ctx.run_child(Other()), (THREAD, FINE, FINE, OVER, OVER)),
    "retry_info": (lambda ctx: (ctx.retry_info(), ctx.attempt), (FINE, FINE, FINE, FINE, FINE)),
    "store.get": (lambda ctx: ctx.store.get("count"), (FINE, FINE, FINE, FINE, FINE)),
    "store.set": (lambda ctx: ctx.store.set("count", 1), (THREAD, FINE, FINE, OVER, OVER)),
    "store.edit_state": (edited, (THREAD, FINE, FINE, OVER, OVER)),
    "to_dict": (lambda ctx: bool(ctx.to_dict()), (FINE, FINE, FINE, FINE, FINE)),
    "running_steps": (lambda ctx: ctx.running_steps(), (OutsideOnlyError,) * 5),
    "get_step_context": (
        lambda ctx: Context.get_step_context() and None,
        (NoAttemptError,) * 5,
    ),
}

CASES = [
    pytest.param(call, place, expected, id=f"{name}-{place.__name__}")
    for table, places in ((OF_HANDLER, HANDLER_PLACES), (OF_CONTEXT, CONTEXT_PLACES))
    for name, (call, outcomes) in table.items()
    for place, expected in zip(places, outcomes, strict=True)
]


@pytest.fixture(autouse=True)
def _nothing_left_over(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail when a thread is left, a coroutine was never awaited, or a destructor failed."""
    left: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: left.append(repr(unraisable.exc_value)))
    threads = set(threading.enumerate())
    yield
    new = {thread.name for thread in set(threading.enumerate()) - threads}
    assert left == []
    assert new <= {"stepwell-watchdog", "stepwell-step"}


@pytest.mark.parametrize(("call", "place", "expected"), CASES)
def test_a_call_from_elsewhere_is_done_or_refused_in_words(call: Call, place: Any, expected: Outcome) -> None:
    raised: list[BaseException] = []

    try:
        place(call)
    except Exception as error:  # noqa: BLE001  # looked at below
        raised.append(error)

    assert [type(error) for error in raised] == ([] if expected is FINE else [expected]), raised
    assert all(explains(error) for error in raised)


def test_a_reader_who_began_before_the_loop_was_closed_is_told() -> None:
    loop = elsewhere.LoopInThread()
    handler = loop.do(elsewhere.begun)

    async def main() -> None:
        stream = handler.stream_events(after=-1)
        await anext(stream)
        await asyncio.to_thread(loop.stop)
        loop.loop.close()
        with pytest.raises(RunLoopError):
            await anext(stream)

    asyncio.run(main())


def test_after_all_of_it_nothing_is_left_to_complain() -> None:
    gc.collect()  # the fixture looks at what that finds
