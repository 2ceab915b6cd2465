import pytest
from tests.unit.core.playing import Play, attempts, plan_of, starts, step

from stepwell.core import CheckIdle, EndRun, Gathering, Kind, Publish, Status


def test_an_event_goes_to_every_step_that_accepts_it() -> None:
    play = Play(step("start"), step("start", "A"), step("A"))

    assert starts(play.start()) == [(0, "start"), (1, "start")]


def test_an_event_sent_to_one_step_goes_to_no_other() -> None:
    play = Play(step("start"), step("A"), step("A"))
    play.start()

    assert starts(play.send("A", step=2)) == [(2, "A")]


def test_an_event_sent_to_a_join_of_several_parameters_fills_its_place() -> None:
    play = Play(step("start"), step(slots=("P", "Q")))
    play.start()
    play.send("P", step=1)

    assert starts(play.send("Q", step=1)) == [(1, ("P", "Q"))]


def test_an_event_sent_to_the_join_of_a_fan_out_is_a_member_of_its_scope() -> None:
    play = Play(step("start", joins=(2,)), step("A"), step("R", gathering=Gathering(take=1)), step("R", workers=9))
    play.start()
    [branch] = attempts(play.fan_out(1, "A"))

    assert starts(play.send("R", sender=branch, step=2)) == [(2, ["R"])]


def test_an_event_sent_to_a_step_that_does_not_take_it_is_held() -> None:
    play = Play(step("start"), step("A"))
    play.start()

    play.send("A", step=0)

    assert [held.key for held in play.state.held.values()] == ["A"]


def test_an_event_for_a_fan_out_join_outside_of_any_scope_is_held() -> None:
    play = Play(step("start"), step("R", gathering=Gathering()))
    play.start()

    play.send("R")

    assert [held.key for held in play.state.held.values()] == ["R"]


def test_an_event_of_a_type_that_was_never_learned_is_held() -> None:
    play = Play(step("start"))
    play.start()

    play.send("unheard of")
    play.finish(1, "unheard of")

    assert [held.key for held in play.state.held.values()] == ["unheard of"] * 2


@pytest.mark.parametrize("target", [None, 0])
def test_the_first_stop_event_ends_the_run(target: int | None) -> None:
    play = Play(step("start"))
    play.start()

    effects = play.send("stop", step=target)

    assert effects[-1] == EndRun(Status.COMPLETED, "stop", attempt=None)


@pytest.mark.parametrize("target", [None, 1])
def test_a_question_is_published_and_goes_to_the_steps_that_accept_it(target: int | None) -> None:
    play = Play(step("start"), step("ask"))
    play.start()

    effects = play.send("ask", step=target)

    assert effects[0] == Publish("ask")
    assert starts(effects) == [(1, "ask")]
    assert play.state.questions == 1


def test_a_question_that_no_step_accepts_is_not_held() -> None:
    play = Play(step("start"), step("answer"))
    play.start()

    play.finish(1, "ask")

    assert not play.state.held


def test_an_answer_closes_a_question() -> None:
    play = Play(step("start"), step("answer"))
    play.start()
    play.ask()

    play.send("answer")

    assert play.state.questions == 0


def test_an_answer_for_a_join_of_several_parameters_closes_a_question() -> None:
    play = Play(step("start", "ask"), step(slots=("answer", "Q")))
    play.start()
    play.ask()

    play.send("answer")

    assert play.state.questions == 0
    assert starts(play.send("Q")) == [(1, ("answer", "Q"))]


def test_an_answer_ends_the_time_in_which_no_question_is_needed() -> None:
    play = Play(step("start"), step("answer"))
    play.start()
    before = play.state.unprompted

    play.send("answer")

    assert (before, play.state.unprompted) == (True, False)


def test_a_question_ends_the_time_in_which_no_question_is_needed() -> None:
    play = Play(step("start"), step("answer"))
    play.start()

    play.ask()

    assert not play.state.unprompted


def test_a_question_that_is_withdrawn_is_not_open_and_may_be_answered_all_the_same() -> None:
    play = Play(step("start"), step("answer"))
    play.start()
    play.ask()

    play.withdraw()

    assert (play.state.questions, play.state.unprompted) == (0, True)


def test_a_run_whose_only_question_was_withdrawn_waits_for_who_saw_it_until_somebody_has_spoken() -> None:
    play = Play(step("start"), step("answer"))
    play.start()
    play.ask()
    play.withdraw()

    waits_before = CheckIdle() not in play.finish(1, None)
    play.send("answer")
    waits_after = CheckIdle() not in play.finish(2, None)

    assert (waits_before, waits_after) == (True, False)


def test_an_answer_that_only_a_wait_takes_closes_a_question() -> None:
    play = Play(step("start"), more=("answer",))
    play.start()
    play.ask()
    play.wait(1, key="answer")

    play.send("answer", wakes=((1, 0),))

    assert play.state.questions == 0


def test_an_answer_that_nobody_takes_leaves_the_question_open() -> None:
    play = Play(step("start"), step("answer"))
    play.machine.plan.learn("second answer", Kind.ANSWER, ())
    play.start()
    play.ask()

    play.send("second answer")

    assert play.state.questions == 1


def test_an_answer_held_for_a_wait_closes_a_question_when_the_wait_takes_it() -> None:
    play = Play(step("start"), more=("answer",))
    play.start()
    play.send("answer")
    [held] = play.state.held

    play.wait(1, key="answer", ask="how?", takes=held)

    assert play.state.questions == 0


def test_an_answer_that_a_step_returns_closes_a_question() -> None:
    play = Play(step("start"), more=("answer",))
    play.start()
    play.ask()
    play.wait(1, key="answer")
    play.send("start")

    play.finish(2, "answer", wakes=((1, 0),))

    assert play.state.questions == 0


def test_what_an_attempt_sends_belongs_to_its_branch() -> None:
    play = Play(step("start"), step("A"), step("B"))
    play.start()
    [branch] = attempts(play.fan_out(1, "A"))

    [sent] = attempts(play.send("B", sender=branch))

    assert play.state.running[sent].lineage == play.state.running[branch].lineage


def test_a_subclass_reaches_a_step_that_accepts_subclasses() -> None:
    plan = plan_of(step("A", accepts_subclasses=True), step("A"), step(slots=("A", "B"), accepts_subclasses=True))

    route = plan.learn("Sub", plan.kinds["A"], ("A",))

    assert (route.triggers, route.slots) == ((0,), ((2, 0),))
    assert plan.learn("Sub", plan.kinds["A"], ()) is route


def test_a_plan_that_learns_an_answer_type_knows_that_answers_are_possible() -> None:
    assert plan_of(step("answer")).takes_answers
    assert not plan_of(step("start"), more=("answer",)).takes_answers
