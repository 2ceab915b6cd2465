"""Background tasks of an attempt that no longer counts: told to stop once, and given up after a time."""

import asyncio
import logging
from functools import partial

from stepwell.core import TaskClosed
from stepwell.runtime._attempts import BackgroundTask
from stepwell.runtime._ports import RunPort

logger = logging.getLogger("stepwell.runtime")


def stop_task(run: RunPort, task: BackgroundTask, grace: float) -> None:
    """Cancel a task; one that has not ended after ``grace`` seconds is named in the log, and no longer waited for."""
    if task.cancel():
        handle = run.loop.call_later(grace, _give_up, run, task, grace)
        task.add_done_callback(partial(_ended, handle))


def _ended(handle: asyncio.TimerHandle, _: object) -> None:
    handle.cancel()


def _give_up(run: RunPort, task: BackgroundTask, grace: float) -> None:
    if not run.background or task not in run.background:
        return
    logger.warning(
        "background task %r ignores its cancellation and was given up after %g seconds", task.get_name(), grace
    )
    run.background.discard(task)
    run.apply(TaskClosed(run.now(), task.attempt, None))
