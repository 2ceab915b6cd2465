"""The attempts of one run: started, resumed, told to stop, and reported to the machine when they end.

Rule 1. Due timers are taken before results: what arrives after its deadline is late.
Rule 2. Each attempt is a task with context variables of its own; it begins in ``drain``, not in a turn of the loop.
Rule 3. An attempt that is to stop is told once. It is out of flight when it has ended, or after
        ``GRACE_SECONDS``; a thread, which cannot be told, at once.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from stepwell.core import (
    CancelRequested,
    EndRun,
    Fact,
    ResumeStep,
    StartStep,
    Status,
    StepCancelled,
    StepFailed,
    StepFannedOut,
    StepFinished,
)
from stepwell.errors import StepCancelledError, StepTimeoutError
from stepwell.flow import Event, StepFailedEvent
from stepwell.runtime._attempts import Attempt, new_runner
from stepwell.runtime._collected import told_so_far
from stepwell.runtime._context import LiveContext
from stepwell.runtime._execution import call_with_care
from stepwell.runtime._intents import unobserved_error
from stepwell.runtime._leftovers import stop_task
from stepwell.runtime._observers import moment
from stepwell.runtime._points import end_replay
from stepwell.runtime._ports import RunPort
from stepwell.runtime._retries import retry_delay
from stepwell.runtime._step_task import Runner
from stepwell.runtime._steps import ReadyStep, result_key, result_keys
from stepwell.runtime._timers import own_timers
from stepwell.runtime._turns import Soon
from stepwell.runtime._verdicts import note_attempt

logger = logging.getLogger("stepwell.runtime")

DRAIN_BODIES = 16
DRAIN_SECONDS = 0.001

GRACE_SECONDS = 5.0
"""How long a cancelled body may take to end before it is given up."""

CHILD_SECONDS = 0.1
"""How much longer it may take when it waits for a child run that has the same time to end."""


def has_children(run: RunPort, attempt: int) -> bool:
    """Return whether an attempt has a child run that is not over."""
    return run.children is not None and run.children.holds(attempt)


def meaning(run: RunPort, attempt: Attempt, result: object, now: float) -> Fact:
    """Return what a result means to the machine. Raises ``UndeclaredResultError``."""
    step = attempt.step
    number = attempt.start.attempt
    if type(result) is list and step.lists:
        keys = result_keys(step, run.wiring, result)
        for key, count in Counter(keys).items():
            run.history.produce(step.number, key, count)
        wakes = tuple(map(run.waits.matching, result)) if run.waits.open else ()
        return StepFannedOut(now, number, keys, tuple(result), wakes)
    key = step.keys.get(type(result)) or result_key(step, run.wiring, result)  # type: ignore[arg-type]  # as above
    fact = StepFinished(now, number, key, result)
    if run.waits.open:
        assert isinstance(result, Event)
        fact.wakes = run.waits.matching(result)
    return fact


def drop_waits(run: RunPort, attempt: Attempt) -> None:
    """Let go of the waits of an attempt that ends."""
    for ordinal in range(attempt.wait_count):
        wait = run.waits.remove((attempt.start.attempt, ordinal))
        if wait is not None:
            wait.future.cancel()


def cancel_left(run: RunPort, number: int, grace: float) -> None:
    """Tell the background tasks to stop that an attempt left when its body came to its end."""
    for task in run.background or ():
        if task.attempt == number:
            stop_task(run, task, grace)


class Crew:
    """The attempts in flight. Implements ``AttemptKeeper``, which an attempt tells how it ended."""

    __slots__ = (
        "attempts",
        "draining",
        "ended",
        "failed_last",
        "grace",
        "is_below",
        "loop",
        "others",
        "ready",
        "run",
        "runners",
        "soon",
        "steps",
        "workflow",
    )

    def __init__(self, run: RunPort, workflow: Any, steps: tuple[ReadyStep, ...]) -> None:
        self.run = run
        self.loop = run.loop
        self.soon: Soon = run.host.soon
        self.runners: list[Runner] = run.host.runners
        self.workflow = workflow
        self.steps = steps
        self.attempts: dict[int, Attempt] = {}
        self.failed_last: Attempt | None = None
        self.grace = GRACE_SECONDS
        self.is_below = False  # true for a child run
        self.ready: Attempt | None = None  # the first that is to begin
        self.others: deque[Attempt] | None = None  # those behind it; an empty one takes 600 bytes, and runs are many
        self.draining = False
        self.ended: Status | None = None  # how, once the run is over

    def start(self, start: StartStep) -> Attempt:
        """Make the attempt; its body begins when its turn comes."""
        run = self.run
        step = self.steps[start.step]
        attempt = self.attempts[start.attempt] = Attempt(self, start, step, run.machine.state.now)
        attempt.variables = run.variables.copy()
        if step.wants_context:
            attempt.context = LiveContext(run, attempt)
        if step.timeout is not None:
            attempt.needs_care = True
            own_timers(run).start(-start.attempt, attempt.started + step.timeout)
        if run.observers is not None:
            attempt.needs_care = True
            attempt.refusal = run.observers.attempt_started(attempt, attempt.variables)
        if self.ready is None:
            self.ready = attempt
        elif self.others is None:
            self.others = deque((attempt,))
        else:
            self.others.append(attempt)
        if not self.draining:
            self.draining = run.stream.expecting = True
            self.soon(self.drain)
        return attempt

    def call_with_care(self, attempt: Attempt) -> Coroutine[Any, Any, Any]:
        """Return the body of an attempt for which more is to be done than to call the step's function."""
        return call_with_care(self.workflow, attempt, self.fill_resources)

    def drain(self) -> None:
        """Begin the attempts that are ready, as many as may go before the loop must turn.

        Others in the loop must not starve, and who listens to the stream must hear of an event before the next body
        begins: after so many bodies, so much time, or a wake-up the rest follows in the loop's next turn.
        """
        if self.ready is None:
            self.draining = False  # all of them were called off
            return
        # The run itself is in no local here: the traceback of a body that fails holds on to this frame.
        runners = self.runners
        stream, state = self.run.stream, self.run.machine.state
        latest = state.now + DRAIN_SECONDS
        left = DRAIN_BODIES
        stream.woke = False
        try:
            while (attempt := self.ready) is not None:
                self.ready = self.others.popleft() if self.others else None
                if attempt.over is None:
                    runner = runners.pop() if runners else new_runner()
                    if attempt.advance(runner, attempt):
                        runners.append(runner)
                    else:
                        attempt.runner = runner
                left -= 1
                if not left or stream.woke or state.now > latest:
                    break
        finally:
            if self.ready is not None:
                self.soon(self.drain)
            else:
                self.draining = stream.expecting = False
                self.others = None

    def resume(self, effect: ResumeStep) -> None:
        """Let a wait return, with its event or because its time is up."""
        wait = self.run.waits.remove((effect.attempt, effect.wait))
        attempt = self.attempts.get(effect.attempt)
        if attempt is not None:
            self.count_wait(attempt, -1)
        if wait is not None and not wait.future.done():
            wait.future.set_result(None if effect.timed_out else wait.accept(effect.event))

    def count_wait(self, attempt: Attempt, change: int) -> None:
        """Keep the count of open waits; the step's time limit stands still while there are any.

        One that is over when a wait begins is over: its timer is late, and is left to strike.
        """
        attempt.open_waits += change
        attempt.needs_care = True
        if attempt.step.timeout is None:
            return
        timers, now = own_timers(self.run), self.run.now()
        if change > 0 and attempt.open_waits == 1:
            due = timers.due_at(-attempt.start.attempt)
            if due is not None and due > now:
                attempt.budget = due - now
                timers.stop(-attempt.start.attempt)
        elif attempt.open_waits == 0 and attempt.budget is not None:
            timers.start(-attempt.start.attempt, now + attempt.budget)
            attempt.budget = None

    def disband(self) -> None:
        """Let go of the run: nothing is in flight any more."""
        self.ended = self.run.outcome.status
        del self.run
        self.ready = self.others = None

    async def fill_resources(self, attempt: Attempt, exits: AsyncExitStack) -> dict[str, Any]:
        """Return the values of a step's resource parameters."""
        run = self.run
        resources = run.resources
        if resources is None:
            resources = run.resources = self.workflow.resource_manager.of_run(run.loop)
        return await resources.fill(attempt.step.definition, exits)

    # What becomes of an attempt: its task calls exactly one of ``returned`` and ``raised``.

    def returned(self, attempt: Attempt, result: object, *, is_heard: bool = False) -> None:
        """Take the result of a body; but who reads the stream, and was woken, is to hear before anything else happens.

        ``is_heard`` when the loop has turned for that already.
        """
        if attempt.over is not None:
            return
        run = self.run
        if run.stream.woke and not is_heard:
            self.soon(partial(self._returned_later, attempt, result))
            return
        clock = run.clock  # see ``StepTask.advance``
        now = clock() + run.offset
        if (attempt.needs_care or now >= run.timers.earliest) and self._ended_otherwise(attempt, now):
            return
        number = attempt.start.attempt
        keys = attempt.step.keys
        kind: Any = type(result)
        key = keys.get(kind)
        fact: Fact | None
        if result is None or (key is not None and not run.waits.open):
            fact = StepFinished(now, number, key, result)
        else:
            fact = self._fact(attempt, result, now)
            if fact is None:
                return
            key = keys.get(kind)
        if attempt.needs_care:
            self._leave(attempt, "ok", result, now, key)
        else:  # what _leave does, as far as there is anything to do
            del self.attempts[number]
            attempt.context = None
            run.history.record(attempt, "ok", now, key)
        for effect in run.machine.apply(fact):  # what run.apply does, without the call
            if type(effect) is StartStep:
                self.start(effect)
            else:
                run.carry_out(effect)
        if self.is_below or run.ending is not None:
            run.tell_above()
            run.conclude_if_quiet()

    def _returned_later(self, attempt: Attempt, result: object) -> None:
        try:
            self.returned(attempt, result, is_heard=True)
        except Exception as flaw:  # noqa: BLE001  # nobody else would hear of it
            self.broke(attempt, flaw)

    def _ended_otherwise(self, attempt: Attempt, now: float) -> bool:
        """Take the end of a body whose result is too late, or is spoilt by a background task that failed unseen."""
        self.run.timers.fire_due(now)
        if attempt.over is not None:  # a thread, that was out of time by that
            return True
        if attempt.stopping is not None:
            self._stop(attempt)
            return True
        left = unobserved_error(attempt) if attempt.tasks else None
        if attempt.replay is not None:
            left = attempt.replay.flaw(attempt) or left
        if left is not None:
            self._fail(attempt, left, "failed", now)
        return left is not None

    def _fact(self, attempt: Attempt, result: object, now: float) -> Fact | None:
        """Return what a result means; ``None`` for one that was not declared, which is a failure of the step."""
        try:
            return meaning(self.run, attempt, result, now)
        except Exception as error:  # noqa: BLE001
            self._fail(attempt, error, "failed", now)
            return None

    def raised(self, attempt: Attempt, error: BaseException) -> None:
        """Take the exception of a body."""
        if attempt.over is not None:
            return
        if isinstance(error, asyncio.CancelledError):
            self._take_cancelled(attempt, error)
            return
        run = self.run
        now = run.now()
        run.timers.fire_due(now)
        if attempt.over is not None:  # a thread, that was out of time by that
            return
        if attempt.stopping is not None:
            self._stop(attempt)
        else:
            self._fail(attempt, error, "failed", now)

    def _take_cancelled(self, attempt: Attempt, why: asyncio.CancelledError) -> None:
        """Take the end of a body that was cancelled, by the engine or by somebody else."""
        if attempt.stopping is None:
            error = StepCancelledError(step=attempt.step.name, from_outside=attempt.cancelling() > 0)
            error.__cause__ = why
            self._fail(attempt, error, "cancelled" if error.from_outside else "failed", self.run.now())
        else:
            self._stop(attempt)

    def _stop(self, attempt: Attempt, why: str | None = None) -> None:
        """Report an attempt that was told to stop, and has, or from now on does not count."""
        if attempt.abandon_handle is not None:
            attempt.abandon_handle.cancel()
        run = self.run  # the run may conclude in apply, and let go of its crew
        now = run.now()
        attempt.over = why or attempt.stopping
        if attempt.stopping == "timed out":
            error = StepTimeoutError(step=attempt.step.name, timeout=attempt.step.timeout or 0.0)
            self._fail(attempt, error, "timed out", now)
            return
        self._leave(attempt, "cancelled", None, now)
        run.apply(StepCancelled(now, attempt.start.attempt))

    def _fail(self, attempt: Attempt, error: BaseException, outcome: str, now: float) -> None:
        note_attempt(error, attempt)
        run = self.run  # the run may conclude in apply, and let go of its crew
        delay, final = attempt.variables.run(retry_delay, attempt, error, now, run.run_id)
        failure = None
        if (
            delay is None
            and outcome != "cancelled"
            and (attempt.step.explains_failures or attempt.start.lineage is not None)
        ):
            failure = StepFailedEvent(
                step_name=attempt.step.name,
                input_event=attempt.start.event,
                exception=final,
                attempts=attempt.start.number,
                elapsed_seconds=now - attempt.began,
                failed_at=moment(now),
            )
        if run.ending is None:
            self.failed_last = attempt
        attempt.retry_delay = delay
        self._leave(attempt, outcome, final, now)
        retry_at = None if delay is None else now + delay
        run.apply(StepFailed(now, attempt.start.attempt, final, failure, attempt.began, retry_at, told_so_far(attempt)))

    def _leave(self, attempt: Attempt, outcome: str, result: object, now: float, returned: str | None = None) -> None:
        """Take an attempt out of flight, and remember it, with the type of the one event that it returned."""
        run = self.run
        number = attempt.start.attempt
        del self.attempts[number]
        if attempt.step.timeout is not None:
            run.timers.stop(-number)
        if outcome != "ok":
            attempt.over = attempt.over or outcome
            for task in attempt.tasks or ():
                stop_task(run, task, self.grace)
        if attempt.replay is not None:
            end_replay(run, attempt)
        if attempt.open_waits and (outcome != "ok" or not attempt.tasks):
            drop_waits(run, attempt)
        attempt.context = attempt.store_view = None  # no rings for the garbage collector
        run.history.record(attempt, outcome, now, returned)
        if run.observers is not None:
            run.observers.attempt_ended(attempt, outcome, result, now)

    def broke(self, attempt: Attempt, error: Exception) -> None:
        """End the run where the end of a body cannot be taken: it must not wait for that for ever."""
        note_attempt(error, attempt)
        logger.error("the engine could not take the end of step %r", attempt.step.name, exc_info=error)
        attempt.over = "broken"
        if self.ended is not None:
            return
        run = self.run
        if run.ending is None:
            self.failed_last = attempt
            self.attempts[attempt.start.attempt] = attempt  # or the run would end as cancelled
            run.apply(CancelRequested(run.now()))
            run.ending = EndRun(Status.FAILED, error)
        self.attempts.pop(attempt.start.attempt, None)
        run.conclude_if_quiet()

    # Stopping.

    def cancel(self, number: int, why: str = "cancelled") -> None:
        """Tell an attempt to stop."""
        attempt = self.attempts.get(number)
        if attempt is None:
            cancel_left(self.run, number, self.grace)
            return
        if attempt.stopping is not None:
            return
        attempt.stopping = why
        attempt.needs_care = True
        if self.run.children is not None:
            self.run.children.cancel(self.grace, number)
        attempt.cancel()
        if not attempt.begun:
            self._stop(attempt)
        elif not attempt.step.is_async:
            logger.warning(
                "step %r was told to stop (%s), but its thread cannot be stopped: it runs on, and its ctx refuses "
                "further use",
                attempt.step.name,
                why,
            )
            self._stop(attempt)
        else:
            later = CHILD_SECONDS if has_children(self.run, number) else 0.0
            attempt.abandon_handle = self.run.loop.call_later(self.grace + later, self._give_up, attempt)

    def _give_up(self, attempt: Attempt) -> None:
        if has_children(self.run, attempt.start.attempt):  # which end in time, and then it does
            attempt.abandon_handle = self.run.loop.call_later(CHILD_SECONDS, self._give_up, attempt)
            return
        logger.warning(
            "step %r ignores its cancellation and was given up after %g seconds", attempt.step.name, self.grace
        )
        self._stop(attempt, "given up")
