import copy
import pickle

import pytest
from tests.unit.core.playing import Play, attempts, resumed, starts, step

from stepwell.core import EndRun, Machine, StartStep, StartTimer, Status, StopTimer


def test_a_run_begins_once() -> None:
    play = Play(step("start"))

    first = play.start(timeout=45.0)
    second = play.start(timeout=45.0)

    assert first[0] == StartTimer(0, 145.0)
    assert starts(first) == [(0, "start")]
    assert second == []
    assert play.state.stale_facts == 1


def test_nothing_happens_to_a_run_that_has_not_begun() -> None:
    play = Play(step("start"))

    assert play.send("start") == play.turn() == play.ask() == []
    assert play.state.stale_facts == 3
    assert starts(play.start()) == [(0, "start")]


def test_a_run_that_has_not_begun_can_be_called_off() -> None:
    play = Play(step("start"))

    assert play.cancel() == [EndRun(Status.CANCELLED, None)]
    assert play.start() == []


def test_a_start_event_may_end_the_run() -> None:
    play = Play(step("start"))

    assert play.start("stop") == [EndRun(Status.COMPLETED, "stop")]


def test_a_result_goes_to_the_next_step_under_the_attempt_that_made_it() -> None:
    play = Play(step("start"), step("A"))
    play.start()

    [start] = play.finish(1, "A")

    assert isinstance(start, StartStep)
    assert (start.step, start.event, start.parent, start.number) == (1, "A", 1, 1)
    assert play.state.last_step == 0


def test_an_attempt_ends_once() -> None:
    play = Play(step("start"), step("A"))
    play.start()
    play.finish(1, "A")

    assert play.finish(1, "A") == play.fan_out(1, "A") == play.fail(1) == play.cancelled(1) == []
    assert play.state.stale_facts == 4


def test_an_attempt_that_nobody_told_to_stop_has_not_stopped() -> None:
    play = Play(step("start"))
    play.start()

    play.cancelled(1)

    assert play.state.stale_facts == 1
    assert 1 in play.state.running


def test_a_timer_that_is_not_known_is_stale() -> None:
    play = Play(step("start"))
    play.start()

    assert play.fire(77) == []
    assert play.state.stale_facts == 1


def test_a_failure_without_a_handler_fails_the_run() -> None:
    play = Play(step("start"))
    play.start()

    assert play.fail(1) == [EndRun(Status.FAILED, "boom", attempt=1)]


def test_a_failure_goes_to_the_step_that_takes_it_as_often_as_allowed() -> None:
    play = Play(step("start", catcher=1, recoveries=1), step())
    play.start()
    [caught] = play.fail(1)
    assert isinstance(caught, StartStep)

    [again] = play.finish(caught.attempt, "start")
    assert isinstance(again, StartStep)
    effects = play.fail(again.attempt)

    assert (caught.step, caught.event, caught.key) == (1, "failure", "failure")
    assert effects[-1] == EndRun(Status.FAILED, "boom", attempt=again.attempt)


def test_a_failure_that_is_taken_gives_its_branch_back() -> None:
    play = Play(step("start"), step("A", catcher=2, recoveries=1), step())
    play.start()
    [branch] = attempts(play.fan_out(1, "A"))
    [caught] = attempts(play.fail(branch))

    play.finish(caught)

    assert not play.state.scopes


def test_the_lists_of_a_recovered_branch_remember_its_recoveries() -> None:
    play = Play(step("start", catcher=1, recoveries=1), step(), step("A", catcher=1, recoveries=1))
    play.start()
    [caught] = attempts(play.fail(1))

    [branch] = attempts(play.fan_out(caught, "A"))

    assert play.fail(branch)[-1] == EndRun(Status.FAILED, "boom", attempt=branch)


def test_a_background_task_keeps_its_branch_open() -> None:
    play = Play(step("start"), step("A"))
    play.start()
    [branch] = attempts(play.fan_out(1, "A"))
    play.open_task(branch)
    play.open_task(branch)
    play.finish(branch)
    play.close_task(branch)
    between = len(play.state.scopes)

    play.close_task(branch)

    assert (between, len(play.state.scopes)) == (1, 0)
    assert not play.state.tasks


def test_a_background_task_that_ends_before_its_body_leaves_nothing() -> None:
    play = Play(step("start"))
    play.start()
    play.open_task(1)

    play.close_task(1)

    assert not play.state.tasks
    assert play.state.active == 1


def test_a_background_task_of_nobody_is_stale() -> None:
    play = Play(step("start"))
    play.start()

    play.open_task(9)
    play.close_task(9, "boom")

    assert play.state.stale_facts == 2
    assert play.state.active == 1


def test_an_error_that_a_background_task_left_fails_the_run() -> None:
    play = Play(step("start"))
    play.start()
    play.open_task(1)
    play.finish(1)

    assert play.close_task(1, "boom") == [EndRun(Status.FAILED, "boom", attempt=1)]


def test_a_state_that_was_put_away_goes_on_where_it_was() -> None:
    play = Play(step("start"), step("A", workers=1))
    play.start(timeout=45.0)
    play.fan_out(1, "A", "A", "A")
    play.wait(3, deadline=120.0)
    for state in (copy.deepcopy(play.state), pickle.loads(pickle.dumps(play.state))):
        assert state == play.state
        other = Play(step("start"), step("A", workers=1))
        other.machine = Machine(other.machine.plan, state)

        assert other.send("ping", wakes=((3, 0),))[0] == StopTimer(6)
        assert resumed(other.finish(4)) == [(3, 0, "ping")]


def test_two_new_runs_share_nothing() -> None:
    first, second = Play(step("start"), more=("X",)), Play(step("start"), more=("X",))
    first.start()
    second.start()
    for play in (first, second):
        play.open_task(1)
        play.wait(1, deadline=120.0)

    first.send("X")
    first.cancel()

    assert not second.state.held
    assert second.state.tasks == {1: 1}
    assert list(second.state.suspended) == [1]
    assert len(second.state.wait_timers) == 1


def test_what_new_states_share_cannot_be_written_to() -> None:
    play = Play(step("start"))

    with pytest.raises(TypeError, match="shared by all runs"):
        play.state.tasks[1] = 1
