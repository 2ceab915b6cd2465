"""One run: the asyncio driver that gives the machine its facts and carries out its effects.

Rule 1. What happens to a run goes through ``apply``; nothing else starts, resumes or ends anything.
Rule 2. The run is over when the machine says so and the bodies in flight have ended or were given up.
Rule 3. A run is held by the loop it runs in, as the watchdog knows it, until it is over or that loop is closed.
"""

import asyncio
import contextvars
import logging
import sys
from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING, Any, TypeAlias

from stepwell.core import (
    COMPLETED,
    RUNNING,
    CancelRequested,
    CancelStep,
    CheckIdle,
    Effect,
    EndRun,
    Fact,
    Machine,
    Publish,
    ResumeStep,
    RunStarted,
    StartStep,
    StartTimer,
    Status,
    StopTimer,
    TimerFired,
    TurnPassed,
    record,
)
from stepwell.flow import StartEvent, StopEvent, Wiring
from stepwell.runtime._afar import lose
from stepwell.runtime._attempts import BackgroundTask
from stepwell.runtime._buffers import Buffers
from stepwell.runtime._crew import GRACE_SECONDS, Crew
from stepwell.runtime._history import History
from stepwell.runtime._leftovers import stop_task
from stepwell.runtime._observers import Observer, Observers, Printer
from stepwell.runtime._origins import Origin
from stepwell.runtime._outcome import Outcome
from stepwell.runtime._ports import ChildrenPort, Link, Serializer
from stepwell.runtime._restored import RestoredRun
from stepwell.runtime._run_ids import new_run_id
from stepwell.runtime._state_types import infer_state_type
from stepwell.runtime._steps import ReadyStep
from stepwell.runtime._stream import EventStream
from stepwell.runtime._timers import NO_TIMERS, Timers, own_timers
from stepwell.runtime._verdicts import cancelled, verdict
from stepwell.runtime._waits import NO_WAITS, WaitTable
from stepwell.runtime._watchdog import WATCHDOG

if TYPE_CHECKING:  # loaded when first used; see ADR 13
    from stepwell.runtime._resources import ResourceManager, RunResources
    from stepwell.runtime._state_store import StateStore

logger = logging.getLogger("stepwell.runtime")

CALLBACKS = "stepwell.callbacks"
"""A room that costs the import 20 ms, and that whoever listens has imported."""


Beginning: TypeAlias = StartEvent | RestoredRun


@record(frozen=True)
class Settings:
    """What a workflow was told: ``timeout`` in seconds, ``stream_buffer`` in events.

    These defaults hold for a subclass that never calls the constructor.
    """

    timeout: float | None = 45.0
    disable_validation: bool = False
    verbose: bool = False
    num_concurrent_runs: int | None = None
    workflow_name: str | None = None
    skip_graph_checks: frozenset[str] = frozenset()
    stream_buffer: int | None = 65_536
    callback_manager: Any = None
    resource_manager: "ResourceManager | None" = None
    serializer: Serializer | None = None


class Run:
    """Drives one run of a workflow from its start event to its outcome."""

    __slots__ = (
        "__weakref__",
        "background",
        "buffers",
        "children",
        "clock",
        "closing",
        "crew",
        "ending",
        "external_events",
        "history",
        "host",
        "loop",
        "machine",
        "named",
        "observers",
        "offset",
        "on_end",
        "outcome",
        "resources",
        "settings",
        "shows_internal",
        "state_store",
        "stream",
        "timers",
        "variables",
        "waits",
        "wiring",
        "workflow",
    )

    link: Link | None = None
    path: tuple[Origin, ...] = ()

    def __init__(
        self,
        workflow: Any,
        wiring: Wiring,
        steps: tuple[ReadyStep, ...],
        settings: Settings,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.workflow = workflow
        self.wiring = wiring
        self.settings = settings
        self.host = host = WATCHDOG.host(loop)
        self.loop = loop
        self.clock = host.clock
        self.offset = host.wall_clock() - host.clock()
        self.variables = contextvars.copy_context()
        self.machine = Machine(wiring.plan)
        self.stream = EventStream(loop, settings.stream_buffer)
        self.outcome = Outcome(loop)
        self.timers: Timers = NO_TIMERS
        self.waits: WaitTable = NO_WAITS
        self.crew = Crew(self, workflow, steps)
        self.history = History(self.crew.attempts)
        self.background: set[BackgroundTask] | None = None
        self.buffers: Buffers | None = None
        self.children: ChildrenPort | None = None
        self.resources: RunResources | None = None
        self.closing: asyncio.Task[None] | None = None
        self.state_store: StateStore[Any] | None = None
        self.observers: Observers | None = None
        self.shows_internal = False
        self.ending: EndRun | None = None
        self.external_events = False
        self.named: str | None = None
        self.on_end: Callable[[Run], None] | None = None
        if settings.verbose:
            self.observe(Printer())

    @property
    def run_id(self) -> str:
        if self.named is None:
            self.named = new_run_id()
        return self.named

    def is_forgotten(self) -> bool:
        """Return whether the run is at work or in line, and nobody waits for its end, or for what it shows."""
        state = self.machine.state
        rests = state.status is RUNNING and not state.active  # until a person answers, say
        is_over = self.ending is not None  # but for bodies that are still to end
        return not (is_over or rests or self.outcome.is_awaited or self.stream.is_awaited)

    def now(self) -> float:
        """Return the time in seconds since the epoch; within a process it never goes back."""
        return self.clock() + self.offset

    def observe(self, observer: Observer) -> None:
        """Tell ``observer`` what happens from now on."""
        if self.observers is None:
            self.observers = Observers([], lambda error: logger.error("an observer of a run failed", exc_info=error))
        self.observers.add(observer)
        for attempt in self.crew.attempts.values():
            attempt.needs_care = True

    def expose_internal(self) -> None:
        """Write internal events to the stream from now on; first the attempts in flight."""
        if not self.shows_internal:
            from stepwell.runtime._internal_observer import InternalEvents  # noqa: PLC0415  # start-up time

            self.shows_internal = True
            teller = InternalEvents(
                self.stream, self.run_id, self.loop, lambda: self.waits.are_all_that_is_left(self.machine.state)
            )
            for attempt in self.crew.attempts.values():
                teller.attempt_started(attempt, self.variables)
            self.observe(teller)
            if self.children is not None:
                self.children.expose_internal()

    def begin(self, event: Beginning) -> None:
        """Start the run, or take it up where a snapshot was made; bodies begin in the loop's next turn."""
        host = self.host
        host.runs.add(self)
        if len(host.runs) == 1:
            host.thread = get_ident()  # the loop may have moved
            if not host.is_watched:
                WATCHDOG.wake(host)
        if host.world is not None:
            host.world.adopt(self)
        if CALLBACKS in sys.modules:  # else nobody can listen
            _tell_callbacks(self)
        if type(event) is RestoredRun:
            from stepwell.runtime._restore import adopt, take_up  # noqa: PLC0415  # start-up time

            event.state.external_events |= self.external_events
            adopt(self, event)
            take_up(self, event)
            self.tell_above()
            return
        key = self.wiring.learn(type(event))
        self.apply(RunStarted(self.now(), key, event, self.settings.timeout, self.external_events))

    def apply(self, fact: Fact) -> None:
        """Give the machine a fact and carry out what follows from it; perhaps that is the end."""
        for effect in self.machine.apply(fact):
            if type(effect) is StartStep:
                self.crew.start(effect)
            else:
                self.carry_out(effect)
        if self.ending is not None:
            self.conclude_if_quiet()

    def tell_above(self) -> None:
        """Nobody is above."""

    def carry_out(self, effect: Effect) -> None:
        """Do what the machine asks for."""
        if type(effect) is EndRun:  # a class pattern that does not fit costs as much as a call
            self._end(effect)
        elif type(effect) is Publish:
            shown: Any = effect.event  # opaque to the machine
            self.stream.write(shown)
        elif type(effect) is ResumeStep:
            self.crew.resume(effect)
        elif type(effect) is StartTimer:
            own_timers(self).start(effect.timer, effect.at)
        elif type(effect) is StopTimer:
            self.timers.stop(effect.timer)
        elif type(effect) is CheckIdle:
            self._check_idle()
        elif type(effect) is CancelStep:
            self.crew.cancel(effect.attempt)
        elif type(effect) is StartStep:
            self.crew.start(effect)

    def fire(self, timer: int, now: float) -> None:
        """Take a due timer: the machine's own, or (negative) the time limit of an attempt."""
        if timer >= 0:
            self.apply(TimerFired(now, timer))
        else:
            self.crew.cancel(-timer, "timed out")

    def _check_idle(self) -> None:
        if self.observers is not None:
            self.observers.became_idle()
        self.loop.call_soon(self.loop.call_soon, lambda: self.apply(TurnPassed(self.now())))

    def cancel(self, *, grace: float = GRACE_SECONDS) -> None:
        """End the run as cancelled; bodies have ``grace`` seconds to end."""
        self.crew.grace = grace
        self.apply(CancelRequested(self.now()))

    def store(self) -> "StateStore[Any]":
        """Return the run's state, made when it is first asked for."""
        if self.state_store is None:
            from stepwell.runtime._state_store import StateStore  # noqa: PLC0415  # start-up time

            self.state_store = StateStore.of(infer_state_type(self.wiring.state_types))
        return self.state_store

    def in_loop(self) -> bool:
        """Return whether the caller is in the thread of the run's loop."""
        return get_ident() == self.host.thread

    def _end(self, ending: EndRun) -> None:
        self.ending = ending
        if self.children is not None:
            self.children.cancel(self.crew.grace)
        for task in self.background or ():
            stop_task(self, task, self.crew.grace)

    def conclude_if_quiet(self) -> None:
        """Settle the outcome once nothing of the run is in flight any more."""
        ending = self.ending
        if ending is None or self.crew.attempts or self.background or self.outcome.status is not RUNNING:
            return
        if self.children:
            return  # each reports its end
        if self.resources is None or self.resources.is_empty:
            self.conclude(ending)
        elif self.closing is None:
            self.closing = self.loop.create_task(self._close_resources(ending))

    def lost(self) -> None:
        """End: the loop was closed under it."""
        lose(self)

    async def _close_resources(self, ending: EndRun) -> None:
        assert self.resources is not None
        try:
            await self.resources.aclose()
        finally:  # also when it is cancelled, as asyncio.run() does with every task: somebody waits for the end
            self.conclude(ending)

    def conclude(self, ending: EndRun) -> None:
        """Settle the outcome; the run is over."""
        error: BaseException | None = None
        task = self.host.task
        if ending.status is COMPLETED:
            last = ending.outcome
            assert isinstance(last, StopEvent)
        elif ending.status is Status.CANCELLED:
            last, error = cancelled(self.wiring.workflow, with_loop=task is not None and task.has_cancelled(self))
        else:
            last, error = verdict(
                ending,
                wiring=self.wiring,
                timeout=self.settings.timeout,
                attempt=self.crew.failed_last,
                now=self.now(),
                half_full=self.buffers.explain() if self.buffers is not None else [],
            )
        if self.timers is not NO_TIMERS:
            self.timers.close()
        self.stream.close(last)
        self.outcome.settle(ending.status, last, error, self.wiring.workflow)
        if error is not None:
            self.stream.read_out = self.outcome.failure  # who read to the end was told: the last event says it
        self.host.runs.discard(self)
        if task is not None and task.is_awaited:
            task.run_ended(self)
        self.crew.disband()
        if self.observers is not None:
            self.observers.run_ended(ending.status, ending.outcome if error is None else error)
        if self.on_end is not None:
            self.on_end(self)


def _tell_callbacks(run: Run) -> None:
    from stepwell.runtime._callbacks import CallbackTeller, manager_for  # noqa: PLC0415  # see ADR 13

    manager = manager_for(run.settings.callback_manager)
    if manager is not None:
        run.observe(CallbackTeller(manager, workflow=run.wiring.workflow, run_id=run.run_id, variables=run.variables))
