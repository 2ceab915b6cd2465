"""An event loop whose time jumps to the next timer when nothing else can happen.

Rule 1. The clock stands still while code runs; only waiting moves it.
Rule 2. Time jumps when nothing is ready and nothing real is in flight.
Rule 3. In flight is: a file or socket somebody waits for, a job given to an executor (``asyncio.to_thread``), a
        ``def`` step in its thread, and whatever ``hold()`` surrounds. While there is any, waiting takes real time,
        and the clock goes on by what it took, so that time limits still hold.
Rule 4. Where nothing can happen any more, it says so instead of waiting for ever.
"""

import asyncio
import contextlib
import functools
import selectors
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from typing import Any, ParamSpec, TypeVar, TypeVarTuple, Unpack

from stepwell.errors import CallArgumentError, VirtualDeadlockError

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")

FIRST_TIME = 1_000.0
LONGEST_SECONDS = float(2**62)
PATIENCE_SECONDS = 5.0
"""How long, in real time, the loop waits for threads it knows nothing of before it calls a standstill."""


class _JumpingSelector(selectors.DefaultSelector):
    """Where the loop would wait for a timer, lets virtual time pass instead, unless something real is in flight."""

    def __init__(self) -> None:
        super().__init__()
        self.time = FIRST_TIME
        self.holds = 0
        self.own_files = 0
        self.explain: Callable[[], list[str]] = list
        self.patience = PATIENCE_SECONDS
        self.at_standstill: Callable[[], bool] = bool
        self.asked: Callable[[], None] | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._answer()
        try:
            return self._select(timeout)
        finally:
            self._answer()

    def _answer(self) -> None:
        asked, self.asked = self.asked, None
        if asked is not None:
            asked()

    def _select(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self.holds or len(self.get_map()) > self.own_files:
            before = time.monotonic()
            ready = super().select(timeout)
            self.time += time.monotonic() - before
            return ready
        if timeout is not None:
            self.time += timeout
            return ready
        if self.at_standstill():
            return ready
        ready = super().select(self.patience)
        if not ready:
            raise VirtualDeadlockError(waiting=self.explain(), seconds=self.patience)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop with virtual time, for ``asyncio.Runner(loop_factory=VirtualLoop)``; runs of workflows follow it.

    Threads that you start yourself are not seen: surround them with ``hold()``, or time jumps past them.
    """

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self._jumping.own_files = len(self._jumping.get_map())
        self._jumping.explain = self._waiting

    def time(self) -> float:
        """Return the virtual time in seconds; it begins at 1,000."""
        return self._jumping.time

    stepwell_clock = time

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Keep time from jumping inside the block. To be used in the loop's own thread."""
        self._jumping.holds += 1
        try:
            yield
        finally:
            self._jumping.holds -= 1

    stepwell_hold = hold

    def stepwell_ask(self, answer: Callable[[], None]) -> None:
        """Call ``answer`` when the loop comes by, for any thread: a loop that is woken for it never stands still."""
        self._jumping.asked = answer

    def pass_time(self, seconds: float) -> None:
        """Let time pass at once, as code that blocks the loop does."""
        if type(seconds) not in (int, float) or not 0 <= seconds <= LONGEST_SECONDS:
            accepted = "a number of seconds, 0 or more,"
            raise CallArgumentError(call="pass_time", argument="seconds", value=seconds, accepted=accepted)
        self._jumping.time += seconds

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run a job in an executor; time does not jump until it has ended."""
        job = super().run_in_executor(executor, func, *args)
        self._jumping.holds += 1
        job.add_done_callback(self._job_ended)
        return job

    def _job_ended(self, job: asyncio.Future[Any]) -> None:
        self._jumping.holds -= 1

    async def shutdown_default_executor(self, *args: Any, **kwargs: Any) -> None:
        """End the threads of the default executor, in real time."""
        with self.hold():
            await super().shutdown_default_executor(*args, **kwargs)

    def _waiting(self) -> list[str]:
        return sorted(
            f"{task.get_name()} in {frame.f_code.co_qualname}, line {frame.f_lineno}"
            for task in asyncio.all_tasks(self)
            for frame in task.get_stack(limit=1)
        )


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` in a loop with virtual time and return its result: an hour's sleep takes no time.

    Raises ``VirtualDeadlockError`` where ``main`` waits for what can never come.
    """
    if not asyncio.iscoroutine(main):
        raise CallArgumentError(
            call="run_virtual", argument="main", value=main, accepted="a coroutine, such as main(),"
        )
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def virtual_time(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Make a coroutine function an ordinary one that runs it in virtual time; for tests under any framework."""
    if not callable(test):
        accepted = "a coroutine function"
        raise CallArgumentError(call="virtual_time", argument="test", value=test, accepted=accepted)

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return run_virtual(test(*args, **kwargs))

    return run
