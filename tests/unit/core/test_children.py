"""Child runs in the machine: a wait that counts as active while the child is at work."""

from typing import Any

from tests.unit.core.playing import Play, attempts, resumed, step

from stepwell.core import CheckIdle, EndRun, StartTimer, Status, StopTimer


def begun(timeout: float | None = None, **plan: Any) -> Play:
    """Return a run with attempt 1 under way."""
    play = Play(step("start", **plan), step("answer"))
    play.start(timeout=timeout)
    return play


def test_an_attempt_that_opens_a_child_gives_its_worker_to_the_next() -> None:
    play = begun(workers=1)
    play.send("start")

    assert attempts(play.open_child(1)) == [2]


def test_an_attempt_whose_child_is_over_goes_on() -> None:
    play = begun()
    play.open_child(1)

    assert resumed(play.close_child(1)) == [(1, 0, None)]
    assert play.state.active == 1


def test_an_attempt_whose_child_is_over_takes_its_worker_back_first() -> None:
    play = begun(workers=1)
    play.send("start")
    play.send("start")
    play.open_child(1)

    assert resumed(play.close_child(1)) == []
    effects = play.finish(2)

    assert resumed(effects) == [(1, 0, None)]
    assert attempts(effects) == []


def test_the_time_limit_goes_on_while_a_child_works() -> None:
    play = begun(timeout=10)

    assert play.open_child(1) == []


def test_the_time_limit_stands_still_while_a_child_only_waits() -> None:
    play = begun(timeout=10)
    play.open_child(1)
    play.now += 4

    stopped = play.pause_child(1)
    play.now += 1000
    started = play.resume_child(1)

    assert stopped == [StopTimer(0)]
    assert started == [StartTimer(0, play.now + 6)]


def test_one_child_at_work_keeps_the_time_going() -> None:
    play = begun(timeout=10)
    play.open_child(1, 0)
    play.open_child(1, 1)

    assert play.pause_child(1, 0) == []
    assert play.pause_child(1, 1) == [StopTimer(0)]


def test_a_run_with_a_child_that_only_waits_is_not_stalled() -> None:
    play = begun()
    play.open_child(1)

    assert CheckIdle() not in play.pause_child(1)


def test_a_child_that_only_waits_may_end() -> None:
    play = begun()
    play.open_child(1)
    play.pause_child(1)

    assert resumed(play.close_child(1)) == [(1, 0, None)]
    assert play.state.active == 1


def test_several_children_of_an_attempt_end_one_by_one() -> None:
    play = begun()
    play.open_child(1, 0)
    play.open_child(1, 1)

    assert resumed(play.close_child(1, 1)) == [(1, 1, None)]
    assert resumed(play.close_child(1, 0)) == [(1, 0, None)]
    assert play.state.active == 1


def test_a_body_that_stops_waiting_for_its_child_has_its_worker_again() -> None:
    play = begun()
    play.open_child(1)

    play.drop(1)

    assert play.state.running[1].worker == 0
    assert play.state.active == 1


def test_a_body_that_fails_beside_its_child_forgets_it() -> None:
    play = begun()
    play.open_child(1)

    play.fail(1, retry_at=play.now + 1)

    assert play.state.active == 1  # the retry
    assert play.close_child(1) == []


def test_a_background_task_may_wait_for_a_child_after_its_body() -> None:
    play = begun()
    play.open_task(1)
    play.finish(1)

    play.open_child(1)
    assert play.state.active == 2
    play.pause_child(1)

    assert resumed(play.close_child(1)) == [(1, 0, None)]
    assert play.state.active == 1


def test_a_child_opened_beside_one_that_is_over_gives_the_body_what_is_ready() -> None:
    play = begun(workers=1)
    play.send("start")
    play.open_child(1, 0)
    play.close_child(1, 0)

    assert resumed(play.open_child(1, 1)) == [(1, 0, None)]


def test_facts_about_children_that_are_no_news_change_nothing() -> None:
    play = begun()
    play.open_child(1)

    for tell in (play.resume_child, play.open_child):
        assert tell(1) == []
    play.pause_child(1)
    assert play.pause_child(1) == []
    play.close_child(1)
    for tell in (play.close_child, play.pause_child, play.resume_child):
        assert tell(1) == []
        assert tell(9) == []
    assert play.open_child(9) == []

    assert play.state.stale_facts == 10
    assert play.state.active == 1


def test_the_end_of_a_run_forgets_its_children() -> None:
    play = begun()
    play.open_child(1)

    effects = play.cancel()

    assert isinstance(effects[-1], EndRun)
    assert play.close_child(1) == []
    assert play.state.active == 0


def test_an_answer_that_a_child_took_closes_a_question() -> None:
    play = begun()
    play.ask()
    play.ask()
    play.finish(1)

    assert play.answer_below() == []
    assert play.answer_below() == [CheckIdle()]
    play.turn()

    assert play.state.status is Status.STALLED


def test_a_held_event_that_went_to_a_child_is_held_no_more() -> None:
    play = begun()
    play.send("ping")
    [number] = play.state.held

    play.pass_on(number)
    play.pass_on(number)

    assert not play.state.held
    assert play.state.stale_facts == 1


def test_a_held_event_says_whether_it_came_from_outside() -> None:
    play = begun()

    play.send("ping")
    play.send("ping", sender=1)

    assert [held.sender for held in play.state.held.values()] == [None, 1]
