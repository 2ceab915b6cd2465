"""Names the step that blocks the event loop: nothing else in the process can run while it does.

One daemon thread asks every loop that has runs for a sign of life. A loop that gives none for a second is
blocked; what its thread is doing then, and in which step, is logged once for each such stretch.
"""

import asyncio
import logging
import os
import sys
import threading
import time
from asyncio import _register_task
from collections.abc import Iterator
from dataclasses import field
from types import CodeType, FrameType
from typing import Any, Protocol

from stepwell.core import record
from stepwell.runtime._loop_runs import LiveRun, LoopRuns
from stepwell.runtime._step_task import Runner
from stepwell.runtime._turns import Soon, Turns

logger = logging.getLogger("stepwell.watchdog")

BLOCKED_SECONDS = 1.0
_ROUND_SECONDS = 0.25


class Clock(Protocol):
    """What tells a loop's time. (Pyright takes a ``Callable`` in a slot for a method.)"""

    def __call__(self) -> float: ...


@record()
class Host:
    """A loop that has runs: its thread, its clocks (seconds), and the runs under way, which nothing else holds.

    ``soon`` makes a call in the loop's next turn. ``task`` stands for all the runs. ``world`` is set for the loops of
    simulated worlds, which take over the runs that begin in them. ``is_watched`` until the watchdog finds no runs.
    ``runners`` are those that are free.
    """

    loop: asyncio.AbstractEventLoop
    thread: int
    clock: Clock
    wall_clock: Clock
    soon: Soon
    world: Any = None
    runs: set[LiveRun] = field(default_factory=set)
    task: LoopRuns | None = None
    asked_at: float | None = None
    reported: bool = False
    is_watched: bool = False
    runners: list[Runner] = field(default_factory=list)

    def begin_task(self) -> None:
        """Be a task of the loop from now on."""
        self.task = LoopRuns(self.loop, self.runs, self.begin_task)
        _register_task(self.task)  # type: ignore[arg-type]  # as asyncio's "Extending" has it

    def answer(self) -> None:
        self.asked_at = None
        self.reported = False


class Watchdog:
    """Watches loops while they have runs; costs a run one dictionary look-up."""

    def __init__(self) -> None:
        self._watched: dict[int, Host] = {}
        self._steps: dict[CodeType, str] = {}
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None

    def know(self, code: CodeType, step: str) -> None:
        """Remember whose code this is."""
        self._steps[code] = step

    def host(self, loop: asyncio.AbstractEventLoop) -> Host:
        """Return what is known of ``loop``, which runs in the calling thread."""
        host = self._watched.get(id(loop))
        if host is None or host.loop is not loop:
            clock = getattr(loop, "stepwell_clock", time.monotonic)
            wall_clock = getattr(loop, "stepwell_wall_clock", time.time)
            world = getattr(loop, "stepwell_world", None)
            soon = Turns(loop).soon if world is None else loop.call_soon  # a world puts them in another order
            with self._lock:
                self._sweep()
                host = self._watched[id(loop)] = Host(loop, threading.get_ident(), clock, wall_clock, soon, world)
        return host

    def _sweep(self) -> None:
        """Let go of loops that are closed, and of the runs that were left in them."""
        for name, host in list(self._watched.items()):
            if host.loop.is_closed():
                del self._watched[name]
                while host.runs:
                    host.runs.pop().lost()

    def wake(self, host: Host) -> None:
        """Watch a loop that was at rest, and in which a run begins."""
        host.is_watched = True
        host.answer()
        if host.task is None and host.world is None:  # a world ends its runs itself
            host.begin_task()
        if self._wanted.is_set():
            return
        self._wanted.set()
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._watch, name="stepwell-watchdog", daemon=True)
            self._thread.start()

    def forget(self) -> None:
        """Begin anew in a forked process, which has none of its parent's threads."""
        self._watched, self._lock, self._wanted, self._thread = {}, threading.Lock(), threading.Event(), None

    def _watch(self) -> None:
        try:
            while True:
                self._wanted.wait()
                time.sleep(_ROUND_SECONDS)
                self._look()
        finally:  # a handler of the log raised: the next run that begins in a loop at rest has the thread begun anew
            self._thread = None
            for watched in list(self._watched.values()):
                watched.is_watched = False
            self._wanted.clear()

    def _look(self) -> None:
        """Look at every loop once, and rest when none has runs."""
        busy = False
        with self._lock:
            self._sweep()
            for watched in self._watched.values():
                if watched.runs:
                    busy = True
                    self._check(watched)
                else:
                    watched.is_watched = False
                    if watched.runs:  # one that began between the look and the rest
                        watched.is_watched = True
        if not busy:
            self._wanted.clear()
            if any(watched.is_watched for watched in list(self._watched.values())):
                self._wanted.set()  # another that did

    def _check(self, watched: Host) -> None:
        now = time.monotonic()
        if watched.asked_at is None:
            watched.asked_at = now
            ask = getattr(watched.loop, "stepwell_ask", watched.loop.call_soon_threadsafe)
            try:
                ask(watched.answer)
            except RuntimeError:
                return  # closed between the check and the call; swept in the next round
        elif now - watched.asked_at >= BLOCKED_SECONDS and not watched.reported:
            watched.reported = True
            self._report(watched, now - watched.asked_at)

    def _report(self, watched: Host, seconds: float) -> None:
        frames = list(_stack(sys._current_frames().get(watched.thread)))  # noqa: SLF001  # the documented way
        for place, frame in enumerate(frames):
            step = self._steps.get(frame.f_code)
            if step is not None:
                deepest = frames[0]
                logger.warning(
                    "step %r blocks the event loop for more than %.1f seconds at %s:%d (now in %s at %s:%d): "
                    "nothing else runs meanwhile, and time limits cannot act. Await the slow call, or make the "
                    "step a def step, which runs in a thread",
                    step,
                    seconds,
                    frame.f_code.co_filename,
                    frame.f_lineno,
                    deepest.f_code.co_qualname,
                    deepest.f_code.co_filename,
                    deepest.f_lineno,
                )
                return
            del place


def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


WATCHDOG = Watchdog()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=WATCHDOG.forget)
