"""Whatever a run comes to, its state has no flaw, and what can be counted from its parts counts up to what it says."""

import copy
from collections import deque

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.simulation.core_invariants import is_alive
from tests.simulation.test_core_runs import SEEDS, wild_world

from stepwell.core import Machine, State, Status, find_flaw, recount


def parts_of(state: State) -> State:
    """Return a copy without what can be counted, and without what nobody will look at again."""
    parts = copy.deepcopy(state)
    parts.active = 0
    parts.wait_timers = {}
    for scope in parts.scopes.values():
        scope.tokens = scope.queued = 0
        scope.attempts, scope.inner = [], []
    for lane in parts.lanes:
        if lane is not None:
            lane.queue = deque(start for start in lane.queue or () if is_alive(parts, start))
            queuing = dict.fromkeys(lane.returning or ())  # who waited again while he queued stands there twice
            back = [one for one in queuing if one in parts.suspended and parts.suspended[one].returning]
            lane.returning = deque(back)
    return parts


@settings(max_examples=60)
@example(seed=4678, share=0.5)
@given(seed=SEEDS, share=st.floats(0, 1))
def test_a_state_counted_anew_is_the_same_and_has_no_flaw(seed: int, share: float) -> None:
    world = wild_world(seed)
    world.run()
    machine = Machine(world.story.plan)
    for fact, _ in world.log[: int(share * len(world.log))]:
        machine.apply(copy.copy(fact))
    state = machine.state
    if state.status is not Status.RUNNING:
        return

    counted = parts_of(state)
    recount(counted)

    assert find_flaw(counted, machine.plan) is None
    assert counted.active == state.active
    assert counted.wait_timers == dict(state.wait_timers)
    for number, scope in state.scopes.items():
        again = counted.scopes[number]
        assert (again.tokens, again.queued) == (scope.tokens, scope.queued)
