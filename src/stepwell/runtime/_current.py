"""Which attempt the calling code belongs to: for wrappers of steps, which are not handed its context.

It is known in the task of the step, and in the thread of a ``def`` step. In tasks that a step makes it is not: nobody
says whether what they do is still the step's.
"""

import asyncio
from contextvars import ContextVar

from stepwell.runtime._attempts import Attempt

ATTEMPT_OF_THREAD: ContextVar[Attempt | None] = ContextVar("stepwell_attempt_of_thread", default=None)


def current_attempt() -> Attempt | None:
    """Return the attempt whose body calls this, or ``None``."""
    try:
        task: object = asyncio.current_task()
    except RuntimeError:  # no loop runs in this thread
        return ATTEMPT_OF_THREAD.get()
    return task if isinstance(task, Attempt) else None
