"""Recorded points: what calls in a body came to, so that the body can be run again without doing them twice.

Rule 1. What came of a call is recorded in the moment in which the body gets it.
Rule 2. A further attempt at the same event keeps what was done under a name, and knows what was asked.
Rule 3. Points live as long as their attempt, or the background tasks that it left.
"""

from stepwell.core._facts import DONE, Point, PointRecorded, Settlement
from stepwell.core._state import Points, Settled, State


def settle_point(state: State, attempt: int, point: Point | None, settlement: Settlement, value: object) -> None:
    """Note what came of a call."""
    if point is None:
        return
    state.points = state.points or {}
    points = state.points.get(attempt)
    if points is None:
        points = state.points[attempt] = Points()
    points.settled.append(Settled(point, settlement, value))


def take_point(state: State, fact: PointRecorded) -> None:
    """Note what the driver tells of a call, if its attempt still counts."""
    if fact.attempt in state.running or fact.attempt in state.lingering:
        settle_point(state, fact.attempt, fact.point, fact.settlement, fact.value)
    else:
        state.stale_facts += 1


def kept_points(state: State, attempt: int) -> tuple[Settled, ...]:
    """Return what a further attempt keeps of this one, which failed. To be asked before its waits are forgotten."""
    kept: dict[tuple[str, str, int], Settled] = {}
    points = state.points.get(attempt)
    if points is not None:
        for one in (*points.kept, *points.settled):
            _keep(kept, one)
    suspension = state.suspended.get(attempt)
    if suspension is not None:
        for _, event, settlement, point in suspension.ready:
            if point is not None:
                _keep(kept, Settled(point, settlement, event))
        for wait in suspension.open.values():
            if wait.point is not None:
                _keep(kept, Settled(wait.point, Settlement.ASKED, None))
    return tuple(kept.values())


def _keep(kept: dict[tuple[str, str, int], Settled], one: Settled) -> None:
    point = one.point
    if not point.name:
        return
    call = (point.kind, point.name, point.nth)
    if one.settlement is DONE:
        kept[call] = one
    elif point.asks is not None:
        kept.setdefault(call, Settled(point, Settlement.ASKED, None))
