"""Recorded points: what is kept of the calls in a body, for how long, and what a further attempt gets of it."""

from tests.unit.core.playing import FIRST, Play, attempts, starts, step

from stepwell.core import ChildClosed, ChildOpened, Point, PointRecorded, Settled, Settlement


def called(name: str = "f", place: int = 0, kind: str = "once", *, asks: object = None) -> Point:
    return Point((), place, kind, name, 0, asks)


def begun() -> Play:
    """Return a run with attempt 1 under way."""
    play = Play(step("start", workers=1), step("A", workers=1))
    play.start()
    return play


def note(play: Play, attempt: int, point: Point, settlement: Settlement = Settlement.DONE, value: object = 5) -> None:
    play.machine.apply(PointRecorded(play.now, attempt, point, settlement, value))


def test_what_came_of_calls_is_kept_in_the_order_in_which_it_came() -> None:
    play = begun()

    note(play, 1, called("a"), value=1)
    note(play, 1, called("b", 1), Settlement.FAILED, "boom")

    assert play.state.points[1].settled == [
        Settled(called("a"), Settlement.DONE, 1),
        Settled(called("b", 1), Settlement.FAILED, "boom"),
    ]


def test_a_call_of_an_attempt_that_is_over_is_not_recorded() -> None:
    play = begun()
    play.finish(1)

    note(play, 1, called())

    assert not play.state.points
    assert play.state.stale_facts == 1


def test_the_end_of_a_body_forgets_its_points() -> None:
    play = begun()
    note(play, 1, called())

    play.finish(1)

    assert not play.state.points


def test_background_tasks_keep_the_points_of_a_body_that_is_over() -> None:
    play = begun()
    play.open_task(1)
    note(play, 1, called())
    play.finish(1)

    note(play, 1, called("later"))

    assert len(play.state.points[1].settled) == 2
    play.close_task(1)
    assert not play.state.points


def test_the_end_of_a_run_forgets_all_points() -> None:
    play = begun()
    note(play, 1, called())

    play.send("stop")

    assert not play.state.points


def test_an_answer_is_recorded_when_the_body_gets_it() -> None:
    play = begun()
    point = called("ping", kind="wait")
    play.wait(1, point=point)

    play.send("ping", wakes=((1, 0),))

    assert play.state.points[1].settled == [Settled(point, Settlement.DONE, "ping")]


def test_an_answer_that_queues_for_a_worker_is_not_recorded_yet() -> None:
    play = begun()
    point = called("ping", kind="wait")
    play.wait(1, point=point)
    play.send("start")

    play.send("ping", wakes=((1, 0),))

    assert not play.state.points
    assert play.state.suspended[1].ready == ((0, "ping", Settlement.DONE, point),)


def test_an_answer_is_recorded_while_other_waits_of_the_body_are_open() -> None:
    play = begun()
    point = called("ping", kind="wait")
    play.wait(1, 0, point=point)
    play.wait(1, 1)

    play.send("ping", wakes=((1, 0),))

    assert play.state.points[1].settled == [Settled(point, Settlement.DONE, "ping")]


def test_an_answer_that_was_held_is_recorded_at_once() -> None:
    play = begun()
    play.send("ping")
    [held] = play.state.held
    point = called("ping", kind="wait")

    play.wait(1, takes=held, point=point)

    assert play.state.points[1].settled == [Settled(point, Settlement.DONE, "ping")]


def test_a_deadline_is_recorded_as_being_late() -> None:
    play = begun()
    point = called("ping", kind="wait")
    play.wait(1, deadline=110.0, point=point)

    play.fire(next(iter(play.state.wait_timers)))

    assert play.state.points[1].settled == [Settled(point, Settlement.LATE, None)]


def test_a_wait_that_the_body_gave_up_is_recorded_as_dropped() -> None:
    play = begun()
    point = called("ping", kind="wait")
    play.wait(1, point=point)

    play.drop(1)

    assert play.state.points[1].settled == [Settled(point, Settlement.DROPPED, None)]


def test_an_answer_that_the_body_gave_up_while_it_queued_is_recorded_as_dropped() -> None:
    play = begun()
    first, second = called("ping", kind="wait"), called("ping", 1, kind="wait")
    play.wait(1, 0, point=first)
    play.wait(1, 1, point=second)
    play.send("start")
    play.send("ping", wakes=((1, 0),))
    play.send("ping", wakes=((1, 1),))

    play.drop(1, 5)
    play.drop(1, 1)

    assert play.state.suspended[1].ready == ()
    assert play.state.points[1].settled[-1] == Settled(second, Settlement.DROPPED, None)
    assert play.state.stale_facts == 1


def test_what_a_child_came_to_is_recorded() -> None:
    play = begun()
    point = called("Inner", kind="child")
    play.machine.apply(ChildOpened(play.now, 1, 0, point))

    play.machine.apply(ChildClosed(play.now, 1, 0, True, "boom"))

    assert play.state.points[1].settled == [Settled(point, Settlement.FAILED, "boom")]


def test_a_further_attempt_keeps_what_was_done_under_a_name() -> None:
    play = begun()
    note(play, 1, called("a"), value=1)
    note(play, 1, called("", 1, kind="commit"))
    note(play, 1, called("b", 2), Settlement.FAILED, "boom")

    play.fail(1, retry_at=101.0)

    [(attempt, points)] = play.state.points.items()
    assert attempt in play.state.delayed
    assert points.kept == (Settled(called("a"), Settlement.DONE, 1),)
    assert points.settled == []


def test_a_further_attempt_knows_what_was_asked() -> None:
    play = begun()
    asking, late = called("a", kind="wait", asks="?"), called("b", 1, kind="wait", asks="?")
    play.wait(1, 0, point=asking, ask="?")
    play.wait(1, 1, deadline=110.0, point=late, ask="?")
    play.wait(1, 2, point=called("c", 2, kind="wait"))
    play.wait(1, 3)
    play.fire(next(iter(play.state.wait_timers)))

    play.fail(1, retry_at=111.0)

    [points] = play.state.points.values()
    assert points.kept == (Settled(late, Settlement.ASKED, None), Settled(asking, Settlement.ASKED, None))


def test_a_further_attempt_keeps_answers_that_queued_for_a_worker() -> None:
    play = begun()
    point = called("ping", kind="wait", asks="?")
    play.wait(1, 0, point=point)
    play.wait(1, 1)
    play.send("start")
    play.send("ping", wakes=((1, 1),))
    play.send("ping", wakes=((1, 0),))

    play.fail(1, retry_at=101.0)

    [points] = play.state.points.values()
    assert points.kept == (Settled(point, Settlement.DONE, "ping"),)


def test_an_answer_without_a_point_that_queues_for_a_worker_is_not_kept() -> None:
    play = begun()
    play.wait(1, 0)
    play.send("start")
    play.send("ping", wakes=((1, 0),))

    play.fail(1, retry_at=101.0)

    assert not play.state.points


def test_what_was_kept_is_kept_once_more() -> None:
    play = begun()
    note(play, 1, called("a"), value=1)
    play.fail(1, retry_at=101.0)
    [retry] = play.state.delayed
    play.fire(retry)

    play.fail(retry, retry_at=102.0)

    [points] = play.state.points.values()
    assert points.kept == (Settled(called("a"), Settlement.DONE, 1),)


def test_a_cancelled_branch_forgets_its_points_wherever_it_stands() -> None:
    play = Play(step("start", joins=(2,)), step("item", workers=1), step("result", gathering=FIRST), more=("other",))
    play.start()
    first, *_ = attempts(play.fan_out(1, "item", "item", "item"))
    note(play, first, called("a"))
    play.fail(first, retry_at=101.0)
    [retry] = play.state.delayed
    running = next(iter(play.state.running))
    note(play, running, called("b"))
    lane = play.state.lanes[1]
    assert lane is not None
    assert lane.queue
    [queued] = lane.queue
    play.state.points[queued.attempt] = play.state.points[retry]

    effects = play.send("result", sender=running)

    assert starts(effects) == [(2, ["result"])]
    assert not play.state.points
