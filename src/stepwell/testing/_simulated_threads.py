"""Threads of a simulated world: one runs at a time, and which is next is chosen, so that a seed repeats its run.

Rule 1. A thread runs only while the loop waits for it: from its beginning, or from a call into the loop, to the
        next call into the loop, or to its end.
Rule 2. A thread that does not come back within ``PATIENCE_SECONDS`` waits for something that the loop does not know
        of: it is let go, from then on runs when it likes, and time does not jump before it has ended.
"""

import concurrent.futures
import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 1.0


class LoopOfThreads(Protocol):
    """What threads need of their loop."""

    def call_soon(self, callback: Callable[..., object], /, *args: Any) -> Any: ...

    def call_late(self, seconds: float, what: str, callback: Callable[[], object]) -> Any: ...

    def hold_time(self, change: int) -> None: ...


class _Turn(threading.local):
    """Whose turn the current thread runs in."""

    of: "SimulatedThread | None" = None


_TURN = _Turn()


class SimulatedThread:
    """One job in a thread of its own. It waits until it is let on, and the loop waits until it comes back."""

    def __init__(self, loop: LoopOfThreads, job: Callable[[], object], name: str) -> None:
        self.loop = loop
        self.name = name
        self.is_free = False
        self._job = job
        self._go = threading.Semaphore(0)
        self._back = threading.Semaphore(0)
        threading.Thread(target=self._live, name=f"stepwell-simulated {name}", daemon=True).start()
        self.let_on_later()

    def _live(self) -> None:
        self._go.acquire()
        _TURN.of = self
        self._job()
        if self.is_free:
            self.loop.hold_time(-1)
        self._back.release()

    # Called by the loop.

    def let_on_later(self, seconds: float = 0.0) -> None:
        """Let the thread run after ``seconds``, or somewhat later."""
        self.loop.call_late(seconds, f"thread of {self.name}", self.let_on)

    def let_on(self) -> None:
        """Let the thread run, and wait until it comes back."""
        if self.is_free:
            return
        self._go.release()
        if not self._back.acquire(timeout=PATIENCE_SECONDS):
            self.loop.hold_time(1)
            self.is_free = True

    def let_go(self) -> None:
        """Let the thread run when it likes: nobody waits for it any more."""
        self.is_free = True
        self._go.release()

    # Called by the thread.

    def come_back(self) -> None:
        """Let the loop go on, and wait for the next turn."""
        self._back.release()
        self._go.acquire()

    def await_result(self, future: concurrent.futures.Future[T]) -> T:
        """Wait for something that happens in the loop."""
        if not self.is_free:
            future.add_done_callback(lambda _: self.loop.call_soon(self.let_on_later))
            self.come_back()
        return future.result()

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        if not self.is_free:
            self.let_on_later(seconds)
            self.come_back()


def current_thread() -> SimulatedThread | None:
    """Return the simulated thread that the caller runs in, if any."""
    return _TURN.of
