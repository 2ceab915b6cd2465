"""Threads for ``def`` steps: few, reused, and never in the way of the process's exit.

The standard pool is joined at exit, so that one stuck step would keep the process alive; these threads
are daemons. A thread cannot be killed: a step that is given up runs on, unheard.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import queue

_IDLE_SECONDS = 10.0


class DaemonPool:
    """Runs jobs in daemon threads, starting one whenever none is idle; idle ones end after a while."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None]] | None = None
        self._idle = 0
        self._lock = threading.Lock()

    def submit(self, job: Callable[[], None]) -> None:
        """Run ``job`` soon in some thread; it must not raise."""
        with self._lock:
            if self._jobs is None:
                from queue import SimpleQueue  # noqa: PLC0415  # start-up time: nothing else loads it

                self._jobs = SimpleQueue()
            self._jobs.put(job)
            if self._idle > 0:
                self._idle -= 1
                return
            jobs = self._jobs
        threading.Thread(target=self._work, args=(jobs,), name="stepwell-step", daemon=True).start()

    def _work(self, jobs: "queue.SimpleQueue[Callable[[], None]]") -> None:
        from queue import Empty  # noqa: PLC0415  # as above

        while True:
            try:
                job = jobs.get(timeout=_IDLE_SECONDS)
            except Empty:
                with self._lock:
                    if self._idle > 0:
                        self._idle -= 1
                        return
                    continue
            job()
            del job  # or an idle thread would hold on to the run that it worked for
            with self._lock:
                self._idle += 1


STEP_THREADS = DaemonPool()
