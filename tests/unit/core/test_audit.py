"""A state that came from elsewhere: what follows from its parts is counted, and what contradicts itself is found."""

import copy
from collections import deque
from collections.abc import Callable

import pytest
from tests.unit.core.playing import ALL, Play, attempts, step

from stepwell.core import (
    Gathering,
    Lane,
    Lineage,
    Point,
    PointRecorded,
    Points,
    Retry,
    Settled,
    Settlement,
    State,
    find_flaw,
    recount,
)

PLAN = (
    step("start", joins=(2, 3), name="open"),
    step("item", workers=2, name="work"),
    step("result", gathering=ALL, name="join"),
    step("result", gathering=Gathering(take=9), name="some"),
    step(slots=("left", "right"), name="pair"),
    step("side", workers=1, name="side"),
)


def busy() -> Play:
    """Return a run in which a bit of everything is under way."""
    play = Play(*PLAN)
    play.start()
    first, second = attempts(play.fan_out(1, "item", "item", "item", "item", "item"))
    play.machine.apply(PointRecorded(play.now, first, Point((), 0, "once", "f"), Settlement.DONE, 1))
    play.wait(first, 0, deadline=130.0, point=Point((), 1, "wait", "ping"))
    play.wait(first, 1, point=Point((0,), 0, "wait", "ping"))
    play.fail(second, retry_at=120.0)
    play.send("left", sender=first)
    play.send("ping")
    [side] = attempts(play.send("side"))
    play.wait(side, 0, point=Point((), 0, "wait", "ping"))
    [other] = attempts(play.send("side"))
    play.send("ping", wakes=((side, 0),))
    play.open_task(other)
    play.open_child(first, 2)
    play.finish(other)
    play.send("side")
    play.wait(side, 1, point=Point((), 1, "wait", "ping"))
    play.send("ping", wakes=((side, 1),))
    play.send("left")
    play.send("side")
    return play


def forget_counts(state: State) -> None:
    state.active = 99
    state.wait_timers = {}
    for scope in state.scopes.values():
        scope.tokens = scope.queued = 0
        scope.attempts, scope.inner = [], []


def test_what_follows_from_the_parts_of_a_state_is_counted_anew() -> None:
    play = busy()
    before = copy.deepcopy(play.state)
    forget_counts(play.state)

    recount(play.state)

    assert find_flaw(play.state, play.machine.plan) is None
    assert play.state.active == before.active
    assert play.state.wait_timers == before.wait_timers
    assert {number: (one.tokens, one.queued) for number, one in play.state.scopes.items()} == {
        number: (one.tokens, one.queued) for number, one in before.scopes.items()
    }


def test_a_fan_out_in_a_fan_out_counts_for_it() -> None:
    play = Play(step("start", "item", joins=(1,)), step("result", gathering=ALL))
    play.start()
    [inner, _] = attempts(play.fan_out(1, "item", "item"))
    play.fan_out(inner, "item")
    forget_counts(play.state)

    recount(play.state)

    assert find_flaw(play.state, play.machine.plan) is None
    assert [(one.tokens, len(one.inner)) for one in play.state.scopes.values()] == [(2, 1), (1, 0)]


def test_a_cancelled_fan_out_holds_nothing() -> None:
    play = busy()
    scope = next(iter(play.state.scopes.values()))
    play.state.running.clear()
    play.state.suspended.clear()
    play.state.lanes = [None] * len(PLAN)
    scope.cancelled = True

    recount(play.state)

    assert scope.tokens == 0


Change = Callable[[State], object]


def running(state: State) -> int:
    return next(number for number, start in state.running.items() if start.worker >= 0)


def suspended(state: State) -> int:
    return next(number for number, one in state.suspended.items() if one.open)


def lane(state: State, step: int) -> Lane:
    found = state.lanes[step]
    assert found is not None
    return found


def a_lineage(scope: int) -> Lineage:
    return Lineage(scope, 0)


CHANGES: dict[str, Change] = {
    "one number names two things": lambda s: s.held.update({next(iter(s.delayed)): next(iter(s.held.values()))}),
    "beyond the counter": lambda s: setattr(s, "counter", 3),
    "two waits have one timer": lambda s: setattr(
        s.suspended[suspended(s)].open[1], "timer", s.suspended[suspended(s)].open[0].timer
    ),
    "is in a fan-out that is not open": lambda s: setattr(next(iter(s.delayed.values())), "lineage", a_lineage(7000)),
    "is inside of one that is not open": lambda s: setattr(
        next(iter(s.scopes.values())), "lineage", a_lineage(next(iter(s.scopes)))
    ),
    "runs without a worker": lambda s: setattr(s.running[running(s)], "worker", -1),
    "has workers that are not counted": lambda s: s.lanes.__setitem__(s.running[running(s)].step, None),
    "are counted wrong": lambda s: lane(s, 1).free.append(5),
    "does not belong there": lambda s: setattr((lane(s, 1).queue or deque())[0], "step", 5),
    "idles while somebody queues": lambda s: lane(s, 1).__setattr__("workers", 9),
    "a worker is held by who does not run": lambda s: setattr(next(iter(s.delayed.values())), "worker", 1),
    "is suspended and is not": lambda s: setattr(s.suspended[suspended(s)], "detached", True),
    "has open waits exactly while it waits": lambda s: s.suspended[suspended(s)].open.clear(),
    "the waits of attempt": lambda s: setattr(s.running[suspended(s)], "waits", 1),
    "queues for its worker exactly": lambda s: setattr(lane(s, 5), "returning", None),
    "which has none": lambda s: s.points.update({7000: Points()}),
    "which has not begun": lambda s: s.points.update({next(iter(s.delayed)): s.points[suspended(s)]}),
    "do not follow each other": lambda s: s.points[suspended(s)].settled.clear(),
    "neither empty nor half full": lambda s: s.slots.update({(7000, 4): next(iter(s.slots.values()))}),
    "has begun and is none of its joins": lambda s: next(iter(s.scopes.values())).closed_joins.add(4),
    "has left nothing": lambda s: s.tasks.clear(),
    "is not idle": lambda s: setattr(s, "checking", True),
}


@pytest.mark.parametrize("sentence", CHANGES)
def test_a_contradiction_is_found(sentence: str) -> None:
    play = busy()
    state = play.state
    CHANGES[sentence](state)
    forget_counts(state)
    recount(state)

    flaw = find_flaw(state, play.machine.plan)

    assert flaw is not None
    assert sentence in flaw


def test_a_fan_out_without_anything_in_it_is_a_contradiction() -> None:
    play = Play(step("start", joins=(1,)), step("result", gathering=ALL))
    play.start()
    [branch] = attempts(play.fan_out(1, "start"))
    del play.state.running[branch]
    play.state.lanes = [None, None]
    forget_counts(play.state)
    recount(play.state)

    flaw = find_flaw(play.state, play.machine.plan)

    assert flaw is not None
    assert "nothing in it is" in flaw


def test_who_queues_for_a_worker_and_waits_for_none_is_a_contradiction() -> None:
    play = Play(step("start", workers=1))
    play.start()
    lane(play.state, 0).returning = deque([1])
    recount(play.state)

    flaw = find_flaw(play.state, play.machine.plan)

    assert flaw is not None
    assert "who does not wait" in flaw


def test_what_earlier_attempts_left_belongs_to_a_further_one() -> None:
    play = Play(step("start", workers=1))
    play.start()
    kept = (Settled(Point((), 0, "once", "f"), Settlement.DONE, 1),)
    play.state.points = {1: Points(kept=kept)}

    recount(play.state)

    assert find_flaw(play.state, play.machine.plan) is not None
    play.state.running[1].retry = Retry(1.0, ValueError(), 2.0)
    assert find_flaw(play.state, play.machine.plan) is None
