"""Threads for ``def`` steps: few, reused, and never in the way of the process's exit.

The standard pool is joined at exit, so that one stuck step would keep the process alive; these threads
are daemons. A thread cannot be killed: a step that is given up runs on, unheard.
"""

import queue
import threading
from collections.abc import Callable

_IDLE_SECONDS = 10.0


class DaemonPool:
    """Runs jobs in daemon threads, starting one whenever none is idle; idle ones end after a while."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._idle = 0
        self._lock = threading.Lock()

    def submit(self, job: Callable[[], None]) -> None:
        """Run ``job`` soon in some thread; it must not raise."""
        with self._lock:
            self._jobs.put(job)
            if self._idle > 0:
                self._idle -= 1
                return
        threading.Thread(target=self._work, name="stepwell-step", daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
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
