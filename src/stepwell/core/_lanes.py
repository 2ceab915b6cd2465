"""Workers: which attempt holds one, which queues for one, and who comes next.

Rule 1. A step runs at most ``workers`` attempts at once; the rest queue in the order they came.
Rule 2. An attempt that waits holds no worker. When its last open wait is answered it takes one back
        before anything that queues to start.
Rule 3. Queued attempts of a cancelled scope are counted out at once and passed over later.
"""

from collections import deque

from stepwell.core._effects import Effect, Lineage, ResumeStep, Retry, StartStep, StopTimer
from stepwell.core._facts import LATE
from stepwell.core._plan import Plan
from stepwell.core._points import settle_point
from stepwell.core._state import ALONE, Lane, Scope, State, scope_of


def take_slot(lane: Lane) -> int:
    """Return a free worker's number, lowest first among those never used, or -1."""
    if lane.free:
        return lane.free.pop()
    if lane.taken < lane.workers:
        lane.taken += 1
        return lane.taken - 1
    return -1


def _own_lane(state: State, step: int, lane: Lane) -> Lane:
    """Return the lane of a step to be changed: in place of the one that all runs share, one of its own."""
    if lane.free is ALONE:
        lane = state.lanes[step] = Lane(lane.workers, 1, [])
    return lane


def enqueue(state: State, plan: Plan, effects: list[Effect], start: StartStep) -> None:
    """Start the attempt if a worker is free, otherwise queue it. Counts its token and its activity."""
    lineage = start.lineage
    scope = None if lineage is None or lineage.scope is None else state.scopes.get(lineage.scope)
    launch(state, plan, effects, start, scope)


def launch(state: State, plan: Plan, effects: list[Effect], start: StartStep, scope: Scope | None) -> None:
    """Do what ``enqueue`` does for who knows the innermost scope already."""
    state.active += 1
    if scope is not None:
        scope.tokens += 1
        scope.attempts.append(start.attempt)
    lane = state.lanes[start.step]
    if lane is None:
        state.lanes[start.step] = plan.alone[start.step]
        start.worker = 0
    elif lane.free:  # then nobody queues
        start.worker = lane.free.pop()
    else:
        lane = _own_lane(state, start.step, lane)
        if lane.taken < lane.workers and not lane.queue and not lane.returning:
            start.worker = lane.taken
            lane.taken += 1
        else:
            if lane.queue is None:
                lane.queue = deque()
            lane.queue.append(start)
            if scope is not None:
                scope.queued += 1
            return
    state.running[start.attempt] = start
    effects.append(start)


def admit(state: State, plan: Plan, effects: list[Effect], start: StartStep) -> None:
    """Give an attempt that is already counted (it waited for its retry) a worker, or a place in the queue."""
    scope = scope_of(state, start.lineage)
    state.active -= 1
    if scope is not None:
        scope.tokens -= 1
    launch(state, plan, effects, start, scope)


def new_attempt(
    state: State, step: int, key: str, event: object, parent: int | None, lineage: Lineage | None
) -> StartStep:
    """Return the record of a first attempt at ``event``."""
    state.counter += 1
    return StartStep(state.counter, step, key, event, 1, parent, lineage, state.now)


def next_attempt(state: State, failed: StartStep, retry: Retry) -> StartStep:
    """Return the record of a further attempt at what ``failed`` attempted."""
    state.counter += 1
    scope = scope_of(state, failed.lineage)
    if scope is not None:
        scope.attempts.append(state.counter)
    return StartStep(
        state.counter,
        failed.step,
        failed.key,
        failed.event,
        failed.number + 1,
        failed.parent,
        failed.lineage,
        state.now,
        retry=retry,
        causes=failed.causes,
    )


def release(state: State, effects: list[Effect], start: StartStep) -> None:
    """Take the worker back from an attempt and give it to whoever is next."""
    if start.worker < 0:
        return
    lane = state.lanes[start.step]
    assert lane is not None
    worker, start.worker = start.worker, -1
    pass_on(state, effects, _own_lane(state, start.step, lane), worker)


def pass_on(state: State, effects: list[Effect], lane: Lane, worker: int) -> None:
    """Give a worker to whoever is next."""
    if lane.returning and _resume_next(state, effects, lane, worker):
        return
    if not lane.queue or not start_next(state, effects, lane.queue, worker):
        lane.free.append(worker)


def _resume_next(state: State, effects: list[Effect], lane: Lane, worker: int) -> bool:
    assert lane.returning is not None
    while lane.returning:
        attempt = lane.returning.popleft()
        suspension = state.suspended.get(attempt)
        start = state.running.get(attempt)
        if start is None or suspension is None or not suspension.returning:
            continue
        start.worker = worker
        hand_over(state, effects, attempt)
        return True
    return False


def start_next(state: State, effects: list[Effect], queue: deque[StartStep], worker: int) -> bool:
    """Give a worker to the first that queues to start, and return whether there was one."""
    while queue:
        start = queue.popleft()
        lineage = start.lineage
        if lineage is not None and lineage.scope is not None:
            scope = state.scopes.get(lineage.scope)
            if scope is None or scope.cancelled:
                continue
            scope.queued -= 1
        start.worker = worker
        state.running[start.attempt] = start
        effects.append(start)
        return True
    return False


def return_to_work(state: State, effects: list[Effect], start: StartStep) -> None:
    """Bring an attempt whose last wait has ended back: at once with a free worker, else first in line."""
    lane = state.lanes[start.step]
    assert lane is not None
    state.active += 1
    state.suspended[start.attempt].returning = True
    worker = -1 if lane.returning else take_slot(lane)
    if worker >= 0:
        start.worker = worker
        hand_over(state, effects, start.attempt)
        return
    if lane.returning is None:
        lane.returning = deque()
    lane.returning.append(start.attempt)


def hand_over(state: State, effects: list[Effect], attempt: int) -> None:
    """Give an attempt without open waits its answers; its suspension is over."""
    suspension = state.suspended[attempt]
    for wait, event, settlement, point in suspension.ready:
        settle_point(state, attempt, point, settlement, event)
        effects.append(ResumeStep(attempt, wait, event, settlement is LATE))
    suspension.ready = ()
    del state.suspended[attempt]


def forget_waits(state: State, effects: list[Effect], attempt: int) -> None:
    """Drop the waits of an attempt that ends; it counts as active again while it is being ended."""
    suspension = state.suspended.pop(attempt, None)
    if suspension is None:
        return
    if not (suspension.returning or suspension.detached):
        state.active += 1
    for wait in suspension.open.values():
        if wait.works:
            state.active -= 1
        if wait.timer is not None:
            del state.wait_timers[wait.timer]
            effects.append(StopTimer(wait.timer))
