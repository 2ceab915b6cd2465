"""Running a step's body: in a task of its own, and for ``def`` steps in a thread."""

import asyncio
import contextlib
import contextvars
import functools
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Protocol

from stepwell.runtime._attempts import CURRENT_ATTEMPT, Attempt
from stepwell.runtime._threads import STEP_THREADS

logger = logging.getLogger("stepwell.runtime")


class Reports(Protocol):
    """Whom an attempt tells how it ended; exactly one of the three, once."""

    workflow: Any

    def returned(self, attempt: Attempt, result: object) -> None: ...

    def failed(self, attempt: Attempt, error: BaseException) -> None: ...

    def stopped(self, attempt: Attempt) -> None: ...

    async def fill_resources(self, attempt: Attempt, exits: AsyncExitStack) -> dict[str, Any]: ...


async def execute(run: Reports, attempt: Attempt) -> None:
    """Run the body of an attempt to its end and report it."""
    attempt.begun = True
    CURRENT_ATTEMPT.set(attempt)
    step = attempt.step
    try:
        if attempt.refusal is not None:
            raise attempt.refusal
        if step.has_resources:
            async with AsyncExitStack() as exits:
                result = await _call(run, attempt, await run.fill_resources(attempt, exits))
        elif step.is_async:
            result = await step.call(run.workflow, attempt.context, attempt.start.event, None)
        else:
            result = await _call(run, attempt, None)
    except asyncio.CancelledError:
        run.stopped(attempt)
    except (KeyboardInterrupt, SystemExit) as error:
        run.failed(attempt, error)
        raise
    except BaseException as error:  # noqa: BLE001  # whatever a step raises is the run's to report
        run.failed(attempt, error)
    else:
        run.returned(attempt, result)


async def _call(run: Reports, attempt: Attempt, resources: dict[str, Any] | None) -> Any:
    call = functools.partial(attempt.step.call, run.workflow, attempt.context, attempt.start.event, resources)
    return await (call() if attempt.step.is_async else in_thread(call))


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

    STEP_THREADS.submit(job)
    # A loop with virtual time must not jump past a thread that it cannot see.
    with getattr(loop, "stepwell_hold", contextlib.nullcontext)():
        result, error = await done
    if error is not None:
        raise error
    return result
