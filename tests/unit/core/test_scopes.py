from tests.unit.core.playing import ALL, FIRST, Play, attempts, first_wins, joined, starts, step

from stepwell.core import CancelStep, EndRun, Gathering, Kind, Lineage, StartStep, StartTimer, Status, StopTimer


def test_a_join_for_all_starts_when_the_last_branch_has_ended() -> None:
    play = joined(ALL)
    first, second = attempts(play.fan_out(1, "A", "A"))

    assert starts(play.finish(second, "R")) == []
    [join] = play.finish(first, "R")

    assert isinstance(join, StartStep)
    assert join.event == ["R", "R"]
    assert join.causes == (second, first)
    assert join.parent == 1


def test_a_join_for_all_of_nothing_starts_at_once_with_nothing() -> None:
    play = joined(ALL)

    assert starts(play.fan_out(1)) == [(2, [])]


def test_an_event_that_two_joins_take_goes_to_both() -> None:
    ordered = Gathering(ordered=True)
    play = Play(step("start", joins=(2, 3)), step("A"), step("R", gathering=ALL), step("R", gathering=ordered))
    play.start()
    first, second, third = attempts(play.fan_out(1, "A", "A", "A"))
    play.finish(second, "R")
    play.finish(third, "R")

    effects = play.finish(first, "R")

    assert starts(effects) == [(2, ["R"] * 3), (3, ["R"] * 3)]


def test_an_ordered_join_gets_its_members_in_the_order_of_the_list() -> None:
    play = Play(step("start", joins=(2,)), step("A"), step("R", "S", gathering=Gathering(ordered=True)))
    play.start()
    first, second, third = attempts(play.fan_out(1, "A", "A", "A"))
    play.finish(third, "R")
    play.finish(second, "S")

    effects = play.finish(first, "R")

    assert starts(effects) == [(2, ["R", "S", "R"])]


def test_a_join_for_n_starts_with_the_nth_and_leaves_the_others_alone() -> None:
    play = joined(Gathering(take=1))
    first, second = attempts(play.fan_out(1, "A", "A"))

    effects = play.finish(first, "R")

    assert starts(effects) == [(2, ["R"])]
    assert second in play.state.running
    assert starts(play.finish(second, "R")) == []
    assert not play.state.scopes


def test_a_join_that_cancels_the_rest_empties_its_scope_and_closes_it_also_without_a_token() -> None:
    outer = Play(
        step("start", joins=(4,)),
        step("B", joins=(3,)),
        step("A", workers=9),
        step("R", gathering=FIRST),
        step("S", gathering=ALL),
    )
    outer.start()
    [opener] = attempts(outer.fan_out(1, "B"))
    first, _ = attempts(outer.fan_out(opener, "A", "A"))
    [join] = attempts(outer.finish(first, "R"))

    effects = outer.finish(join, "S")

    assert starts(effects) == [(4, ["S"])]
    assert not outer.state.scopes


def test_a_list_whose_first_event_decides_the_join_drops_the_others() -> None:
    play = Play(step("start", joins=(1,)), step("R", gathering=FIRST))
    play.start()

    effects = play.fan_out(1, "R", "R", "R")

    assert starts(effects) == [(1, ["R"])]
    assert not play.state.scopes


def test_cancelling_stops_all_that_is_open_inside_at_any_depth() -> None:
    play = Play(
        step("start", joins=(2,)),
        step("A", workers=9),
        step("R", gathering=FIRST),
        step("B", joins=(), workers=9),
        step("C", workers=9),
        step(slots=("P", "Q")),
    )
    play.start()
    winner, retried, waiting, opener = attempts(play.fan_out(1, "A", "A", "A", "B"))
    [inner] = attempts(play.fan_out(opener, "C"))
    play.fail(retried, retry_at=200.0)
    play.wait(waiting, deadline=150.0)
    play.send("P", sender=waiting)
    timers = set(play.state.delayed) | set(play.state.wait_timers)

    effects = play.finish(winner, "R")

    assert {one.attempt for one in effects if isinstance(one, CancelStep)} == {waiting, inner}
    assert {one.timer for one in effects if isinstance(one, StopTimer)} == timers
    assert not play.state.scopes
    assert not play.state.slots
    assert not play.state.delayed
    assert play.state.active == 1


def test_a_cancelled_attempt_holds_its_worker_until_it_has_ended() -> None:
    play = first_wins(step("A", workers=2))
    winner, loser = attempts(play.fan_out(1, "A", "A"))
    play.finish(winner, "R")
    play.send("A")

    waiting = starts(play.send("A"))
    effects = play.cancelled(loser)

    assert waiting == []
    assert starts(effects) == [(1, "A")]


def test_what_a_cancelled_loser_returns_frees_its_worker_and_is_dropped() -> None:
    play = first_wins()
    winner, loser = attempts(play.fan_out(1, "A", "A"))
    play.finish(winner, "R")

    effects = play.finish(loser, "R")

    assert effects == []
    assert not play.state.cancelling
    assert not play.state.held


def test_what_a_cancelled_loser_sends_is_dropped() -> None:
    play = first_wins()
    winner, loser = attempts(play.fan_out(1, "A", "A"))
    play.finish(winner, "R")

    assert play.send("A", sender=loser) == []
    assert play.send("A", sender=loser, step=1) == []
    assert not play.state.held


def test_a_cancelled_loser_may_still_end_the_run() -> None:
    play = first_wins()
    winner, loser = attempts(play.fan_out(1, "A", "A"))
    play.finish(winner, "R")

    effects = play.send("stop", sender=loser)

    assert effects[-1] == EndRun(Status.COMPLETED, "stop", attempt=loser)


def test_the_background_tasks_that_a_finished_loser_left_are_stopped() -> None:
    play = joined(Gathering(take=2, cancels_rest=True))
    first, second, third = attempts(play.fan_out(1, "A", "A", "A"))
    play.open_task(first)
    play.wait(first)
    play.finish(first, "R")

    effects = play.finish(second, "R")

    assert {one.attempt for one in effects if isinstance(one, CancelStep)} == {first, third}
    assert play.close_task(first) == []
    assert not play.state.lingering


def test_the_background_tasks_that_a_second_attempt_left_are_stopped_once() -> None:
    play = joined(Gathering(take=2, cancels_rest=True))
    first, second = attempts(play.fan_out(1, "A", "A"))
    [timer] = play.fail(first, retry_at=100.0)
    assert isinstance(timer, StartTimer)
    [again] = attempts(play.fire(timer.timer))
    play.open_task(again)
    play.finish(again, "R")

    effects = play.finish(second, "R")

    assert effects.count(CancelStep(again)) == 1


def test_the_background_tasks_of_the_winner_itself_are_stopped() -> None:
    play = first_wins()
    [winner] = attempts(play.fan_out(1, "A"))
    play.open_task(winner)

    effects = play.finish(winner, "R")

    assert effects[-1] == CancelStep(winner)


def test_an_event_that_two_joins_want_reaches_both_when_one_of_them_cancels_the_rest() -> None:
    play = Play(step("start", joins=(2, 3)), step("A"), step("R", gathering=FIRST), step("R", gathering=ALL))
    play.start()
    first, _ = attempts(play.fan_out(1, "A", "A"))

    effects = play.finish(first, "R")

    assert starts(effects) == [(2, ["R"]), (3, ["R"])]
    assert not play.state.scopes


def test_a_cancelled_scope_with_a_join_that_was_never_filled_stays_and_is_told_in_the_stall() -> None:
    play = Play(
        step("start", joins=(2, 3)), step("A"), step("R", gathering=FIRST), step("R", gathering=Gathering(take=2))
    )
    play.start()
    first, second = attempts(play.fan_out(1, "A", "A"))
    [join] = attempts(play.finish(first, "R"))
    play.cancelled(second)
    play.finish(join)

    [end] = play.turn()

    assert isinstance(end, EndRun)
    assert end.stall is not None
    [half] = end.stall.joins
    assert (half.step, half.present, half.missing) == (3, ("R",), (("R", 1),))


def test_a_loser_in_a_scope_that_stays_for_another_join_has_nothing_to_say_either() -> None:
    play = Play(
        step("start", joins=(2, 3)), step("A"), step("R", gathering=FIRST), step("R", gathering=Gathering(take=2))
    )
    play.start()
    first, loser = attempts(play.fan_out(1, "A", "A"))
    play.finish(first, "R")

    assert play.send("R", sender=loser) == play.send("A", sender=loser) == []
    assert len(play.state.scopes) == 1


def test_an_event_that_a_step_and_a_join_want_reaches_both() -> None:
    play = Play(step("start", joins=(3,)), step("A"), step("R"), step("R", gathering=ALL))
    play.start()
    [branch] = attempts(play.fan_out(1, "A"))

    effects = play.finish(branch, "R")

    assert starts(effects) == [(2, "R")]
    [taker] = attempts(effects)
    assert starts(play.finish(taker)) == [(3, ["R"])]


def test_two_joins_that_both_cancel_the_rest_cancel_it_once() -> None:
    play = Play(step("start", joins=(2, 3)), step("A"), step("R", gathering=FIRST), step("R", gathering=FIRST))
    play.start()
    first, second = attempts(play.fan_out(1, "A", "A"))

    effects = play.finish(first, "R")

    assert starts(effects) == [(2, ["R"]), (3, ["R"])]
    assert effects.count(CancelStep(second)) == 1
    assert not play.state.scopes


def test_a_join_that_its_opener_does_not_name_joins_what_reaches_it() -> None:
    play = Play(step("start"), step("R", gathering=ALL))
    play.start()

    effects = play.fan_out(1, "R", "R")

    assert starts(effects) == [(1, ["R", "R"])]


def test_a_scope_waits_for_the_scopes_that_its_branches_open() -> None:
    play = Play(
        step("start", joins=(3,)),
        step("B", joins=(2,)),
        step("R", gathering=ALL),
        step("S", gathering=ALL),
        more=("S",),
    )
    play.start()
    left, right = attempts(play.fan_out(1, "B", "B"))
    [left_join] = attempts(play.fan_out(left, "R", "R"))
    [right_join] = attempts(play.fan_out(right))
    early = play.finish(left_join, "S")

    effects = play.finish(right_join, "S")

    assert starts(early) == []
    assert starts(effects) == [(3, ["S", "S"])]


def test_a_join_of_several_parameters_starts_with_one_of_each() -> None:
    play = Play(step("start"), step(slots=("P", "Q")))
    play.start()
    play.send("P")
    play.send("P")

    effects = play.send("Q")

    [join] = [one for one in effects if isinstance(one, StartStep)]
    assert join.event == ("P", "Q")
    assert play.state.slots
    assert starts(play.send("Q")) == [(1, ("P", "Q"))]
    assert not play.state.slots


def test_two_parameters_of_one_type_are_filled_by_two_events() -> None:
    play = Play(step("start"), step(slots=("P", "P")))
    play.start()

    assert starts(play.send("P")) == []
    assert starts(play.send("P", step=1)) == [(1, ("P", "P"))]
    assert not play.state.slots


def test_an_event_goes_to_the_parameter_of_its_own_type_first_and_then_to_that_of_its_base() -> None:
    play = Play(step("start"), step(slots=("Base", "Heir"), accepts_subclasses=True))
    play.machine.plan.routes.pop("Heir")
    play.machine.plan.learn("Heir", Kind.PLAIN, ("Base",))
    play.start()

    play.send("Heir")
    assert starts(play.send("Base")) == [(1, ("Base", "Heir"))]
    play.send("Heir")
    assert starts(play.send("Heir")) == [(1, ("Heir", "Heir"))]


def test_joins_of_several_parameters_do_not_mix_scopes() -> None:
    play = Play(step("start", "B"), step(slots=("P", "Q")), step("X", workers=9))
    play.start()
    play.send("B")
    [left] = attempts(play.fan_out(1, "X"))
    [right] = attempts(play.fan_out(2, "X"))
    play.send("P", sender=left)

    mixed = starts(play.send("Q", sender=right))
    effects = play.send("Q", sender=left)

    assert mixed == []
    [join] = [one for one in effects if isinstance(one, StartStep)]
    assert join.lineage == play.state.running[left].lineage
    assert join.causes == (left, left)


def test_a_scope_with_a_half_full_join_in_it_is_not_over() -> None:
    play = Play(step("start", joins=(1,)), step("R", gathering=ALL), step(slots=("P", "Q")), step("X"))
    play.start()
    [first] = attempts(play.fan_out(1, "X"))
    play.send("P", sender=first)

    effects = play.finish(first, "R")

    assert starts(effects) == []
    assert play.state.scopes


def test_a_scope_ends_after_the_join_of_several_parameters_in_it() -> None:
    play = Play(step("start", joins=(1,)), step("R", gathering=ALL), step(slots=("P", "Q")), step("X"))
    play.start()
    [first] = attempts(play.fan_out(1, "X"))
    play.send("P", sender=first)
    [pair] = attempts(play.send("Q", sender=first))
    play.finish(first)

    effects = play.finish(pair, "R")

    assert starts(effects) == [(1, ["R"])]
    assert not play.state.scopes


def test_a_tolerant_join_takes_a_failure_as_a_member() -> None:
    play = joined(Gathering(keeps_errors=True))
    first, second = attempts(play.fan_out(1, "A", "A"))
    play.fail(first)

    effects = play.finish(second, "R")

    assert starts(effects) == [(2, ["failure", "R"])]


def test_a_failure_after_a_tolerant_join_was_filled_does_no_harm() -> None:
    play = joined(Gathering(take=1, keeps_errors=True))
    first, second = attempts(play.fan_out(1, "A", "A"))
    play.finish(first, "R")

    effects = play.fail(second)

    assert effects == []
    assert play.state.status is Status.RUNNING
    assert not play.state.scopes


def test_a_failure_in_a_scope_without_a_tolerant_join_ends_the_run() -> None:
    play = joined(ALL)
    [first] = attempts(play.fan_out(1, "A"))

    effects = play.fail(first)

    assert effects[-1] == EndRun(Status.FAILED, "boom", attempt=first)


def test_a_join_runs_in_the_lineage_of_the_step_that_opened_its_scope() -> None:
    play = Play(step("start", joins=(3,)), step("B", joins=(2,)), step("R", gathering=ALL), step("S", gathering=ALL))
    play.start()
    _, opener = attempts(play.fan_out(1, "B", "B"))

    [join] = play.fan_out(opener)

    assert isinstance(join, StartStep)
    assert isinstance(join.lineage, Lineage)
    assert join.lineage.index == 1
