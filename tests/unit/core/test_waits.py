from tests.unit.core.playing import Play, attempts, resumed, starts, step

from stepwell.core import CheckIdle, Publish, ResumeStep, StartTimer, Status, StopTimer


def begun(**plan: object) -> Play:
    """Return a run with attempt 1 under way."""
    play = Play(step("start", **plan), step("A", workers=1))
    play.start()
    return play


def test_a_wait_that_opens_publishes_its_question_and_sets_its_timer() -> None:
    play = begun()

    ask, timer = play.wait(1, deadline=130.0, ask="how?")

    assert ask == Publish("how?")
    assert isinstance(timer, StartTimer)
    assert timer.at == 130.0


def test_an_answer_resumes_the_attempt_and_stops_the_timer() -> None:
    play = begun()
    [timer] = play.wait(1, deadline=130.0)
    assert isinstance(timer, StartTimer)

    effects = play.send("ping", wakes=((1, 0),))

    assert effects == [StopTimer(timer.timer), ResumeStep(1, 0, "ping", False)]
    assert not play.state.wait_timers


def test_a_deadline_resumes_the_attempt_without_an_event() -> None:
    play = begun()
    [timer] = play.wait(1, deadline=130.0)
    assert isinstance(timer, StartTimer)

    effects = play.fire(timer.timer)

    assert effects == [ResumeStep(1, 0, None, True)]


def test_a_wait_is_settled_once() -> None:
    play = begun()
    play.wait(1)
    play.send("ping", wakes=((1, 0),))

    effects = play.send("ping", wakes=((1, 0), (9, 0)))

    assert resumed(effects) == []
    assert [held.key for held in play.state.held.values()] == ["ping"]


def test_an_answer_to_one_wait_leaves_the_others_of_its_attempt_open() -> None:
    play = begun()
    play.wait(1, 0)

    effects = play.send("ping", wakes=((1, 7),))

    assert effects == []
    assert list(play.state.suspended[1].open) == [0]


def test_an_answer_wakes_all_the_waits_that_it_was_found_to_answer() -> None:
    play = begun()
    play.send("A")
    play.wait(1)
    play.wait(2)

    effects = play.send("ping", wakes=((1, 0), (2, 0)))

    assert resumed(effects) == [(1, 0, "ping"), (2, 0, "ping")]
    assert not play.state.held


def test_an_answer_also_goes_to_the_steps_that_accept_it() -> None:
    play = begun()
    play.wait(1, key="A")

    effects = play.send("A", wakes=((1, 0),))

    assert resumed(effects) == [(1, 0, "A")]
    assert starts(effects) == [(1, "A")]


def test_an_event_in_a_list_answers_a_wait_and_also_goes_to_the_steps_that_accept_it() -> None:
    play = Play(step("start"), step("A", workers=9))
    play.start()
    play.send("start")
    play.wait(2, 0, key="A")
    play.wait(2, 1, key="ping")

    effects = play.fan_out(1, "A", "ping", "A", wakes=(((2, 0),), ((2, 1),), ((2, 0),)))

    assert resumed(effects) == [(2, 0, "A"), (2, 1, "ping")]
    assert starts(effects) == [(1, "A"), (1, "A")]
    assert not play.state.held


def test_the_answer_to_a_wait_that_asked_leaves_the_other_questions_open() -> None:
    play = Play(step("start"), step("answer"))
    play.start()
    play.ask()
    play.wait(1, key="answer", ask="how?")

    play.send("answer", wakes=((1, 0),))

    assert play.state.questions == 1


def test_an_answer_sent_before_its_wait_opened_answers_it_at_once() -> None:
    play = begun()
    play.send("ping")
    [held] = play.state.held

    effects = play.wait(1, takes=held)

    assert effects == [ResumeStep(1, 0, "ping", False)]
    assert not play.state.held
    assert not play.state.suspended


def test_a_held_answer_that_somebody_else_took_leaves_the_wait_open() -> None:
    play = begun()

    effects = play.wait(1, takes=77)

    assert effects == []
    assert list(play.state.suspended[1].open) == [0]


def test_a_wait_of_an_attempt_that_is_not_in_flight_is_stale() -> None:
    play = begun()

    play.wait(9)

    assert play.state.stale_facts == 1
    assert not play.state.suspended


def test_a_repeated_wait_changes_nothing_even_after_its_answer() -> None:
    play = begun()
    play.wait(1)
    play.wait(1)
    play.send("ping", wakes=((1, 0),))
    play.wait(1)

    assert play.state.stale_facts == 2
    assert not play.state.suspended


def test_a_dropped_wait_gives_the_worker_back() -> None:
    play = begun()
    [timer] = play.wait(1, deadline=130.0)
    assert isinstance(timer, StartTimer)

    effects = play.drop(1)

    assert effects == [StopTimer(timer.timer)]
    assert play.state.running[1].worker == 0
    assert not play.state.suspended


def test_an_attempt_that_drops_one_of_two_waits_stays_suspended() -> None:
    play = begun()
    play.wait(1, 0)
    play.wait(1, 1)

    effects = play.drop(1, 0)

    assert effects == []
    assert list(play.state.suspended[1].open) == [1]


def test_a_drop_of_a_wait_that_is_not_open_is_stale() -> None:
    play = begun()

    play.drop(1)
    play.wait(1)
    play.drop(1, 5)

    assert play.state.stale_facts == 2


def test_an_answer_that_queues_for_a_worker_is_forgotten_with_its_wait() -> None:
    play = begun()
    play.send("A")
    play.send("A")
    [other] = attempts(play.wait(2))
    play.send("ping", wakes=((2, 0),))

    play.drop(2)

    assert resumed(play.finish(other)) == []
    assert play.state.running[2].worker == 0


def test_an_attempt_that_ends_while_it_waits_is_no_stale_news() -> None:
    play = begun()
    [timer] = play.wait(1, deadline=130.0)
    assert isinstance(timer, StartTimer)

    effects = play.finish(1, "A")

    assert effects[0] == StopTimer(timer.timer)
    assert starts(effects) == [(1, "A")]
    assert play.state.stale_facts == 0
    assert not play.state.suspended
    assert play.state.active == 1


def test_an_attempt_that_fails_while_it_waits_is_tried_again() -> None:
    play = begun()
    play.wait(1)

    [retry] = play.fail(1, retry_at=105.0)

    assert isinstance(retry, StartTimer)
    assert not play.state.suspended
    assert play.state.active == 1


def test_an_attempt_that_returns_a_list_while_it_waits_lets_its_waits_go() -> None:
    play = begun()
    play.wait(1)

    effects = play.fan_out(1, "A")

    assert starts(effects) == [(1, "A")]
    assert not play.state.suspended
    assert play.state.active == 1


def test_a_background_task_may_wait_after_the_body_is_over() -> None:
    play = begun()
    play.open_task(1)
    play.wait(1)
    play.finish(1)

    effects = play.send("ping", wakes=((1, 0),))

    assert effects == [ResumeStep(1, 0, "ping", False)]
    assert not play.state.suspended


def test_a_background_task_may_begin_to_wait_after_the_body_is_over() -> None:
    play = begun()
    play.open_task(1)
    play.finish(1)
    play.wait(1, 0)
    play.wait(1, 1)

    effects = play.send("ping", wakes=((1, 0),))

    assert effects == [ResumeStep(1, 0, "ping", False)]
    assert list(play.state.suspended[1].open) == [1]


def test_a_background_task_may_drop_its_wait_after_the_body_is_over() -> None:
    play = begun()
    play.open_task(1)
    play.finish(1)
    play.wait(1)

    effects = play.drop(1)

    assert effects == []
    assert not play.state.suspended


def test_the_result_of_a_body_may_answer_its_own_background_task() -> None:
    play = begun()
    play.open_task(1)
    play.wait(1)

    effects = play.finish(1, "ping", wakes=((1, 0),))

    assert effects == [ResumeStep(1, 0, "ping", False)]
    assert not play.state.held


def test_an_answer_that_queues_for_a_worker_reaches_the_background_task_when_the_body_ends_first() -> None:
    play = Play(step("start"), step("A", workers=1))
    play.start()
    play.fan_out(1, "A", "A")
    play.open_task(3)
    play.wait(3)
    play.send("ping", wakes=((3, 0),))

    effects = play.finish(3)

    assert resumed(effects) == [(3, 0, "ping")]


def test_the_waits_of_a_background_task_end_with_it() -> None:
    play = begun()
    play.open_task(1)
    play.finish(1)
    [timer] = play.wait(1, deadline=130.0)
    assert isinstance(timer, StartTimer)

    effects = play.close_task(1)

    assert effects == [StopTimer(timer.timer), CheckIdle()]
    assert play.state.status is Status.RUNNING
