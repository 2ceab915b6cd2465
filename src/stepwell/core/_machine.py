"""The machine: what follows from each fact of a run.

Rule 1. Every rule about the order of a run lives in this room.
Rule 2. Nothing here reads a clock, draws a random number or awaits. Time and chance arrive inside
        facts, so that a journal replays to the same state and the same effects.
Rule 3. A stale or repeated fact changes nothing: it is counted and ignored.
Rule 4. The work for one fact does not grow with the number of queued events, finished steps or workers
        (amortized: a fan-out costs its branches, an ending what is in flight).
"""

from typing import TypeAlias, assert_never

from stepwell.core._children import change_child, close_child, open_child
from stepwell.core._effects import (
    NEW,
    RUNNING,
    Effect,
    EndRun,
    Lineage,
    Retry,
    StartStep,
    StartTimer,
    Status,
)
from stepwell.core._endings import end_run, is_idle, keep_time, stall, time_out
from stepwell.core._facts import (
    CancelRequested,
    ChildClosed,
    ChildOpened,
    ChildPaused,
    ChildResumed,
    EventSent,
    Fact,
    HeldPassedOn,
    InputAnswered,
    InputAsked,
    InputWithdrawn,
    PointRecorded,
    RunStarted,
    Settlement,
    StepCancelled,
    StepFailed,
    StepFannedOut,
    StepFinished,
    TaskClosed,
    TaskOpened,
    TimerFired,
    TurnPassed,
    WaitDropped,
    WaitStarted,
)
from stepwell.core._lanes import (
    admit,
    enqueue,
    forget_waits,
    new_attempt,
    next_attempt,
    pass_on,
    release,
    start_next,
)
from stepwell.core._plan import Kind, Plan
from stepwell.core._points import kept_points, take_point
from stepwell.core._routing import ask, deliver, deliver_branches, deliver_to_step, note_answer, withdraw
from stepwell.core._scopes import keep_error, linger, open_scope, settle
from stepwell.core._state import ALONE, RUN_TIMER, Points, Scope, State, lineage_of, scope_of
from stepwell.core._waits import answer, drop_wait, outlive_body, start_wait, wake

ChildFact: TypeAlias = ChildOpened | ChildPaused | ChildResumed | ChildClosed
RunFact: TypeAlias = (
    RunStarted | TurnPassed | InputAsked | InputAnswered | InputWithdrawn | HeldPassedOn | CancelRequested
)
RareFact: TypeAlias = WaitDropped | PointRecorded | TaskOpened | TaskClosed | StepCancelled | ChildFact | RunFact
OtherFact: TypeAlias = EventSent | StepFannedOut | StepFailed | TimerFired | WaitStarted | RareFact


class Machine:
    """One run's rules and its state. ``apply`` is total: it never raises, whatever the fact."""

    __slots__ = ("plan", "state")

    def __init__(self, plan: Plan, state: State | None = None) -> None:
        self.plan = plan
        self.state = State(len(plan.steps)) if state is None else state

    def apply(self, fact: Fact) -> list[Effect]:
        """Take ``fact`` into the state and return the effects it calls for, in order."""
        state = self.state
        if state.status is not RUNNING:
            return self._apply_outside(fact)
        effects: list[Effect] = []
        state.now = fact.at
        if type(fact) is StepFinished:  # what most are; a class pattern asks twice as long
            self._finish(effects, fact)
        else:
            self._apply_other(effects, fact)
        if not state.active or state.remaining is not None or state.checking:
            keep_time(state, self.plan, effects)
        return effects

    def _apply_other(self, effects: list[Effect], fact: OtherFact) -> None:
        match fact:
            case EventSent():
                self._send(effects, fact)
            case StepFannedOut():
                self._fan_out(effects, fact)
            case StepFailed():
                self._fail(effects, fact)
            case TimerFired():
                self._fire(effects, fact)
            case WaitStarted():
                start_wait(self.state, self.plan, effects, fact)
            case _:
                self._apply_rare(effects, fact)

    def _apply_outside(self, fact: Fact) -> list[Effect]:
        """Begin a new run, or call it off. Whatever else comes before the beginning or after the end is stale."""
        state = self.state
        effects: list[Effect] = []
        if state.status is NEW and isinstance(fact, RunStarted):
            state.status = RUNNING
            state.now = fact.at
            state.external_events = fact.external_events
            state.unprompted = self.plan.takes_answers
            if fact.timeout is not None:
                state.deadline = fact.at + fact.timeout
                effects.append(StartTimer(RUN_TIMER, state.deadline))
            deliver(state, self.plan, effects, fact.key, fact.event, None, None)
            if not state.active:
                keep_time(state, self.plan, effects)
        elif state.status is NEW and isinstance(fact, CancelRequested):
            state.status = RUNNING
            end_run(state, effects, EndRun(Status.CANCELLED, None))
        else:
            state.stale_facts += 1
        return effects

    def _apply_rare(self, effects: list[Effect], fact: RareFact) -> None:
        state = self.state
        match fact:
            case WaitDropped():
                drop_wait(state, effects, fact)
            case PointRecorded():
                take_point(state, fact)
            case TaskOpened():
                self._open_task(fact.attempt)
            case TaskClosed():
                self._close_task(effects, fact)
            case StepCancelled():
                self._take_late(effects, fact.attempt)
            case ChildOpened():
                open_child(state, effects, fact)
            case ChildPaused():
                change_child(state, fact, works=False)
            case ChildResumed():
                change_child(state, fact, works=True)
            case ChildClosed():
                close_child(state, effects, fact)
            case _:
                self._apply_to_run(effects, fact)

    def _apply_to_run(self, effects: list[Effect], fact: RunFact) -> None:
        state = self.state
        match fact:
            case RunStarted():
                state.stale_facts += 1
            case TurnPassed():
                if state.checking and is_idle(state, self.plan):
                    stall(state, self.plan, effects)
                state.checking = False
            case InputAsked():
                ask(state)
            case InputAnswered():
                note_answer(state)
            case InputWithdrawn():
                withdraw(state)
            case HeldPassedOn():
                if state.held.pop(fact.held, None) is None:
                    state.stale_facts += 1
            case CancelRequested():
                end_run(state, effects, EndRun(Status.CANCELLED, None))
            case _:
                assert_never(fact)

    def _send(self, effects: list[Effect], fact: EventSent) -> None:
        state, plan, sender = self.state, self.plan, fact.sender
        lineage = None if sender is None else lineage_of(state, sender)
        if fact.step is None and not fact.wakes:  # what nearly all are
            deliver(state, plan, effects, fact.key, fact.event, sender, lineage)
            return
        origin = (sender, lineage)
        woken = bool(fact.wakes) and wake(state, effects, fact.wakes, fact.event)
        if fact.step is not None:
            deliver_to_step(state, plan, effects, fact.step, (fact.key, fact.event), origin)
        else:
            self._pass_on(effects, (fact.key, fact.event), woken, origin)

    def _pass_on(
        self, effects: list[Effect], what: tuple[str, object], woken: bool, origin: tuple[int | None, Lineage | None]
    ) -> None:
        """Take an event on to steps and joins; one that woke a wait and leads nowhere else has done its work."""
        key, event = what
        route = self.plan.routes[key]
        if not woken or route.leads:
            deliver(self.state, self.plan, effects, key, event, *origin)
        elif route.kind is Kind.ANSWER:
            note_answer(self.state)

    def _leave(self, effects: list[Effect], attempt: int) -> StartStep | None:
        """Take an attempt that ended out of flight; ``None`` when that is no news."""
        start = self.state.running.pop(attempt, None)
        if start is None:
            self._take_late(effects, attempt)
        return start

    def _take_late(self, effects: list[Effect], attempt: int) -> None:
        """Take the end of an attempt that was cancelled: only now is its worker free."""
        start = self.state.cancelling.pop(attempt, None)
        if start is None:
            self.state.stale_facts += 1
        else:
            release(self.state, effects, start)

    def _finish(self, effects: list[Effect], fact: StepFinished) -> None:
        state = self.state
        start = state.running.pop(fact.attempt, None)
        if start is None:
            self._take_late(effects, fact.attempt)
            return
        if state.suspended and fact.attempt in state.suspended:
            outlive_body(state, effects, fact.attempt)
        lineage = start.lineage
        if fact.key is not None:
            if not fact.wakes:  # what nearly all do goes the short way
                deliver(state, self.plan, effects, fact.key, fact.event, fact.attempt, lineage)
            else:
                woken = wake(state, effects, fact.wakes, fact.event)
                self._pass_on(effects, (fact.key, fact.event), woken, (fact.attempt, lineage))
            if state.status is not RUNNING:
                return
        self._close(effects, start)

    def _close(self, effects: list[Effect], start: StartStep) -> None:
        """Free what a body that came to its end held; its background tasks keep its branch open."""
        state = self.state
        state.last_step = start.step
        state.active -= 1
        worker = start.worker
        lane = state.lanes[start.step]
        if worker >= 0 and lane is not None:
            start.worker = -1
            if lane.free is ALONE:
                state.lanes[start.step] = None
            elif lane.returning:
                pass_on(state, effects, lane, worker)
            elif not lane.queue or not start_next(state, effects, lane.queue, worker):
                lane.free.append(worker)
        if state.tasks and start.attempt in state.tasks:
            linger(state, effects, start)
            return
        if state.points:
            state.points.pop(start.attempt, None)
        if start.lineage is not None:
            settle(state, self.plan, effects, start.lineage)

    def _fan_out(self, effects: list[Effect], fact: StepFannedOut) -> None:
        state, plan = self.state, self.plan
        start = self._leave(effects, fact.attempt)
        if start is None:
            return
        if fact.attempt in state.suspended:
            outlive_body(state, effects, fact.attempt)
        scope = open_scope(state, start, plan.steps[start.step].joins)
        scope.tokens = 1
        recoveries = start.lineage.recoveries if start.lineage is not None else ()
        if not fact.wakes and all(plan.routes[key].is_one_step for key in set(fact.keys)):
            deliver_branches(state, plan, effects, fact, scope, recoveries)
        else:
            self._deliver_each(effects, fact, scope, recoveries)
            if state.status is not RUNNING:
                return
        settle(state, plan, effects, Lineage(scope.number, 0))
        self._close(effects, start)

    def _deliver_each(
        self, effects: list[Effect], fact: StepFannedOut, scope: Scope, recoveries: tuple[int, ...]
    ) -> None:
        """Take the events of a fan-out wherever they lead, until one of them ends the run."""
        state = self.state
        for index, (key, event) in enumerate(zip(fact.keys, fact.events, strict=True)):
            woken = bool(fact.wakes) and wake(state, effects, fact.wakes[index], event)
            branch = Lineage(scope.number, index, recoveries)
            self._pass_on(effects, (key, event), woken, (fact.attempt, branch))
            if state.status is not RUNNING:
                return

    def _fail(self, effects: list[Effect], fact: StepFailed) -> None:
        state = self.state
        start = self._leave(effects, fact.attempt)
        if start is None:
            return
        kept = kept_points(state, fact.attempt) if state.points or state.suspended else ()
        state.points.pop(fact.attempt, None)
        forget_waits(state, effects, fact.attempt)
        if fact.retry_at is not None:
            retry = next_attempt(state, start, Retry(fact.began, fact.error, fact.at, fact.collected))
            if kept:
                state.points = state.points or {}
                state.points[retry.attempt] = Points(kept=kept)
            state.delayed = state.delayed or {}
            state.delayed[retry.attempt] = retry
            effects.append(StartTimer(retry.attempt, fact.retry_at))
            release(state, effects, start)
            return
        if not self._recover(effects, start, fact.failure):
            end_run(state, effects, EndRun(Status.FAILED, fact.error, attempt=fact.attempt))
            return
        release(state, effects, start)
        state.active -= 1
        if start.lineage is not None:
            settle(state, self.plan, effects, start.lineage)

    def _recover(self, effects: list[Effect], start: StartStep, failure: object) -> bool:
        """Take a final failure to the step that handles it, or to the join that keeps it."""
        state, plan = self.state, self.plan
        step = plan.steps[start.step]
        lineage = start.lineage or Lineage(None, 0)
        if step.catcher is not None and lineage.recoveries.count(step.catcher) < step.recoveries:
            spent = Lineage(lineage.scope, lineage.index, (*lineage.recoveries, step.catcher))
            enqueue(
                state,
                plan,
                effects,
                new_attempt(state, step.catcher, plan.failure_key, failure, start.attempt, spent),
            )
            return True
        scope = scope_of(state, lineage)
        failed = (lineage.index, failure, start.attempt)
        return scope is not None and keep_error(state, plan, effects, failed, scope)

    def _fire(self, effects: list[Effect], fact: TimerFired) -> None:
        state = self.state
        timer = fact.timer
        if timer == RUN_TIMER:
            if state.deadline is not None and state.now >= state.deadline:
                time_out(state, effects)
                return
        elif timer in state.delayed:
            start = state.delayed.pop(timer)
            start.queued_at = state.now
            admit(state, self.plan, effects, start)
            return
        elif timer in state.wait_timers:
            answer(state, effects, state.wait_timers[timer], None, Settlement.LATE)
            return
        state.stale_facts += 1

    def _open_task(self, attempt: int) -> None:
        state = self.state
        if attempt not in state.running and attempt not in state.lingering:
            state.stale_facts += 1
            return
        state.tasks = state.tasks or {}
        state.tasks[attempt] = state.tasks.get(attempt, 0) + 1
        state.active += 1

    def _close_task(self, effects: list[Effect], fact: TaskClosed) -> None:
        state = self.state
        left = state.tasks.get(fact.attempt, 0) - 1
        if left < 0:
            state.stale_facts += 1
            return
        if fact.error is not None:
            end_run(state, effects, EndRun(Status.FAILED, fact.error, attempt=fact.attempt))
            return
        state.active -= 1
        if left:
            state.tasks[fact.attempt] = left
            return
        del state.tasks[fact.attempt]
        start = state.lingering.pop(fact.attempt, None)
        if start is not None:
            forget_waits(state, effects, fact.attempt)
            state.points.pop(fact.attempt, None)
            settle(state, self.plan, effects, start.lineage)
