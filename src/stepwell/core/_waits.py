"""Waits: a body that suspends itself, and what brings it back.

Rule 1. Nothing before a wait runs twice: the body is suspended, not thrown away.
Rule 2. A suspended attempt holds no worker and is not active. It holds one exactly when it has no open wait.
Rule 3. A wait is settled once: by an event, by its deadline, or because the body stopped listening.
Rule 4. A background task may wait after the body of its step is over; it needs no worker.
"""

from stepwell.core._effects import Effect, Publish, ResumeStep, StartStep, StartTimer, StopTimer
from stepwell.core._facts import DONE, LATE, Settlement, WaitDropped, WaitId, WaitStarted
from stepwell.core._lanes import forget_waits, hand_over, release, return_to_work
from stepwell.core._plan import Kind, Plan
from stepwell.core._points import settle_point
from stepwell.core._routing import ask, note_answer
from stepwell.core._state import State, Suspension, Wait


def start_wait(state: State, plan: Plan, effects: list[Effect], fact: WaitStarted) -> None:
    """Suspend the attempt, unless an event that came earlier answers at once."""
    start = state.running.get(fact.attempt)
    record = start or state.lingering.get(fact.attempt)
    if record is None or fact.wait < record.waits:
        state.stale_facts += 1
        return
    record.waits = fact.wait + 1
    if fact.ask is not None:
        ask(state)
        effects.append(Publish(fact.ask))
    held = state.held.pop(fact.takes, None) if fact.takes is not None else None
    if held is not None:
        settle_point(state, fact.attempt, fact.point, DONE, held.event)
        if plan.routes[held.key].kind is Kind.ANSWER:
            note_answer(state)
        effects.append(ResumeStep(fact.attempt, fact.wait, held.event, False))
        return
    suspension = suspend(state, effects, fact.attempt, start)
    timer = None
    if fact.deadline is not None:
        state.counter += 1
        timer = state.counter
        state.wait_timers = state.wait_timers or {}
        state.wait_timers[timer] = (fact.attempt, fact.wait)
        effects.append(StartTimer(timer, fact.deadline))
    suspension.open[fact.wait] = Wait(fact.key, timer, False, fact.point)


def suspend(state: State, effects: list[Effect], attempt: int, start: StartStep | None) -> Suspension:
    """Take the worker from a body that begins to wait; one that queues for it gets its answers now."""
    suspension = state.suspended.get(attempt)
    if suspension is None:
        state.suspended = state.suspended or {}
        suspension = state.suspended[attempt] = Suspension(detached=start is None)
        if start is not None:
            state.active -= 1
            release(state, effects, start)
    elif suspension.returning:
        suspension.returning = False
        state.active -= 1
        hand_over(state, effects, attempt)
        state.suspended = state.suspended or {}
        state.suspended[attempt] = suspension
    return suspension


def wake(state: State, effects: list[Effect], waits: tuple[WaitId, ...], event: object) -> bool:
    """Give ``event`` to open waits; return whether any of them still stood."""
    answered = [answer(state, effects, wait, event, DONE) for wait in waits]
    return any(answered)


def answer(state: State, effects: list[Effect], name: WaitId, event: object, settlement: Settlement) -> bool:
    """Settle one wait, by an event, by its deadline (``LATE``), or by the end of a child. An attempt may have several.

    While others are open the body goes on without a worker; the last answer brings the worker back, but
    for a body that is over and left a background task that waits.
    """
    attempt, wait = name
    suspension = state.suspended.get(attempt)
    if suspension is None:
        return False
    opened = suspension.open.pop(wait, None)
    if opened is None:
        return False
    late = settlement is LATE
    if opened.works:
        state.active -= 1
    if opened.timer is not None:
        del state.wait_timers[opened.timer]
        if not late:
            effects.append(StopTimer(opened.timer))
    if suspension.open or suspension.detached:
        settle_point(state, attempt, opened.point, settlement, event)
        effects.append(ResumeStep(attempt, wait, event, late))
        if not suspension.open:
            del state.suspended[attempt]
        return True
    suspension.ready += ((wait, event, settlement, opened.point),)
    return_to_work(state, effects, state.running[attempt])
    return True


def drop_wait(state: State, effects: list[Effect], fact: WaitDropped) -> None:
    """Forget a wait that its body gave up; the body takes its worker back if that was the last one."""
    suspension = state.suspended.get(fact.attempt)
    opened = suspension.open.pop(fact.wait, None) if suspension is not None else None
    if suspension is None or opened is None:
        _drop_answer(state, suspension, fact)
        return
    settle_point(state, fact.attempt, opened.point, Settlement.DROPPED, None)
    if opened.works:
        state.active -= 1
    if opened.timer is not None:
        del state.wait_timers[opened.timer]
        effects.append(StopTimer(opened.timer))
    if suspension.open:
        return
    if suspension.detached:
        del state.suspended[fact.attempt]
    else:
        return_to_work(state, effects, state.running[fact.attempt])


def _drop_answer(state: State, suspension: Suspension | None, fact: WaitDropped) -> None:
    """Forget an answer that queues for a worker while its body stopped listening."""
    for one in suspension.ready if suspension is not None else ():
        if one[0] == fact.wait:
            assert suspension is not None
            suspension.ready = tuple(other for other in suspension.ready if other is not one)
            settle_point(state, fact.attempt, one[3], Settlement.DROPPED, None)
            return
    state.stale_facts += 1


def outlive_body(state: State, effects: list[Effect], attempt: int) -> None:
    """Keep the waits of background tasks when the body of their step is over; drop the others."""
    suspension = state.suspended[attempt]
    if attempt not in state.tasks:
        forget_waits(state, effects, attempt)
    elif suspension.returning:
        hand_over(state, effects, attempt)
    else:
        suspension.detached = True
        state.active += 1
