"""An attempt as the driver knows it: its task, its clock and whether it still counts."""

import asyncio
from contextvars import ContextVar
from typing import Any

from stepwell.core import StartStep
from stepwell.errors import AttemptOverError
from stepwell.runtime._steps import ReadyStep


class Attempt:
    """One attempt at a step. ``over`` says why it no longer counts while its body may still be running."""

    # Defaults on the class and no slots: most attempts never set these, and creation is half the price.
    begun = False
    over: str | None = None
    stopping: str | None = None
    wait_count = 0
    open_waits = 0
    task: "asyncio.Task[None] | None" = None
    context: Any = None
    budget: float | None = None
    tasks: "set[BackgroundTask] | None" = None
    abandon_handle: asyncio.TimerHandle | None = None
    retry_delay: float | None = None
    waited: list[list[Any]] | None = None
    refusal: BaseException | None = None

    def __init__(self, start: StartStep, step: ReadyStep, now: float) -> None:
        self.start = start
        self.step = step
        self.started = now
        self.began = now if start.retry is None else start.retry.began
        self.worker = start.worker

    def check(self, call: str) -> None:
        """Raise ``AttemptOverError`` when what this attempt does no longer counts."""
        if self.over is not None:
            raise AttemptOverError(call=call, step=self.step.name, why=self.over)


CURRENT_ATTEMPT: ContextVar[Attempt | None] = ContextVar("stepwell_attempt", default=None)


class BackgroundTask(asyncio.Task[Any]):
    """A task started by a step. ``observed`` once somebody looked at what became of it."""

    observed = False
    attempt = -1

    def __await__(self) -> Any:
        self.observed = True
        return super().__await__()

    def result(self) -> Any:
        self.observed = True
        return super().result()

    def exception(self) -> BaseException | None:
        self.observed = True
        return super().exception()

    __iter__ = __await__
