"""All runs of a loop, as one task of it: who cancels all its tasks, as ``asyncio.run`` does at its end, ends them.

A run is no task, and for moments has none: its first bodies begin in the loop's next turn, a retry waits for its time.
Without this one it would begin steps in a loop that is on its way out, and nobody would end them.
"""

import asyncio
import contextvars
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from stepwell.flow import Wiring
from stepwell.runtime._step_task import StepTask

logger = logging.getLogger("stepwell.runtime")


class LiveRun(Protocol):
    """A run, as far as its loop needs to know it. ``link`` is set for those that a step of another one waits for."""

    @property
    def link(self) -> object | None: ...

    @property
    def wiring(self) -> Wiring: ...

    def is_forgotten(self) -> bool:
        """Return whether the run is at work, and nobody waits for it."""
        ...

    def cancel(self) -> None:
        """End the run as cancelled."""

    def lost(self) -> None:
        """End: the loop was closed under it."""


class LoopRuns(StepTask):
    """A task that is done whenever no run is under way. Cancelling it cancels them, and waits for their ends.

    ``renew`` is called when those who waited for this one have their answer: the next run needs another.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, runs: set[LiveRun], renew: Callable[[], None]) -> None:
        self.loop = loop
        self.variables = contextvars.Context()
        self.runs = runs
        self.renew = renew
        self._fut_waiter = loop.create_future()  # to who asks (anyio does), this never works, and always waits
        self._standing = _runs_under_way()
        self._standing.send(None)
        self.is_awaited = False
        self._cancelled: set[LiveRun] | None = None
        self._spared: set[LiveRun] = set()  # cancelled, but not waited for: they wait for this

    def done(self) -> bool:
        """Return whether no run is under way."""
        return self._over or not self.runs

    def cancel(self, msg: Any | None = None) -> bool:
        """Cancel the runs; those that begin in a ``finally`` of theirs are not waited for.

        Neither is the run of a step that calls this: it may wait for all tasks that it cancels.
        """
        if self.done():
            return False
        self._cancels += 1
        self.is_awaited = True
        tops = [run for run in self.runs if run.link is None]
        running = asyncio._get_running_loop()  # noqa: SLF001  # none between a program's end and its loop's
        if running is self.loop:
            self._spared.update(_run_of(asyncio.current_task()))
        self._cancelled = set(tops) - self._spared
        forgotten = Counter(run.wiring.workflow for run in tops if run.is_forgotten())
        if forgotten:
            logger.warning(
                "all tasks of the event loop were cancelled, as asyncio.run() does when main is over, while runs were "
                "at work that nobody waited for: %s. They were cancelled too. Await their handlers before that",
                ", ".join(f"{count} of {name}" for name, count in forgotten.items()),
            )
        asyncio._set_running_loop(self.loop)  # noqa: SLF001  # callbacks may ask for it
        try:
            for run in tops:
                run.cancel()
        finally:
            asyncio._set_running_loop(running)  # noqa: SLF001
        if not self._cancelled and not self._over:
            self._end()
        return True

    def add_done_callback(
        self, callback: Callable[[Any], object], *, context: contextvars.Context | None = None
    ) -> None:
        """Call ``callback`` with this task when no run is under way, or those are over that were cancelled."""
        self.is_awaited = True
        super().add_done_callback(callback, context=context)

    def has_cancelled(self, run: LiveRun) -> bool:
        """Return whether a run that is about to end was cancelled with the loop's tasks."""
        return self._cancelled is not None and run in self._cancelled

    def run_ended(self, run: "LiveRun") -> None:
        """Take the end of a run; to be told of while ``is_awaited``."""
        if self._cancelled is not None:
            self._cancelled.discard(run)
        if not self.runs or self._cancelled == set():
            self._end()

    def _end(self) -> None:
        self.renew()
        self.settle()

    def get_coro(self) -> Coroutine[Any, Any, Any]:
        """Return a coroutine that stands for the runs: a task that is not done has one."""
        return self._standing

    def get_name(self) -> str:
        """Return a name for lists of tasks."""
        return "stepwell runs"

    def __repr__(self) -> str:
        return f"<LoopRuns: {len(self.runs)} under way>"


async def _runs_under_way() -> None:
    await asyncio.sleep(0)


def _run_of(task: object) -> list[Any]:
    """Return the run that is uppermost above the step whose body runs as ``task``, if that is what it does."""
    attempt = getattr(task, "owner", task)  # that of a background task
    run = getattr(attempt.crew, "run", None) if isinstance(attempt, StepTask) else None
    while run is not None and run.link is not None:
        run = run.link.run
    return [] if run is None else [run]
