"""What became of a run: kept once, given to everybody who asks, and logged when a failure goes unheard."""

import asyncio
import logging
from types import TracebackType

from stepwell.core import RUNNING, Status
from stepwell.errors import StepCancelledError
from stepwell.flow import Event

logger = logging.getLogger("stepwell.runtime")


class _Unheard:
    """Logs a failure when the last one who could ask for it is gone; awaiting, asking and reading to the end count."""

    __slots__ = ("error", "heard", "workflow")

    def __init__(self, error: BaseException, workflow: str) -> None:
        self.error = error
        self.workflow = workflow
        self.heard = False

    def __del__(self) -> None:
        if not self.heard:
            logger.error(
                "a run of workflow %s failed and nobody awaited its handler: %s: %s",
                self.workflow,
                type(self.error).__name__,
                self.error,
                exc_info=(type(self.error), self.error, self.error.__traceback__),
            )


class Outcome:
    """How the run ended. Waiting for it is free of side effects: a cancelled waiter changes nothing."""

    __slots__ = ("_loop", "_unheard", "_waiters", "error", "event", "status", "traceback")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiters: list[asyncio.Future[None]] | None = None
        self._unheard: _Unheard | None = None
        self.status = RUNNING
        self.event: Event | None = None
        self.error: BaseException | None = None
        self.traceback: TracebackType | None = None

    def settle(self, status: Status, event: Event, error: BaseException | None, workflow: str) -> None:
        """Fix the outcome and wake everybody."""
        self.status = status
        self.event = event
        self.error = error
        if error is not None:
            self.traceback = error.__traceback__  # each awaiter starts from here, or the traceback would grow
            if status is not Status.CANCELLED and not _is_ended_by_the_program(error):
                self._unheard = _Unheard(error, workflow)
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    def lose(self, error: BaseException) -> None:
        """Fix the outcome of a run that nobody can wait for any more: its loop is closed."""
        self.status = Status.CANCELLED
        self.error = error
        self._waiters = None

    @property
    def is_awaited(self) -> bool:
        """Whether somebody has waited for the end of the run, which is under way."""
        return self._waiters is not None

    def waiter(self) -> asyncio.Future[None]:
        """Return a future that is done when the run, which must be under way, has ended."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        if self._waiters is None:
            self._waiters = [waiter]
        else:
            self._waiters.append(waiter)
        return waiter

    async def settled(self) -> None:
        """Wait for the end of the run."""
        if self.status is RUNNING:
            await self.waiter()

    def failure(self) -> BaseException | None:
        """Return the error, which from now on counts as heard."""
        if self._unheard is not None:
            self._unheard.heard = True
        return self.error


def _is_ended_by_the_program(error: BaseException) -> bool:
    """Return whether a failure is no news: the program was interrupted or left, or the loop ended under the run."""
    return isinstance(error, (KeyboardInterrupt, SystemExit)) or (
        isinstance(error, StepCancelledError) and error.from_outside
    )
