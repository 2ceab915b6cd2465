"""Talking to a run from elsewhere: another thread, another event loop, or after the run's own loop was closed.

Rule 1. Everything that touches a run happens in its loop; who is elsewhere has it done there and waits for the answer.
Rule 2. Nobody waits for a loop that does not run: that is an error which says so.
Rule 3. A run whose loop was closed under it is over: nothing can move it on, and nobody is told of it any more.
Rule 4. A run that was over before its loop was closed can be asked and read out anywhere.
"""

import asyncio
import concurrent.futures
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from stepwell import flow
from stepwell.core import RUNNING, Status
from stepwell.errors import RunLoopError, RunOverError, WrongThreadError
from stepwell.runtime._blocking import BLOCKED
from stepwell.runtime._ports import RunPort

ValueT = TypeVar("ValueT")

LOOK_SECONDS = 0.25
"""How often who waits in a thread looks whether the loop still runs."""


def is_elsewhere(run: RunPort) -> bool:
    """Return whether the calling code runs in an event loop, and in another than the run's."""
    running = asyncio._get_running_loop()  # noqa: SLF001  # documented for this, and raises nothing
    return running is not None and running is not run.loop


def check_loop(run: RunPort, call: str) -> None:
    """Refuse a call that needs the run's loop where that does not run."""
    is_closed = run.loop.is_closed()
    if is_closed:
        lose(run)
        if not _was_lost(run):
            raise RunOverError(call=call, workflow=run.wiring.workflow, status=run.outcome.status.value)
    if is_closed or not run.loop.is_running():
        how = "was closed before the run had ended" if is_closed else "is not running"
        raise RunLoopError(call=call, workflow=run.wiring.workflow, how=how, is_closed=is_closed)


def check_answering(run: RunPort, call: str) -> None:
    """Refuse to wait for the run's loop where that cannot answer."""
    check_loop(run, call)
    if run.loop in BLOCKED:
        how = "is blocked by run_sync() until the run that asks here is over"
        raise RunLoopError(call=call, workflow=run.wiring.workflow, how=how)


def check_here(run: RunPort, call: str) -> None:
    """Refuse to suspend a body anywhere but in the run's loop."""
    if is_elsewhere(run):
        raise WrongThreadError(call=call, remedy=f"In a def step, or in another event loop, use ctx.call({call}(…)).")


def seen_in_loop_of(run: RunPort, call: str, look: Callable[[], ValueT]) -> ValueT:
    """Return what ``look`` finds in the run, in whose loop nothing changes meanwhile."""
    return look() if run.in_loop() or not run.loop.is_running() else in_loop_of(run, call, look)


def in_loop_of(run: RunPort, call: str, function: Callable[..., ValueT], *arguments: Any) -> ValueT:
    """Call ``function`` in the run's loop, from another thread, and return its result there."""
    check_answering(run, call)
    done: concurrent.futures.Future[ValueT] = concurrent.futures.Future()

    def perform() -> None:
        try:
            done.set_result(function(*arguments))
        except BaseException as error:  # noqa: BLE001  # carried over to the thread that called
            done.set_exception(error)

    run.loop.call_soon_threadsafe(perform)
    return answer(run, call, done)


def awaited_by(run: RunPort, call: str, awaitable: Awaitable[ValueT]) -> ValueT:
    """Await something in the run's loop, from another thread, and return its result there."""

    async def wait() -> ValueT:
        return await awaitable

    return answer(run, call, asyncio.run_coroutine_threadsafe(wait(), run.loop))


def answer(run: RunPort, call: str, done: "concurrent.futures.Future[ValueT]") -> ValueT:
    """Wait in a thread for what the loop answers; a loop that has stopped answers nothing."""
    simulated = getattr(run.loop, "stepwell_result", None)
    if simulated is not None:
        result: ValueT = simulated(done)
        return result
    while True:
        concurrent.futures.wait([done], timeout=LOOK_SECONDS)
        if done.done():
            return done.result()
        check_answering(run, call)


async def from_elsewhere(run: RunPort, call: str, coroutine: Coroutine[Any, Any, ValueT]) -> ValueT:
    """Run ``coroutine`` in the run's loop, and await its result in the running one."""
    try:
        check_answering(run, call)
    except Exception:
        coroutine.close()
        raise
    there = asyncio.run_coroutine_threadsafe(coroutine, run.loop)
    here = asyncio.wrap_future(there)
    try:
        while not here.done():
            await asyncio.wait([here], timeout=LOOK_SECONDS)
            if not here.done():
                check_answering(run, call)
    except BaseException:
        there.cancel()
        raise
    if there.cancelled():
        # Its loop came to an end. A CancelledError would look as if somebody had cancelled who awaits.
        how = "was closed before the run had ended"
        raise RunLoopError(call=call, workflow=run.wiring.workflow, how=how, is_closed=True)
    return here.result()


async def stream_elsewhere(run: RunPort, stream: AsyncIterator[ValueT]) -> AsyncIterator[ValueT]:
    """Yield in the running loop what ``stream`` yields in the run's."""
    if run.stream.closed and not run.loop.is_running() and not _was_lost(run):
        async for item in stream:  # all of it is there: nothing is awaited
            yield item
        return
    while True:
        found = await from_elsewhere(run, "stream_events", _next(stream))
        if not found:
            return
        yield found[0]


async def _next(stream: AsyncIterator[ValueT]) -> tuple[ValueT, ...]:
    """Return the next item in a tuple, and nothing at the end."""
    async for item in stream:
        return (item,)
    return ()


def _was_lost(run: RunPort) -> bool:
    return isinstance(run.outcome.error, RunLoopError)


def lose(run: RunPort) -> None:
    """End a run whose loop was closed under it, as cancelled. Nothing is run for it, and nobody woken."""
    if run.outcome.status is not RUNNING:
        return
    how = "was closed before the run had ended"
    error = RunLoopError(call="the run", workflow=run.wiring.workflow, how=how, is_closed=True)
    run.machine.state.status = Status.CANCELLED
    run.timers.close()
    run.stream.lose(flow.WorkflowCancelledEvent())
    run.outcome.lose(error)
