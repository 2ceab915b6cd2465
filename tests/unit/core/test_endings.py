import pytest
from tests.unit.core.playing import Play, attempts, starts, step

from stepwell.core import (
    RUN_TIMER,
    CancelStep,
    CheckIdle,
    EndRun,
    Gathering,
    HalfJoin,
    Stall,
    StartTimer,
    Status,
    StopTimer,
)


def test_an_ending_stops_everything_in_flight_and_comes_last() -> None:
    play = Play(step("start"), step("A"))
    play.start(timeout=45.0)
    play.send("A")
    play.wait(2, deadline=130.0)
    play.send("A")
    play.fail(4, retry_at=120.0)

    effects = play.cancel()

    assert effects == [
        CancelStep(1),
        CancelStep(2),
        StopTimer(5),
        StopTimer(3),
        StopTimer(RUN_TIMER),
        EndRun(Status.CANCELLED, None),
    ]
    assert not play.state.running
    assert play.state.active == 0


def test_whatever_happens_after_the_end_is_stale() -> None:
    play = Play(step("start"))
    play.start()
    play.finish(1, "stop")

    assert play.finish(1, "stop") == play.send("start") == play.cancel() == play.turn() == []
    assert play.state.stale_facts == 4


def test_a_list_that_ends_the_run_settles_nothing_afterwards() -> None:
    play = Play(step("start", joins=(1,)), step("R", gathering=Gathering()))
    play.start()

    effects = play.fan_out(1, "R", "stop", "ask", "R")

    assert effects == [EndRun(Status.COMPLETED, "stop", attempt=1)]
    assert play.state.active == 0
    assert not play.state.scopes


def test_a_run_whose_time_is_up_names_the_steps_in_flight() -> None:
    play = Play(step("start"), step("A"))
    play.start(timeout=45.0)
    play.send("A")
    play.now = 145.0

    effects = play.fire(RUN_TIMER)

    assert effects[-1] == EndRun(Status.TIMED_OUT, None, active=(0, 1))
    assert StopTimer(RUN_TIMER) not in effects


def test_a_run_that_times_out_between_attempts_names_the_steps_to_be_tried_again() -> None:
    play = Play(step("start"))
    play.start(timeout=45.0)
    play.fail(1, retry_at=500.0)
    play.now = 145.0

    effects = play.fire(RUN_TIMER)

    assert effects[-1] == EndRun(Status.TIMED_OUT, None, active=(0,))


def test_a_run_timer_that_fires_too_early_is_stale() -> None:
    play = Play(step("start"))
    play.start(timeout=45.0)

    assert play.fire(RUN_TIMER) == []
    assert play.state.stale_facts == 1


def test_a_run_timer_of_a_run_without_a_limit_is_stale() -> None:
    play = Play(step("start"))
    play.start()

    assert play.fire(RUN_TIMER) == []


def test_the_limit_stands_still_while_every_open_attempt_waits() -> None:
    play = Play(step("start"))
    play.start(timeout=45.0)
    play.now = 110.0
    pause = play.wait(1)
    play.now = 1_000.0

    resume = play.send("ping", wakes=((1, 0),))

    assert StopTimer(RUN_TIMER) in pause
    assert StartTimer(RUN_TIMER, 1_035.0) in resume


def test_the_limit_goes_on_while_another_attempt_works() -> None:
    play = Play(step("start"), step("A"))
    play.start(timeout=45.0)
    play.send("A")

    assert play.wait(1) == []


def test_a_run_whose_only_step_returns_nothing_is_stalled_after_one_empty_turn() -> None:
    play = Play(step("start"))
    play.start()

    check = play.finish(1)
    effects = play.turn()

    assert check == [CheckIdle()]
    assert effects == [EndRun(Status.STALLED, None, stall=Stall((), (), 0))]


def test_a_stall_tells_the_events_that_nobody_took_and_the_joins_that_lack_something() -> None:
    play = Play(step("start", joins=(1,)), step("R", gathering=Gathering(take=3)), step(slots=("P", "Q")), more=("X",))
    play.start()
    play.send("X")
    play.send("X")
    play.send("P")
    play.fan_out(1, "R")

    [end] = play.turn()

    assert isinstance(end, EndRun)
    assert end.stall == Stall(
        unhandled=(("X", 2),),
        joins=(HalfJoin(2, ("P",), (("Q", 1),)), HalfJoin(1, ("R",), (("R", 2),))),
        last_step=0,
    )


def test_a_stall_does_not_name_joins_that_have_started() -> None:
    play = Play(
        step("start", joins=(1, 2, 3)),
        step("R", gathering=Gathering(take=1)),
        step("R", gathering=Gathering(take=2)),
        step("R", gathering=Gathering()),
    )
    play.start()
    for join in attempts(play.fan_out(1, "R")):
        play.finish(join)

    [end] = play.turn()

    assert isinstance(end, EndRun)
    assert end.stall is not None
    assert [half.step for half in end.stall.joins] == [2]


def test_a_turn_that_passes_after_something_happened_is_no_stall() -> None:
    play = Play(step("start"))
    play.start()
    play.finish(1)
    play.send("start")

    assert play.turn() == []
    assert play.state.status is Status.RUNNING


def test_a_turn_that_passes_while_an_answer_became_possible_is_no_stall() -> None:
    play = Play(step("start"), step("answer"))
    play.start()
    play.send("answer")
    play.finish(1)
    play.finish(2)
    play.ask()

    assert play.turn() == []
    assert starts(play.send("answer")) == [(1, "answer")]


def test_an_idle_run_is_checked_once() -> None:
    play = Play(step("start"), more=("X",))
    play.start()

    first = play.finish(1)
    second = play.send("X")

    assert (first, second) == ([CheckIdle()], [])


def waiting(play: Play) -> None:
    play.wait(1)


def with_task(play: Play) -> None:
    play.open_task(1)
    play.finish(1)
    play.wait(1)


def losing(play: Play) -> None:
    first, _ = attempts(play.fan_out(1, "A", "A"))
    [join] = attempts(play.finish(first, "R"))
    play.finish(join)


@pytest.mark.parametrize("happen", [waiting, with_task, losing])
def test_a_run_in_which_something_may_still_come_is_not_stalled(happen: object) -> None:
    play = Play(step("start", joins=(2,)), step("A"), step("R", gathering=Gathering(take=1, cancels_rest=True)))
    play.start()
    assert callable(happen)

    happen(play)

    assert not play.state.checking
    assert play.turn() == []


def test_a_run_that_takes_events_from_outside_is_not_stalled() -> None:
    play = Play(step("start"))
    play.start(external=True)

    assert play.finish(1) == []


def test_a_run_whose_answer_has_not_come_is_not_stalled() -> None:
    play = Play(step("start"), step("answer"))
    play.start()

    assert play.finish(1) == []
