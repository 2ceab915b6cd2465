"""An attempt as the driver knows it: its task, its clock and whether it still counts."""

import asyncio
import types
from collections.abc import Coroutine, Generator
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Protocol

from stepwell.core import Point, Settled, StartStep, Status
from stepwell.errors import AttemptOverError, RunOverError
from stepwell.flow import Event
from stepwell.runtime._branches import NO_CALL, NO_COUNTS, BranchPath, TaskBranch, is_new_write, note_refused
from stepwell.runtime._step_task import ENDED, Keeper, Runner, StepTask
from stepwell.runtime._steps import ReadyStep

if TYPE_CHECKING:  # loaded when first used; see ADR 13
    from stepwell.runtime._replay import Replay
    from stepwell.runtime._state_store import StateStore


class AttemptKeeper(Keeper, Protocol):
    """What an attempt needs of the crew that it is in."""

    run: Any
    workflow: Any
    loop: asyncio.AbstractEventLoop
    ended: Status | None

    def call_with_care(self, attempt: "Attempt") -> Coroutine[Any, Any, Any]: ...


class Attempt(StepTask):
    """One attempt at a step. ``over`` says why it no longer counts while its body may still be running."""

    begun = False
    needs_care: bool  # at its end: it was told to stop, has a time limit, waits, tasks or a store, or is a replay
    over: str | None
    stopping: str | None = None
    wait_count = 0
    open_waits = 0
    context: Any = None
    budget: float | None = None
    tasks: "set[BackgroundTask] | None" = None
    abandon_handle: asyncio.TimerHandle | None = None
    retry_delay: float | None = None
    waited: list[list[Any]] | None = None
    refusal: BaseException | None
    # What a snapshot must know: how much the body did that must not take effect twice. It is its own first branch.
    path: BranchPath = ()
    first = NO_CALL
    place = forks = sends = writes = 0
    shown: int
    refused: list[int] | None = None
    refused_sends: list[int] | None = None
    made_before = NO_COUNTS
    careful: bool
    branches: dict[BranchPath, TaskBranch] | None = None
    caller: "asyncio.Task[Any] | None" = None
    replay: "Replay | None" = None
    first_call: Point | None = None
    calls: dict[tuple[str, str], int] | None = None  # made for the second: waiting runs are many
    kept: dict[tuple[str, str, int], Settled] | None = None
    collected: dict[str, list[list[Event] | None]] | None = None
    recollected: dict[str, list[list[Event] | None]] | None = None
    tasks_opened = 0
    tasks_closed: "set[int] | None" = None
    store_view: "StateStore[Any] | None" = None

    def __init__(self, crew: AttemptKeeper, start: StartStep, step: ReadyStep, now: float) -> None:
        self.crew: AttemptKeeper = crew
        self.loop = crew.loop
        self.start = start
        self.step = step
        self.started = now
        self.worker = start.worker
        # What every step, or every event that is shown, asks: found here, and not on the class, it costs a seventh.
        self.over = self.refusal = self._callbacks = None
        self.needs_care = self._registered = self.careful = False
        self.shown = 0

    @property
    def began(self) -> float:
        """When the first attempt at the event started."""
        retry = self.start.retry
        return self.started if retry is None else retry.began

    def get_name(self) -> str:
        """Return the name of the step."""
        return self.step.name

    def __repr__(self) -> str:
        return f"<Attempt {self.start.number} at step {self.step.name!r}>"

    def check(self, call: str) -> None:
        """Raise ``AttemptOverError`` when what this attempt does no longer counts."""
        if self.over is not None:
            raise AttemptOverError(call=call, step=self.step.name, why=self.over)

    def may_write(self) -> bool:
        """Count a write to the store; return ``False`` for one that was made before the snapshot.

        Raises a ``RunOverError`` after the end of the run: the store may be that of a later run by then.
        """
        if self.over is not None:
            self.check("a write to ctx.store")
        ended = self.crew.ended
        if ended is not None:
            workflow = type(self.crew.workflow).__name__
            raise RunOverError(call="a write to ctx.store", workflow=workflow, status=ended.value)
        return is_new_write(self)

    def note_refused(self) -> None:
        """Note that the store refused the write that was counted last."""
        note_refused(self)


def _share_names() -> None:
    """Let one attempt have what most will have, before there are others.

    Python keeps the names of attributes once for a class, if it has seen them early; else each waiting attempt has a
    table of its own, of a kilobyte.
    """
    first: Any = Attempt.__new__(Attempt)
    begins = (
        "crew loop start step started worker variables over refusal _callbacks needs_care _registered careful shown"
    )
    ends = "begun body value _over context"
    waits = "runner _fut_waiter place first_call wait_count open_waits waited sends writes"
    for name in f"{begins} {ends} {waits}".split():
        setattr(first, name, None)


_share_names()


def new_runner() -> Runner:
    """Return a runner for the bodies of attempts.

    Its ``await`` takes a body's result as it is. Who drives a coroutine by hand gets it in an exception, at the price
    of the body's whole call.
    """
    runner: Any = _run_bodies()
    runner.send(None)
    send: Runner = runner.send
    return send


@types.coroutine
def _run_bodies() -> Generator[Any, Any, None]:
    attempt: Any = yield
    body: Any
    function: Any
    while True:
        attempt.begun = True
        step = attempt.step
        if step.is_plain and attempt.refusal is None:
            try:
                if step.is_simple:
                    function = step.function  # see ``StepTask.advance``
                    body = function(attempt.crew.workflow, attempt.start.event)
                else:
                    body = step.call(attempt.crew.workflow, attempt.context, attempt.start.event, None)
            except StopIteration as error:  # it would be taken for the end of the runner
                raise RuntimeError(f"the function of step {step.name!r} raised StopIteration") from error
            if type(body) is not CoroutineType:
                body = _awaiting(body)
        else:
            body = attempt.crew.call_with_care(attempt)
        attempt.body = body
        attempt.value = yield from body  # pyright: ignore[reportGeneralTypeIssues]  # it takes coroutines, being one
        attempt = step = body = function = None  # nothing is held in between
        attempt = yield ENDED


async def _awaiting(awaitable: Any) -> Any:
    return await awaitable


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
