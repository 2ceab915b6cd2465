"""Which attempt the calling code belongs to: for wrappers of steps, which are not handed its context.

It is known in the task of the step, and in the thread of a ``def`` step. In tasks that a step makes it is not: nobody
says whether what they do is still the step's.
"""

import asyncio
from contextvars import ContextVar

from stepwell.core import NEW
from stepwell.errors import OwnRunError
from stepwell.runtime._attempts import Attempt, BackgroundTask
from stepwell.runtime._ports import RunPort

ATTEMPT_OF_THREAD: ContextVar[Attempt | None] = ContextVar("stepwell_attempt_of_thread", default=None)


def current_attempt() -> Attempt | None:
    """Return the attempt whose body calls this, or ``None``."""
    try:
        task: object = asyncio.current_task()
    except RuntimeError:  # no loop runs in this thread
        return ATTEMPT_OF_THREAD.get()
    return task if isinstance(task, Attempt) else None


def refuse_own_step(run: RunPort, call: str, running: asyncio.AbstractEventLoop | None) -> None:
    """Raise ``OwnRunError`` when what calls this is part of a step that ``run`` cannot end, or begin, before.

    ``running`` is the loop that it runs in.
    """
    if running is None:
        return  # what is awaited without a loop is driven by hand
    task: object = asyncio.current_task(running)
    if type(task) is asyncio.Task:  # what most are
        attempt = ATTEMPT_OF_THREAD.get()
    elif isinstance(task, BackgroundTask):
        attempt = task.owner
    else:
        attempt = task if isinstance(task, Attempt) else ATTEMPT_OF_THREAD.get()
    if attempt is None or attempt.over is not None or (attempt.done() and not isinstance(task, BackgroundTask)):
        return
    mine: RunPort | None = getattr(attempt.crew, "run", None)  # it lets go of a run that is over
    is_queued = run.machine.state.status is NEW and run.settings.num_concurrent_runs == 1
    while mine is not None:
        if mine is run or (is_queued and mine.workflow is run.workflow):
            raise OwnRunError(
                call=call, step=attempt.step.name, workflow=run.wiring.workflow, is_queued=mine is not run
            )
        mine = mine.link.run if mine.link is not None else None
