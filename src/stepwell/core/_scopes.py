"""Fan-out and fan-in: scopes, the tokens that keep them open, and the joins they end in.

Rule 1. A scope is open while anything is open inside it; tokens count that, and nothing is scanned.
Rule 2. A join that wants all branches starts when its scope closes, with what reached it (also nothing).
        A join that wants ``n`` starts with the n-th. Each starts once for a scope.
Rule 3. A join starts in the lineage of the step that opened the scope, so that scopes nest.
Rule 4. A scope that ends without filling a join stays open: the run is then stalled, and says so.
"""

from collections import deque
from collections.abc import Iterable
from operator import itemgetter

from stepwell.core._effects import CancelStep, Effect, Lineage, StartStep, StopTimer
from stepwell.core._lanes import enqueue, forget_waits, new_attempt
from stepwell.core._plan import Plan
from stepwell.core._state import Gathered, Scope, State, is_cut_off, scope_of


def open_scope(state: State, opener: StartStep, joins: tuple[int, ...]) -> Scope:
    """Open a scope for the list that ``opener`` returned; it holds a token of the scope around it."""
    state.counter += 1
    scope = Scope(number=state.counter, opener=opener.attempt, joins=joins, lineage=opener.lineage)
    state.scopes = state.scopes or {}
    state.scopes[scope.number] = scope
    outer = scope_of(state, opener.lineage)
    if outer is not None:
        outer.tokens += 1
        outer.inner.append(scope.number)
    return scope


def settle(state: State, plan: Plan, effects: list[Effect], lineage: Lineage | None) -> None:
    """Give back the token of something that ended in ``lineage``; close scopes that are now empty."""
    scope = None if lineage is None or lineage.scope is None else state.scopes.get(lineage.scope)
    while scope is not None and not scope.cancelled:
        scope.tokens -= 1
        if scope.tokens:
            return
        scope = _close(state, plan, effects, scope)


def settle_empty(state: State, plan: Plan, effects: list[Effect], scope: Scope) -> None:
    """Close a scope that never held a token, or lost the last one by cancellation."""
    if _close(state, plan, effects, scope) is not None:
        settle(state, plan, effects, scope.lineage)


def _close(state: State, plan: Plan, effects: list[Effect], scope: Scope) -> Scope | None:
    """Close ``scope``, in which nothing is open, unless a join lacks members; return the scope around it."""
    unfilled = False
    for join in scope.joins:
        if join in scope.closed_joins:
            continue
        gathering = plan.steps[join].gathering
        assert gathering is not None
        if gathering.take is None:
            _start_join(state, plan, effects, scope, join)
        else:
            unfilled = True
    if unfilled:
        return None
    del state.scopes[scope.number]
    return scope_of(state, scope.lineage)


def _start_join(state: State, plan: Plan, effects: list[Effect], scope: Scope, join: int) -> None:
    scope.closed_joins.add(join)
    step = plan.steps[join]
    gathered = scope.gathered.pop(join, [])
    if step.gathering is not None and step.gathering.ordered:
        gathered.sort(key=itemgetter(0))
    start = new_attempt(state, join, step.accepts[0], [event for _, event, _ in gathered], scope.opener, scope.lineage)
    start.causes = tuple(cause for _, _, cause in gathered if cause is not None)
    enqueue(state, plan, effects, start)


def gather(state: State, plan: Plan, effects: list[Effect], joins: Iterable[int], item: Gathered, scope: Scope) -> None:
    """Keep an event for each of ``joins``; start those for which it was the last one wanted.

    All of them get it before one of them cancels the scope.
    """
    cancels = False
    for join in joins:
        kept = scope.gathered.get(join)
        if kept is None:
            if join in scope.closed_joins:
                continue
            if join not in scope.joins:
                scope.joins = (*scope.joins, join)
            kept = scope.gathered[join] = []
        kept.append(item)
        gathering = plan.steps[join].gathering
        assert gathering is not None
        if gathering.take is not None and len(kept) == gathering.take:
            _start_join(state, plan, effects, scope, join)
            cancels = cancels or gathering.cancels_rest
    if cancels:
        cancel_scope(state, plan, effects, scope)
        settle_empty(state, plan, effects, scope)


def cancel_scope(state: State, plan: Plan, effects: list[Effect], scope: Scope) -> None:
    """End everything open in ``scope`` and in the scopes within it. Joins that started are outside."""
    pending = [scope]
    for inner in pending:
        pending.extend(state.scopes[number] for number in inner.inner if number in state.scopes)
        inner.cancelled = True
        state.active -= inner.queued
        inner.queued = inner.tokens = 0
        if inner is not scope:
            del state.scopes[inner.number]
        for attempt in dict.fromkeys(inner.attempts):  # one that was tried again is named twice
            _cancel_attempt(state, effects, attempt)
        inner.attempts.clear()
        if state.slots:
            for step in plan.slot_steps:
                state.slots.pop((inner.number, step), None)


def _cancel_attempt(state: State, effects: list[Effect], attempt: int) -> None:
    """End an attempt wherever it stands; one that is over left nothing, or background tasks."""
    start = state.running.pop(attempt, None)
    if attempt not in state.lingering:
        state.points.pop(attempt, None)
    if start is not None:
        forget_waits(state, effects, attempt)
        state.active -= 1
        state.cancelling = state.cancelling or {}
        state.cancelling[attempt] = start
        effects.append(CancelStep(attempt))
    elif attempt in state.lingering:
        _stop_tasks(state, effects, attempt)
    elif attempt in state.delayed:
        del state.delayed[attempt]
        state.active -= 1
        effects.append(StopTimer(attempt))


def linger(state: State, effects: list[Effect], start: StartStep) -> None:
    """Let the background tasks of a body that is over go on, but not in a branch that its result has cut off."""
    state.lingering = state.lingering or {}
    state.lingering[start.attempt] = start
    if is_cut_off(start.lineage, scope_of(state, start.lineage)):
        _stop_tasks(state, effects, start.attempt)


def _stop_tasks(state: State, effects: list[Effect], attempt: int) -> None:
    forget_waits(state, effects, attempt)
    effects.append(CancelStep(attempt))


def fill_slot(
    state: State,
    plan: Plan,
    effects: list[Effect],
    place: tuple[int, tuple[int, ...]],
    item: Gathered,
    arrival: tuple[str, Lineage | None],
) -> None:
    """Keep an event for one parameter of a join; start the join when every parameter has one.

    Of several parameters that it fits, it goes to the one that fewest wait for: the first of its own type, where
    they are equal. The kept event holds a token of its scope: a scope with a half-full join in it is not over.
    """
    step, positions = place
    key, lineage = arrival
    scope = scope_of(state, lineage)
    home = (scope.number if scope is not None else 0, step)
    queues = state.slots.get(home)
    if queues is None:
        state.slots = state.slots or {}
        queues = state.slots[home] = [deque() for _ in plan.steps[step].slots]
    min([queues[position] for position in positions], key=len).append(item)
    if scope is not None:
        scope.tokens += 1
    if not all(queues):
        return
    items = [queue.popleft() for queue in queues]
    if not any(queues):
        del state.slots[home]
    start = new_attempt(state, step, key, tuple(event for _, event, _ in items), item[2], lineage)
    start.causes = tuple(cause for _, _, cause in items if cause is not None)
    enqueue(state, plan, effects, start)
    if scope is not None:
        scope.tokens -= len(items)


def keep_error(state: State, plan: Plan, effects: list[Effect], item: Gathered, scope: Scope) -> bool:
    """Take a failed branch to the joins of ``scope`` that keep errors; return whether there are any.

    A join that has started already keeps no more members, but still tolerates the failure.
    """
    keeping = []
    for join in scope.joins:
        gathering = plan.steps[join].gathering
        if gathering is not None and gathering.keeps_errors:
            keeping.append(join)
    gather(state, plan, effects, keeping, item, scope)
    return bool(keeping)
