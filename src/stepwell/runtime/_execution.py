"""Running a step's body where more than a call is needed: with resources, or in a thread for ``def`` steps."""

import asyncio
import contextlib
import contextvars
import functools
import logging
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

from stepwell.runtime._attempts import Attempt
from stepwell.runtime._current import ATTEMPT_OF_THREAD
from stepwell.runtime._threads import STEP_THREADS

logger = logging.getLogger("stepwell.runtime")


Fill = Callable[[Attempt, AsyncExitStack], Coroutine[Any, Any, dict[str, Any]]]


async def call_with_care(workflow: Any, attempt: Attempt, fill_resources: Fill) -> Any:
    """Run the body of an attempt that was refused, needs resources, or is a ``def`` step."""
    if attempt.refusal is not None:
        raise attempt.refusal
    if not attempt.step.has_resources:
        return await _call(workflow, attempt, None)
    async with AsyncExitStack() as exits:
        return await _call(workflow, attempt, await fill_resources(attempt, exits))


async def _call(workflow: Any, attempt: Attempt, resources: dict[str, Any] | None) -> Any:
    call = functools.partial(attempt.step.call, workflow, attempt.context, attempt.start.event, resources)
    if attempt.step.is_async:
        return await call()
    ATTEMPT_OF_THREAD.set(attempt)
    return await in_thread(call)


async def in_thread(call: Callable[[], Any]) -> Any:
    """Run ``call`` in a daemon thread, in a copy of the current context."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()
    context = contextvars.copy_context()

    def settle(result: Any, error: BaseException | None) -> None:
        if not done.done():
            done.set_result((result, error))

    def job() -> None:
        result, error = None, None
        try:
            result = context.run(call)
        except BaseException as raised:  # noqa: BLE001  # carried over to the task that waits
            error = raised
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            logger.warning("a step's thread ended after its event loop was closed; its result is lost")

    getattr(loop, "stepwell_thread", STEP_THREADS.submit)(job)  # a simulated loop has its threads take turns
    # A loop with virtual time must not jump past a thread that it cannot see.
    with getattr(loop, "stepwell_hold", contextlib.nullcontext)():
        result, error = await done
    if error is not None:
        raise error
    return result
