"""A state that came from elsewhere: what follows from its parts is counted anew, and the rest must agree.

Rule 1. A state without a flaw is one that a machine can be in: it will not hang, and no rule breaks on it.
Rule 2. What can be counted from other parts (tokens, activity, timers of waits) is never believed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from stepwell.core._effects import Lineage, StartStep
from stepwell.core._plan import Plan
from stepwell.core._state import State, scope_of


def recount(state: State) -> None:
    """Set what follows from the other parts of ``state``."""
    for attempt, suspension in state.suspended.items():
        for number, wait in suspension.open.items():
            if wait.timer is not None:
                state.wait_timers = state.wait_timers or {}
                state.wait_timers[wait.timer] = (attempt, number)
    _count_tokens(state)
    moving = sum(1 for attempt in state.running if _moves(state, attempt))
    at_work = sum(wait.works for suspension in state.suspended.values() for wait in suspension.open.values())
    queued = sum(1 for _ in _queued(state))
    state.active = moving + queued + len(state.delayed) + sum(state.tasks.values()) + at_work


def _count_tokens(state: State) -> None:
    for (home, _), queues in state.slots.items():
        if home in state.scopes:
            state.scopes[home].tokens += sum(map(len, queues))
    for start in _under_way(state):
        scope = scope_of(state, start.lineage)
        if scope is not None:
            scope.attempts.append(start.attempt)
            scope.tokens += 1
    for start in _queued(state):
        scope = scope_of(state, start.lineage)
        if scope is not None:
            scope.queued += 1
    _count_inner(state)


def _count_inner(state: State) -> None:
    for inner in state.scopes.values():
        scope = scope_of(state, inner.lineage)
        if scope is not None:
            scope.inner.append(inner.number)
            scope.tokens += 1
    for scope in state.scopes.values():
        scope.attempts.sort()
        if scope.cancelled:
            scope.tokens = 0


def _moves(state: State, attempt: int) -> bool:
    suspension = state.suspended.get(attempt)
    return suspension is None or suspension.returning


def _queued(state: State) -> Iterator[StartStep]:
    for lane in state.lanes:
        if lane is not None:
            yield from lane.queue or ()


def _under_way(state: State) -> Iterator[StartStep]:
    yield from state.running.values()
    yield from state.delayed.values()
    yield from state.lingering.values()
    yield from _queued(state)


def find_flaw(state: State, plan: Plan) -> str | None:
    """Return what is wrong with a state after ``recount``, as a sentence, or ``None``."""
    for check in (_ids, _lineages, _workers, _suspensions, _points, _joins, _tasks):
        flaw = check(state, plan)
        if flaw is not None:
            return flaw
    return None


def _ids(state: State, plan: Plan) -> str | None:
    ids = [start.attempt for start in (*_under_way(state), *state.cancelling.values())]
    ids += [*state.scopes, *state.held, *state.wait_timers]
    if len(set(ids)) < len(ids):
        return "one number names two things"
    if any(not 0 < one <= state.counter for one in ids):
        return "a number is beyond the counter"
    timers = sum(1 for one in state.suspended.values() for wait in one.open.values() if wait.timer is not None)
    return None if timers == len(state.wait_timers) else "two waits have one timer"


def _lineages(state: State, plan: Plan) -> str | None:
    for start in _under_way(state):
        if not _is_in(state, start.lineage):
            return f"attempt {start.attempt} is in a fan-out that is not open"
    for number, scope in state.scopes.items():
        outer = scope.lineage.scope if scope.lineage is not None else None
        if outer is not None and (outer >= number or outer not in state.scopes):
            return f"fan-out {number} is inside of one that is not open"
    return None


def _is_in(state: State, lineage: Lineage | None) -> bool:
    if lineage is None or lineage.scope is None:
        return True
    scope = state.scopes.get(lineage.scope)
    return scope is not None and not scope.cancelled


def _workers(state: State, plan: Plan) -> str | None:
    held: dict[int, list[int]] = {}
    for start in (*state.running.values(), *state.cancelling.values()):
        if state.lanes[start.step] is None:
            return f"step {plan.steps[start.step].name!r} has workers that are not counted"
        if start.worker >= 0:
            held.setdefault(start.step, []).append(start.worker)
        elif start.attempt in state.running and start.attempt not in state.suspended:
            return f"attempt {start.attempt} runs without a worker"
    for step, lane in enumerate(state.lanes):
        if lane is None:
            continue
        holders = held.get(step, [])
        if sorted([*holders, *lane.free]) != list(range(lane.taken)):
            return f"the workers of step {plan.steps[step].name!r} are counted wrong"
        wanted = [*(start.step == step and start.worker < 0 for start in lane.queue or ())]
        if not all(wanted):
            return f"what queues for step {plan.steps[step].name!r} does not belong there"
        if (wanted or lane.returning) and (lane.free or lane.taken < lane.workers):
            return f"a worker of step {plan.steps[step].name!r} idles while somebody queues for it"
    idle = (start.worker >= 0 for start in (*state.delayed.values(), *state.lingering.values()))
    return "a worker is held by who does not run" if any(idle) else None


def _suspensions(state: State, plan: Plan) -> str | None:
    returning = Counter(attempt for lane in state.lanes if lane is not None for attempt in lane.returning or ())
    for attempt, suspension in state.suspended.items():
        start = state.running.get(attempt)
        record = start or state.lingering.get(attempt)
        if record is None or suspension.detached == (start is not None) or (start is not None and start.worker >= 0):
            return f"attempt {attempt} is suspended and is not"
        if bool(suspension.open) == suspension.returning or (suspension.detached and suspension.returning):
            return f"attempt {attempt} has open waits exactly while it waits"
        numbers = [*suspension.open, *(one[0] for one in suspension.ready)]
        if len(set(numbers)) < len(numbers) or any(number >= record.waits for number in numbers):
            return f"the waits of attempt {attempt} are counted wrong"
        lane = state.lanes[record.step]
        queues = lane is not None and attempt in (lane.returning or ())
        if suspension.returning != queues:
            return f"attempt {attempt} queues for its worker exactly while it wants it back"
    if any(attempt not in state.suspended or count > 1 for attempt, count in returning.items()):
        return "who does not wait for a worker queues for it"
    return None


def _points(state: State, plan: Plan) -> str | None:
    known = {start.attempt: start for start in _under_way(state)}
    for attempt, points in state.points.items():
        start = known.get(attempt)
        if start is None or (points.kept and start.retry is None):
            return f"calls are recorded of attempt {attempt}, which has none"
        if points.settled and attempt not in state.running and attempt not in state.lingering:
            return f"calls are recorded of attempt {attempt}, which has not begun"
    for attempt in (*state.running, *state.lingering):
        places: dict[tuple[int, ...], list[int]] = {}
        for branch, place in _places(state, attempt):
            places.setdefault(branch, []).append(place)
        if any(sorted(taken) != list(range(len(taken))) for taken in places.values()):
            return f"the recorded calls of attempt {attempt} do not follow each other"
    return None


def _places(state: State, attempt: int) -> Iterable[tuple[tuple[int, ...], int]]:
    points, suspension = state.points.get(attempt), state.suspended.get(attempt)
    found = [one.point for one in points.settled] if points is not None else []
    if suspension is not None:
        found += [wait.point for wait in suspension.open.values() if wait.point is not None]
        found += [point for *_, point in suspension.ready if point is not None]
    return [(point.branch, point.place) for point in found]


def _joins(state: State, plan: Plan) -> str | None:
    for (home, step), queues in state.slots.items():
        if (home and (home not in state.scopes or state.scopes[home].cancelled)) or not any(queues) or all(queues):
            return f"the join {plan.steps[step].name!r} is neither empty nor half full"
    for number, scope in state.scopes.items():
        missing = [join for join in scope.joins if join not in scope.closed_joins]
        wants_all = any(_takes_all(plan, join) for join in missing)
        if not scope.tokens and not scope.cancelled and (wants_all or not missing):
            return f"fan-out {number} is open, and nothing in it is"
        if not scope.closed_joins <= set(scope.joins):
            return f"a join of fan-out {number} has begun and is none of its joins"
    return None


def _takes_all(plan: Plan, join: int) -> bool:
    gathering = plan.steps[join].gathering
    return gathering is None or gathering.take is None


def _tasks(state: State, plan: Plan) -> str | None:
    if not state.lingering.keys() <= state.tasks.keys():
        return "a body that is over has left nothing, and is remembered"
    if state.checking and state.active:
        return "a run in which something is active is not idle"
    return None
