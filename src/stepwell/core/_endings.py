"""How a run ends, and how it is known that it cannot go on.

Rule 1. A run ends once. What is in flight is cancelled, and whatever happens later is stale.
Rule 2. The run's time limit does not count while nothing is active: the timer is stopped and set anew.
Rule 3. A run is stalled when nothing is active, no wait or background task is open and the outside has
        nothing to say; the driver lets its loop turn once before that is final.
"""

from stepwell.core._effects import (
    RUNNING,
    CancelStep,
    CheckIdle,
    Effect,
    EndRun,
    HalfJoin,
    Stall,
    StartTimer,
    Status,
    StopTimer,
)
from stepwell.core._plan import Plan
from stepwell.core._state import NONE_YET, RUN_TIMER, State


def end_run(state: State, effects: list[Effect], ending: EndRun) -> None:
    """Fix the outcome, stop what is in flight and let go of what was queued."""
    state.status = ending.status
    if state.running:
        effects.extend([CancelStep(attempt) for attempt in state.running])
    if state.delayed or state.wait_timers:
        effects.extend([StopTimer(timer) for timer in (*state.delayed, *state.wait_timers)])
    if state.deadline is not None:
        effects.append(StopTimer(RUN_TIMER))
    effects.append(ending)
    state.running = state.delayed = state.cancelling = state.lingering = NONE_YET
    state.suspended = state.wait_timers = state.scopes = state.slots = NONE_YET
    state.held = state.tasks = state.points = NONE_YET
    state.lanes = [None] * len(state.lanes)
    state.active = 0
    state.deadline = state.remaining = None


def keep_time(state: State, plan: Plan, effects: list[Effect]) -> None:
    """After each fact: pause or resume the run's time limit, and notice that nothing is left to do."""
    if state.status is not RUNNING:
        return
    if state.active:
        state.checking = False
        if state.remaining is not None:
            state.deadline = state.now + state.remaining
            state.remaining = None
            effects.append(StartTimer(RUN_TIMER, state.deadline))
        return
    if state.deadline is not None:
        state.remaining = max(0.0, state.deadline - state.now)
        state.deadline = None
        effects.append(StopTimer(RUN_TIMER))
    if not state.checking and is_idle(state, plan):
        state.checking = True
        effects.append(CheckIdle())


def is_idle(state: State, plan: Plan) -> bool:
    """Return whether nothing that could move the run on exists, inside or outside."""
    return not (
        state.active
        or state.suspended
        or state.tasks
        or state.cancelling
        or state.external_events
        or ((state.unprompted or state.questions) and plan.takes_answers)
    )


def stall(state: State, plan: Plan, effects: list[Effect]) -> None:
    """End a run that is idle, with what explains it."""
    unhandled: dict[str, int] = {}
    for held in state.held.values():
        unhandled[held.key] = unhandled.get(held.key, 0) + 1
    why = Stall(unhandled=tuple(unhandled.items()), joins=_half_joins(state, plan), last_step=state.last_step)
    end_run(state, effects, EndRun(Status.STALLED, None, stall=why))


def _half_joins(state: State, plan: Plan) -> tuple[HalfJoin, ...]:
    joins = [
        HalfJoin(
            step=step,
            present=tuple(key for key, queue in zip(plan.steps[step].slots, queues, strict=True) if queue),
            missing=tuple((key, 1) for key, queue in zip(plan.steps[step].slots, queues, strict=True) if not queue),
        )
        for (_, step), queues in state.slots.items()
    ]
    for scope in state.scopes.values():
        for join in scope.joins:
            gathering = plan.steps[join].gathering
            if gathering is None or gathering.take is None or join in scope.closed_joins:
                continue
            kept = len(scope.gathered.get(join, ()))
            accepts = plan.steps[join].accepts
            joins.append(
                HalfJoin(step=join, present=accepts[:1] * kept, missing=((accepts[0], gathering.take - kept),))
            )
    return tuple(joins)


def time_out(state: State, effects: list[Effect]) -> None:
    """End a run whose time is up, naming the steps in flight."""
    active = tuple(dict.fromkeys(start.step for start in state.running.values()))
    waiting = tuple(dict.fromkeys(start.step for start in state.delayed.values()))
    state.deadline = None
    end_run(state, effects, EndRun(Status.TIMED_OUT, None, active=active or waiting))
