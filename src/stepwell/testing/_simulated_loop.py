"""The loop of a simulated world: virtual time, and what may come in another order comes in another order.

Rule 1. What asyncio promises holds: callbacks run in the order of ``call_soon``, timers are never early.
Rule 2. What asyncio does not promise is left to choices: how late a timer is, and so which of two comes first.
        A seed has habits: little is late, or much, by little, or by much; all of it together is limited, so that
        a run does not run out of its time for that alone.
Rule 3. When nothing can happen any more, the world is asked once more; then the loop gives up, at once.
"""

import asyncio
import concurrent.futures
import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple, Unpack

from stepwell.errors import SimulationTooLongError
from stepwell.testing._choices import Choices
from stepwell.testing._simulated_threads import SimulatedThread, current_thread
from stepwell.testing._virtual_loop import VirtualLoop

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

EPOCH = 1_700_000_000.0
"""What the wall clock shows when the loop's own time is 0."""

LATEST = 8
"""By how many ticks something may be late."""

TICKS = (0.001, 0.001, 0.004, 0.02)
"""How many seconds one step of lateness is, in one seed or another. 0.001 where choices are given."""

LATE_CHANCES = (0.05, 0.3, 0.7)
MOST_LATE = 8.0
"""How many seconds of lateness a run gets together, and at most a quarter of its time limit."""

LONG = 2_000
"""After how many turns each the outside says something."""

TURNS = 200_000
"""How many turns a simulated run may take: one that takes more does not come to an end."""


class SimulatedLoop(VirtualLoop):
    """Time begins at 1,000, or when it ``began``, and moves by waiting only."""

    def __init__(
        self, choices: Choices, world: Any, at_standstill: Callable[[], bool], began: float | None = None
    ) -> None:
        self.choices = choices
        self.turns = 0
        self.tick = TICKS[choices.habit("tick", len(TICKS))]
        self.late_chance = LATE_CHANCES[choices.habit("how often late", len(LATE_CHANCES))]
        self.late_budget = MOST_LATE
        self._threads: list[SimulatedThread] = []
        super().__init__()
        self.stepwell_world = world
        self._jumping.patience = 0.0
        if began is not None:
            self._jumping.time = began
        self._jumping.at_standstill = at_standstill

    def stepwell_wall_clock(self) -> float:
        """Return the time in seconds since the epoch."""
        return EPOCH + self.time()

    def _run_once(self) -> None:
        self.turns += 1
        if self.turns > TURNS:
            self.turns = 0  # what is in flight is cancelled next, and that takes turns too
            raise SimulationTooLongError(turns=TURNS, waiting=self._waiting())
        if self.turns % LONG == 0:
            self._jumping.at_standstill()  # a program that never rests must not wait for the outside for ever
        super()._run_once()  # type: ignore[misc]  # asyncio's loops have it; typeshed does not say so

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Set a timer, which may come late."""
        late = self.lateness(self.choices.name(f"timer of {self._owner()}"))
        return super().call_at(when + late, callback, *args, context=context)

    def lateness(self, name: str) -> float:
        """Choose how many seconds something is late."""
        late = self.choices.draw(name, LATEST, self.late_chance) * self.tick
        if late > self.late_budget:
            self.choices.take_back(name)
            return 0.0
        self.late_budget -= late
        return late

    # Threads.

    @contextlib.contextmanager
    def stepwell_hold(self) -> Iterator[None]:
        """Hold nothing: the threads of ``def`` steps run in turns here."""
        yield

    def hold_time(self, change: int) -> None:
        """Count something real that time must not jump past."""
        self._jumping.holds += change

    def stepwell_thread(self, job: Callable[[], object]) -> None:
        """Run a job in a thread, in turns with everything else."""
        self._threads.append(SimulatedThread(self, job, self._owner()))

    def stepwell_result(self, future: concurrent.futures.Future[T]) -> T:
        """Return what comes of a coroutine that a thread gave to this loop; called in that thread."""
        thread = current_thread()
        return future.result() if thread is None else thread.await_result(future)

    def call_late(self, seconds: float, what: str, callback: Callable[[], object]) -> None:
        """Call ``callback`` after ``seconds`` and what a choice adds to them."""
        super().call_at(self.time() + seconds + self.lateness(self.choices.name(what)), callback)

    def call_soon_threadsafe(
        self,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """Call ``callback`` in the loop. A thread that runs in turns ends its turn by that."""
        thread = current_thread()
        if thread is None or thread.loop is not self or thread.is_free:
            return super().call_soon_threadsafe(callback, *args, context=context)
        handle = self.call_soon(callback, *args, context=context)
        thread.let_on_later()
        thread.come_back()
        return handle

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run a job in a thread that runs in turns; one for an executor of yours as ``VirtualLoop`` does."""
        if executor is not None:
            return super().run_in_executor(executor, func, *args)
        done: concurrent.futures.Future[T] = concurrent.futures.Future()
        self.stepwell_thread(functools.partial(_settle_by, done, functools.partial(func, *args)))
        return asyncio.wrap_future(done, loop=self)

    def close(self) -> None:
        """Close the loop; threads that wait for their turn are let go."""
        for thread in self._threads:
            thread.let_go()
        self._threads.clear()
        super().close()

    def _owner(self) -> str:
        task = asyncio.current_task(self)
        name = task.get_name() if task is not None else "the engine"
        return "a task" if name.startswith("Task-") else name  # those numbers count all tasks of the process

    async def nap(self, seconds: float) -> None:
        """Let exactly this time pass."""
        waiter = self.create_future()
        handle = super().call_at(self.time() + seconds, _settle, waiter)
        try:
            await waiter
        finally:
            handle.cancel()


def _settle(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _settle_by(future: concurrent.futures.Future[T], call: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001  # carried over to who waits for the job
        future.set_exception(error)
