"""The work for one fact does not grow with the run. Counted in bytecode instructions and calls, not in time."""

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from tests.unit.core.playing import Play, attempts, step

from stepwell.core import Gathering

SIZES = (8, 64, 512)


def work_of(act: Callable[[], object]) -> int:
    """Return how many instructions Python carries out in ``act``, and how many calls into C it makes."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "c_call"

    traced, profiled = sys.gettrace(), sys.getprofile()
    gc.disable()  # a collection calls who watches it (Hypothesis does), and that would count
    sys.settrace(trace)
    sys.setprofile(profile)
    try:
        act()
    finally:
        sys.settrace(traced)
        sys.setprofile(profiled)
        gc.enable()
    return count


def next_in_a_long_queue(size: int) -> Callable[[], object]:
    play = Play(step("start"), step("A", workers=2))
    play.start()
    first, _ = attempts(play.fan_out(1, *["A"] * size))
    return lambda: play.finish(first)


def one_more_for_a_long_queue(size: int) -> Callable[[], object]:
    play = Play(step("start"), step("A", workers=2))
    play.start()
    play.fan_out(1, *["A"] * size)
    return lambda: play.send("A")


def after_many_steps(size: int) -> Callable[[], object]:
    play = Play(step("start"))
    play.start()
    for attempt in range(1, size):
        play.finish(attempt, "start")
    return lambda: play.finish(size, "start")


def with_many_workers(size: int) -> Callable[[], object]:
    play = Play(step("start"), step("A", workers=size))
    play.start()
    first, *_ = attempts(play.fan_out(1, *["A"] * size))
    return lambda: play.finish(first, "A")


def an_answer_among_many_waits(size: int) -> Callable[[], object]:
    play = Play(step("start"), step("A", workers=size))
    play.start()
    for attempt in attempts(play.fan_out(1, *["A"] * size)):
        play.wait(attempt, deadline=200.0)
    return lambda: play.send("ping", wakes=((size // 2 + 3, 0),))


def a_deadline_among_many_waits(size: int) -> Callable[[], object]:
    play = Play(step("start"), step("A", workers=size))
    play.start()
    for attempt in attempts(play.fan_out(1, *["A"] * size)):
        play.wait(attempt, deadline=200.0)
    timer = list(play.state.wait_timers)[size // 2]
    return lambda: play.fire(timer)


def a_wait_with_many_held_events(size: int) -> Callable[[], object]:
    play = Play(step("start"), more=("X",))
    play.start()
    for _ in range(size):
        play.send("X")
    return lambda: play.wait(1, takes=size // 2)


def a_failure_with_many_retries_due(size: int) -> Callable[[], object]:
    play = Play(step("start"), step("A", workers=size))
    play.start()
    last, *others = attempts(play.fan_out(1, *["A"] * size))
    for attempt in others:
        play.fail(attempt, retry_at=200.0)
    return lambda: play.fail(last, retry_at=200.0)


def a_member_of_a_large_join(size: int) -> Callable[[], object]:
    play = Play(step("start", joins=(2,)), step("A", workers=size), step("R", gathering=Gathering()))
    play.start()
    *members, last, _ = attempts(play.fan_out(1, *["A"] * size))
    for attempt in members:
        play.finish(attempt, "R")
    return lambda: play.finish(last, "R")


def a_member_among_many_scopes(size: int) -> Callable[[], object]:
    play = Play(
        step("start"), step("B", joins=(3,), workers=size), step("A", workers=9), step("R", gathering=Gathering())
    )
    play.start()
    branches = []
    for opener in attempts(play.fan_out(1, *["B"] * size)):
        branches += attempts(play.fan_out(opener, "A", "A"))
    return lambda: play.finish(branches[0], "R")


def a_winner_among_many_scopes(size: int) -> Callable[[], object]:
    first_wins = Gathering(take=1, cancels_rest=True)
    play = Play(
        step("start"),
        step("B", workers=size),
        step("A", workers=2 * size),
        step("R", gathering=first_wins),
        step(slots=("P", "Q")),
    )
    play.start()
    branches = []
    for opener in attempts(play.fan_out(1, *["B"] * size)):
        branches += attempts(play.fan_out(opener, "A", "A"))
    for branch in branches[1:]:
        play.send("P", sender=branch)
    return lambda: play.finish(branches[0], "R")


def a_half_join_among_many(size: int) -> Callable[[], object]:
    play = Play(step("start"), step("A", workers=size), step(slots=("P", "Q")))
    play.start()
    first, *others = attempts(play.fan_out(1, *["A"] * size))
    for attempt in others:
        play.send("P", sender=attempt)
    return lambda: play.send("P", sender=first)


def a_task_among_many(size: int) -> Callable[[], object]:
    play = Play(step("start"), step("A", workers=size))
    play.start()
    first, *others = attempts(play.fan_out(1, *["A"] * size))
    for attempt in others:
        play.open_task(attempt)
    return lambda: play.open_task(first)


def with_children(size: int) -> tuple[Play, list[int]]:
    play = Play(step("start"), step("A", workers=size))
    play.start(timeout=10)
    opened = attempts(play.fan_out(1, *["A"] * size))
    for attempt in opened[1:]:
        play.open_child(attempt)
    return play, opened


def one_more_child_among_many(size: int) -> Callable[[], object]:
    play, opened = with_children(size)
    return lambda: play.open_child(opened[0])


def a_rest_among_many_children(size: int) -> Callable[[], object]:
    play, opened = with_children(size)
    return lambda: play.pause_child(opened[size // 2])


def an_end_among_many_children(size: int) -> Callable[[], object]:
    play, opened = with_children(size)
    return lambda: play.close_child(opened[size // 2])


@pytest.mark.parametrize(
    "prepare",
    [
        one_more_child_among_many,
        a_rest_among_many_children,
        an_end_among_many_children,
        next_in_a_long_queue,
        one_more_for_a_long_queue,
        after_many_steps,
        with_many_workers,
        an_answer_among_many_waits,
        a_deadline_among_many_waits,
        a_wait_with_many_held_events,
        a_failure_with_many_retries_due,
        a_member_of_a_large_join,
        a_member_among_many_scopes,
        a_winner_among_many_scopes,
        a_half_join_among_many,
        a_task_among_many,
    ],
)
def test_the_work_for_a_fact_does_not_grow_with_the_run(prepare: Callable[[int], Callable[[], object]]) -> None:
    work_of(prepare(SIZES[0]))  # the first record of a class is dearer: its constructor is compiled

    costs = [work_of(prepare(size)) for size in SIZES]

    assert len(set(costs)) == 1, costs


def test_the_work_for_a_list_grows_with_its_length_and_no_faster() -> None:
    def whole(size: int) -> int:
        play = Play(step("start", joins=(2,)), step("A", workers=3), step("R", gathering=Gathering()))
        play.start()

        def act() -> None:
            flight = attempts(play.fan_out(1, *["A"] * size))
            while flight:
                flight += attempts(play.finish(flight.pop(), "R"))

        return work_of(act)

    small, large = whole(16), whole(256)

    assert large <= 17 * small


def test_the_work_for_cancelling_grows_with_what_is_in_flight_and_no_faster() -> None:
    def cancelling(size: int) -> int:
        play = Play(
            step("start", joins=(2,)),
            step("A", workers=size),
            step("R", gathering=Gathering(take=1, cancels_rest=True)),
        )
        play.start()
        first, *_ = attempts(play.fan_out(1, *["A"] * size))
        return work_of(lambda: play.finish(first, "R"))

    small, large = cancelling(16), cancelling(256)

    assert large <= 17 * small
