"""Child runs: a body that waits for another run, and what the other run's state means for this one.

Rule 1. To the body a child is a wait: it holds no worker meanwhile, and takes one back first in line.
Rule 2. A child at work counts as active, so the run's time limit goes on. While a child only waits, it does not.
Rule 3. A run with an open child is not stalled: if the child is, the child says so.
"""

from stepwell.core._effects import Effect
from stepwell.core._facts import ChildClosed, ChildOpened, ChildPaused, ChildResumed, Settlement
from stepwell.core._state import State, Wait
from stepwell.core._waits import answer, suspend


def open_child(state: State, effects: list[Effect], fact: ChildOpened) -> None:
    """Suspend the attempt until its child is over."""
    start = state.running.get(fact.attempt)
    record = start or state.lingering.get(fact.attempt)
    if record is None or fact.wait < record.waits:
        state.stale_facts += 1
        return
    record.waits = fact.wait + 1
    suspend(state, effects, fact.attempt, start).open[fact.wait] = Wait(None, None, True, fact.point)
    state.active += 1


def change_child(state: State, fact: ChildPaused | ChildResumed, *, works: bool) -> None:
    """Note whether a child is at work."""
    suspension = state.suspended.get(fact.attempt)
    child = suspension.open.get(fact.wait) if suspension is not None else None
    if child is None or child.works is works:
        state.stale_facts += 1
        return
    child.works = works
    state.active += 1 if works else -1


def close_child(state: State, effects: list[Effect], fact: ChildClosed) -> None:
    """Let the body go on behind its child."""
    settlement = Settlement.FAILED if fact.failed else Settlement.DONE
    if not answer(state, effects, (fact.attempt, fact.wait), fact.value, settlement):
        state.stale_facts += 1
