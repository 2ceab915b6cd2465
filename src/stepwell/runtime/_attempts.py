"""An attempt as the driver knows it: its task, its clock and whether it still counts."""

import asyncio
from contextvars import ContextVar
from typing import Any

from stepwell.core import Settled, StartStep
from stepwell.errors import AttemptOverError
from stepwell.flow import Event
from stepwell.runtime._branches import NO_COUNTS, BranchPath, TaskBranch, is_new_write
from stepwell.runtime._replay import Replay
from stepwell.runtime._state_store import StateStore
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
    refusal: BaseException | None = None
    # What a snapshot must know: how much the body did that must not take effect twice. It is its own first branch.
    path: BranchPath = ()
    place = forks = sends = shown = writes = 0
    inside: str | None = None
    made_before = NO_COUNTS
    careful = False
    branches: dict[BranchPath, TaskBranch] | None = None
    caller: "asyncio.Task[Any] | None" = None
    replay: Replay | None = None
    calls: dict[tuple[str, str], int] | None = None
    kept: dict[tuple[str, str, int], Settled] | None = None
    collected: dict[str, list[list[Event] | None]] | None = None
    recollected: dict[str, list[list[Event] | None]] | None = None
    tasks_opened = 0
    tasks_closed: "set[int] | None" = None
    store_view: StateStore[Any] | None = None

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

    def may_write(self) -> bool:
        """Count a write to the store; return ``False`` for one that was made before the snapshot."""
        if self.over is not None:
            self.check("a write to ctx.store")
        return is_new_write(self)


CURRENT_ATTEMPT: ContextVar[Attempt | None] = ContextVar("stepwell_attempt", default=None)


class BackgroundTask(asyncio.Task[Any]):
    """A task started by a step. ``observed`` once somebody looked at what became of it."""

    observed = False
    attempt = -1
    ordinal = -1
    owner: Attempt | None = None

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
