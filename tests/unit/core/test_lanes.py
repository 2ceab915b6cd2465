import copy
import pickle
from collections.abc import Callable

import pytest
from tests.unit.core.playing import Play, attempts, first_wins, resumed, starts, step

from stepwell.core import CheckIdle, EventSent, Machine, StartStep, StartTimer, State, StepFinished
from stepwell.core._state import ALONE


def fanned(workers: int, count: int) -> tuple[Play, list[int]]:
    """Return a run whose first step has opened ``count`` branches for a step with so many workers."""
    play = Play(step("start"), step("A", workers=workers))
    play.start()
    return play, attempts(play.fan_out(1, *["A"] * count))


def test_a_step_runs_no_more_attempts_at_once_than_it_has_workers() -> None:
    play, begun = fanned(workers=2, count=5)

    assert len(begun) == 2
    assert {start.worker for start in play.state.running.values()} == {0, 1}


def test_the_one_that_queued_first_gets_the_worker_that_is_given_back() -> None:
    play, begun = fanned(workers=1, count=3)

    effects = play.finish(begun[0])

    [start] = [one for one in effects if isinstance(one, StartStep)]
    assert start.worker == 0
    assert start.lineage is not None
    assert start.lineage.index == 1


def test_a_worker_that_nobody_wants_is_free_again() -> None:
    play = Play(step("start"), step("A", workers=1))
    play.start()
    play.send("A")

    play.finish(2)

    assert starts(play.send("A")) == [(1, "A")]


def test_a_worker_that_only_cancelled_attempts_queue_for_is_free_again() -> None:
    play = first_wins(step("A", workers=1))
    [begun] = attempts(play.fan_out(1, "A", "A", "A"))

    play.finish(begun, "R")

    assert starts(play.send("A")) == [(1, "A")]


def test_a_retry_starts_when_its_time_has_come_and_counts_on() -> None:
    play = Play(step("start"))
    play.start()
    [timer] = play.fail(1, retry_at=105.0)
    play.now = 105.0

    [again] = play.fire(timer.timer)  # type: ignore[union-attr]

    assert isinstance(again, StartStep)
    assert (again.number, again.event, again.queued_at) == (2, "start", 105.0)
    assert again.retry is not None
    assert again.retry.error == "boom"


def test_an_attempt_that_waits_gives_its_worker_to_the_next() -> None:
    play, begun = fanned(workers=1, count=2)

    effects = play.wait(begun[0])

    assert starts(effects) == [(1, "A")]


def test_an_answered_attempt_comes_before_those_that_queue_to_start() -> None:
    play, begun = fanned(workers=1, count=3)
    [second] = attempts(play.wait(begun[0]))
    play.send("ping", wakes=((begun[0], 0),))

    effects = play.finish(second)

    assert resumed(effects) == [(begun[0], 0, "ping")]
    assert starts(effects) == []


def test_answered_attempts_take_their_workers_back_in_the_order_of_their_answers() -> None:
    play, begun = fanned(workers=1, count=3)
    [second] = attempts(play.wait(begun[0]))
    [third] = attempts(play.wait(second))
    play.send("ping", wakes=((second, 0),))
    play.send("ping", wakes=((begun[0], 0),))

    effects = play.finish(third)

    assert resumed(effects) == [(second, 0, "ping")]
    assert resumed(play.finish(second)) == [(begun[0], 0, "ping")]


def test_a_resume_queued_for_an_attempt_that_failed_meanwhile_is_passed_over() -> None:
    play, begun = fanned(workers=1, count=3)
    [second] = attempts(play.wait(begun[0]))
    play.send("ping", wakes=((begun[0], 0),))
    play.fail(begun[0], retry_at=200.0)

    effects = play.finish(second)

    assert resumed(effects) == []
    assert starts(effects) == [(1, "A")]


def test_two_waits_of_one_attempt_do_not_queue_for_the_slot_that_it_holds_itself() -> None:
    play = Play(step("start", workers=1))
    play.start()
    play.wait(1, 0)
    play.wait(1, 1)

    first = play.send("ping", wakes=((1, 0),))
    second = play.send("ping", wakes=((1, 1),))

    assert resumed(first) == [(1, 0, "ping")]
    assert resumed(second) == [(1, 1, "ping")]
    assert play.state.running[1].worker == 0


def test_an_attempt_that_waits_again_while_it_queues_for_a_worker_gets_its_answers_at_once() -> None:
    play, begun = fanned(workers=1, count=2)
    waiting = begun[0]
    [other] = attempts(play.wait(waiting))
    play.send("ping", wakes=((waiting, 0),))

    effects = play.wait(waiting, 1)

    assert resumed(effects) == [(waiting, 0, "ping")]
    play.send("ping", wakes=((waiting, 1),))
    assert resumed(play.finish(other)) == [(waiting, 1, "ping")]


def test_a_worker_that_comes_free_is_not_given_to_an_attempt_that_queued_for_it_and_waits_again() -> None:
    play, begun = fanned(workers=1, count=2)
    waiting = begun[0]
    [other] = attempts(play.wait(waiting))
    play.send("ping", wakes=((waiting, 0),))
    play.wait(waiting, 1)

    freed = play.finish(other)

    assert resumed(freed) == []
    assert resumed(play.send("ping", wakes=((waiting, 1),))) == [(waiting, 1, "ping")]
    assert play.state.running[waiting].worker == 0


def test_attempts_that_queue_in_a_cancelled_scope_never_start() -> None:
    play = first_wins(step("A", workers=1))
    [first] = attempts(play.fan_out(1, "A", "A", "A"))

    effects = play.finish(first, "R")

    assert starts(effects) == [(2, ["R"])]
    assert play.state.active == 1
    assert CheckIdle() in play.finish(attempts(effects)[0])


def test_a_retry_that_finds_no_worker_queues_in_its_branch() -> None:
    play, begun = fanned(workers=1, count=2)
    [timer] = [one for one in play.fail(begun[0], retry_at=100.0) if isinstance(one, StartTimer)]
    [second] = list(play.state.running)

    waiting = play.fire(timer.timer)
    effects = play.finish(second)

    assert waiting == []
    assert [one.number for one in effects if isinstance(one, StartStep)] == [2]


def test_a_step_has_no_lane_of_its_own_while_one_attempt_is_all_there_is() -> None:
    play = Play(step("start"))
    play.start()

    during = play.state.lanes[0]
    play.finish(1)

    assert during is play.machine.plan.alone[0]
    assert play.state.lanes == [None]


def test_what_happens_in_one_run_does_not_show_in_the_lane_that_all_share() -> None:
    play = Play(step("start"), step("A"), step("B"))
    play.start()
    other = Machine(play.machine.plan)

    play.send("A")
    play.send("A")
    play.send("B")
    play.wait(4)
    play.send("B")

    assert [(lane.taken, list(lane.free)) for lane in other.plan.alone] == [(1, [])] * 3
    assert {start.attempt: start.worker for start in play.state.running.values()} == {1: 0, 2: 0, 3: 1, 4: -1, 5: 0}


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda state: pickle.loads(pickle.dumps(state))])
def test_the_lanes_of_a_copied_state_do_not_share_their_workers(copied: Callable[[State], State]) -> None:
    play = Play(step("start"), step("A", workers=1), step("B", workers=1))
    play.start()
    play.send("A")
    play.send("B")
    machine = Machine(play.machine.plan, copied(play.state))

    machine.apply(StepFinished(play.now, 2, None, None))

    assert starts(machine.apply(EventSent(play.now, "B", "B"))) == []
    assert starts(machine.apply(EventSent(play.now, "A", "A"))) == [(1, "A")]


def test_the_shared_lane_takes_no_worker_back() -> None:
    with pytest.raises(TypeError, match="a lane of its own"):
        ALONE.append(0)
