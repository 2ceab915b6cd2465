"""What always holds for the state of a machine, recomputed from its parts."""

from collections import Counter
from collections.abc import Iterator

from stepwell.core import Machine, StartStep, State


def is_alive(state: State, start: StartStep) -> bool:
    """Return whether a queued attempt still counts."""
    if start.lineage is None or start.lineage.scope is None:
        return True
    scope = state.scopes.get(start.lineage.scope)
    return scope is not None and not scope.cancelled


def queued(state: State) -> Iterator[StartStep]:
    for lane in state.lanes:
        if lane is not None:
            yield from (start for start in lane.queue or () if is_alive(state, start))


def check_state(machine: Machine) -> None:
    check_workers(machine)
    check_active(machine.state)
    check_tokens(machine)
    check_suspensions(machine.state)


def check_workers(machine: Machine) -> None:
    state = machine.state
    for number, lane in enumerate(state.lanes):
        holders = [
            start.worker
            for start in (*state.running.values(), *state.cancelling.values())
            if start.step == number and start.worker >= 0
        ]
        if lane is None:
            assert not holders
            continue
        assert len(holders) == len(set(holders)) <= machine.plan.steps[number].workers, "workers exceeded"
        assert sorted([*holders, *lane.free]) == list(range(lane.taken)), "a worker was lost"
        idle = lane.taken < lane.workers or lane.free
        waiting = [start for start in lane.queue or () if is_alive(state, start)]
        assert not (idle and (waiting or lane.queue)), "a worker idles while somebody queues for it"
        back = [a for a in lane.returning or () if a in state.suspended and state.suspended[a].returning]
        assert not (idle and back), "a worker idles while somebody wants it back"


def check_active(state: State) -> None:
    moving = sum(1 for attempt in state.running if attempt not in state.suspended or state.suspended[attempt].returning)
    working = sum(wait.works for suspension in state.suspended.values() for wait in suspension.open.values())
    counted = moving + working + sum(1 for _ in queued(state)) + len(state.delayed) + sum(state.tasks.values())
    assert state.active == counted, f"active is {state.active}, and {counted} are"


def check_tokens(machine: Machine) -> None:
    state = machine.state
    tokens: Counter[int | None] = Counter()
    waiting: Counter[int | None] = Counter()
    for start in queued(state):
        waiting[start.lineage.scope if start.lineage else None] += 1
    for start in (*state.running.values(), *state.delayed.values(), *state.lingering.values(), *queued(state)):
        tokens[start.lineage.scope if start.lineage else None] += 1
    for scope in state.scopes.values():
        tokens[scope.lineage.scope if scope.lineage else None] += 1
    for (home, _), queues in state.slots.items():
        tokens[home] += sum(len(queue) for queue in queues)
    for number, scope in state.scopes.items():
        assert scope.number == number
        if scope.cancelled:
            assert scope.tokens == scope.queued == 0
        else:
            assert scope.tokens == tokens[number], f"scope {number}: {scope.tokens} tokens, {tokens[number]} open"
            assert scope.queued == waiting[number]
        if not scope.tokens:
            unfilled = [join for join in scope.joins if join not in scope.closed_joins]
            assert unfilled, "a scope without tokens is open"
            for join in unfilled:
                gathering = machine.plan.steps[join].gathering
                assert gathering is not None
                assert gathering.take is not None


def check_suspensions(state: State) -> None:
    timers = set()
    for attempt, suspension in state.suspended.items():
        assert suspension.detached == (attempt in state.lingering)
        assert suspension.detached or state.running[attempt].worker < 0
        assert bool(suspension.open) != suspension.returning
        timers |= {wait.timer for wait in suspension.open.values() if wait.timer is not None}
    assert timers == set(state.wait_timers)
    for start in state.running.values():
        assert start.worker >= 0 or start.attempt in state.suspended
    assert set(state.lingering) <= set(state.tasks)


def check_end(machine: Machine) -> None:
    state = machine.state
    assert state.active == 0
    for part in (state.running, state.delayed, state.suspended, state.wait_timers, state.scopes):
        assert not part, "something is left after the end"
    for rest in (state.slots, state.held, state.tasks, state.lingering, state.cancelling):
        assert not rest, "something is left after the end"
    assert not any(state.lanes)
    assert state.deadline is None
    assert state.remaining is None
