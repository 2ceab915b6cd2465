"""Talking to a run from elsewhere: another thread, another event loop, or after the run's own loop was closed.

Rule 1. Everything that touches a run happens in its loop; who is elsewhere has it done there and waits for the answer.
Rule 2. Nobody waits for a loop that does not run: that is an error which says so.
Rule 3. A run whose loop was closed under it is over: nothing can move it on, and nobody is told of it any more.
"""

import asyncio
import concurrent.futures
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from stepwell.core import RUNNING, Status
from stepwell.errors import RunLoopError
from stepwell.flow import WorkflowCancelledEvent
from stepwell.runtime._ports import RunPort

ValueT = TypeVar("ValueT")

LOOK_SECONDS = 0.25
"""How often who waits in a thread looks whether the loop still runs."""


def is_elsewhere(run: RunPort) -> bool:
    """Return whether the calling code runs in an event loop, and in another than the run's."""
    running = asyncio._get_running_loop()  # noqa: SLF001  # documented for this, and raises nothing
    return running is not None and running is not run.loop


def check_loop(run: RunPort, call: str) -> None:
    """Refuse a call that needs the run's loop where that cannot answer."""
    if run.loop.is_closed():
        lose(run)
    if run.loop.is_closed() or not run.loop.is_running():
        raise RunLoopError(call=call, workflow=run.wiring.workflow, is_closed=run.loop.is_closed())


def in_loop_of(run: RunPort, call: str, function: Callable[..., ValueT], *arguments: Any) -> ValueT:
    """Call ``function`` in the run's loop, from another thread, and return its result there."""
    check_loop(run, call)
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
        check_loop(run, call)


async def from_elsewhere(run: RunPort, call: str, coroutine: Coroutine[Any, Any, ValueT]) -> ValueT:
    """Run ``coroutine`` in the run's loop, and await its result in the running one."""
    try:
        check_loop(run, call)
    except RunLoopError:
        coroutine.close()
        raise
    there = asyncio.run_coroutine_threadsafe(coroutine, run.loop)
    here = asyncio.wrap_future(there)
    try:
        while not here.done():
            await asyncio.wait([here], timeout=LOOK_SECONDS)
            if not here.done():
                check_loop(run, call)
    except BaseException:
        there.cancel()
        raise
    if there.cancelled():
        # Its loop came to an end. A CancelledError would look as if somebody had cancelled who awaits.
        raise RunLoopError(call=call, workflow=run.wiring.workflow, is_closed=True)
    return here.result()


async def stream_elsewhere(run: RunPort, stream: AsyncGenerator[ValueT, None]) -> AsyncIterator[ValueT]:
    """Yield in the running loop what ``stream`` yields in the run's."""
    try:
        while True:
            found = await from_elsewhere(run, "stream_events", _next(stream))
            if not found:
                return
            yield found[0]
    finally:
        if run.loop.is_running():
            asyncio.run_coroutine_threadsafe(stream.aclose(), run.loop)


async def _next(stream: AsyncGenerator[ValueT, None]) -> tuple[ValueT, ...]:
    """Return the next item in a tuple, and nothing at the end."""
    async for item in stream:
        return (item,)
    return ()


def lose(run: RunPort) -> None:
    """End a run whose loop was closed under it, as cancelled. Nothing is run for it, and nobody woken."""
    if run.outcome.status is not RUNNING:
        return
    error = RunLoopError(call="the run", workflow=run.wiring.workflow, is_closed=True)
    run.machine.state.status = Status.CANCELLED
    run.timers.close()
    run.stream.lose(WorkflowCancelledEvent())
    run.outcome.lose(error)
