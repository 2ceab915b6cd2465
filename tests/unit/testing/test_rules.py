"""The rules of every run, held against records in which they are broken. A record is told as facts with effects."""

from collections.abc import Sequence
from typing import Any

import pytest

from stepwell.core import (
    CancelRequested,
    CancelStep,
    Effect,
    EndRun,
    EventSent,
    Fact,
    Kind,
    Machine,
    Plan,
    ResumeStep,
    RunStarted,
    Stall,
    StartStep,
    StartTimer,
    Status,
    StepFailed,
    StepFinished,
    StepPlan,
    TaskOpened,
    TurnPassed,
    WaitStarted,
)
from stepwell.testing._record import Record, RecordingMachine
from stepwell.testing._rules import audit
from stepwell.testing._time_rules import BrokenRuleError

ONE = object()
OTHER = object()
STALLED = EndRun(Status.STALLED, None, stall=Stall((), (), 0))


def plan() -> Plan:
    return Plan([StepPlan("only", ("start",), workers=1)], kinds={"start": Kind.PLAIN}, failure_key="failure")


def start(attempt: int, event: object = ONE, **rest: Any) -> StartStep:
    fields: dict[str, Any] = {"number": 1, "parent": None, "lineage": None, "queued_at": 0.0, **rest}
    return StartStep(attempt=attempt, step=0, key="start", event=event, **fields)


def begun(*effects: Effect) -> tuple[Fact, list[Effect]]:
    return RunStarted(0.0, "start", ONE, None, False), list(effects) or [start(1)]


def broken(*entries: tuple[Fact, Sequence[Effect]]) -> str:
    with pytest.raises(BrokenRuleError) as caught:
        audit(Record(Machine(plan()), entries=[(fact, list(effects)) for fact, effects in entries]))
    return str(caught.value)


def test_a_run_that_was_lived_keeps_all_rules() -> None:
    machine = RecordingMachine(plan(), lambda fact: None)

    for fact in (RunStarted(0.0, "start", ONE, None, False), StepFinished(1.0, 1, None, None), TurnPassed(1.0)):
        machine.apply(fact)

    audit(machine.record)
    assert machine.state.status is Status.STALLED


def test_an_attempt_that_starts_twice_is_found() -> None:
    assert "was started twice" in broken(begun(), (EventSent(1.0, "start", ONE), [start(1)]))


def test_an_event_that_takes_effect_twice_is_found() -> None:
    finished = StepFinished(1.0, 1, None, None)

    assert "has an event a second time" in broken(begun(), (finished, [start(2)]))


def test_a_member_of_a_join_that_is_there_twice_is_found() -> None:
    assert "has an event a second time" in broken(begun(start(1, [ONE, ONE])))


def test_an_event_that_nobody_sent_is_found() -> None:
    assert "has an event a second time" in broken(begun(start(1, OTHER)))


def test_a_further_attempt_without_a_failure_is_found() -> None:
    finished = StepFinished(1.0, 1, None, None)

    assert "is number 2, and none failed before it" in broken(begun(), (finished, [start(2, number=2)]))


def test_a_further_attempt_follows_the_failure_and_its_timer() -> None:
    failed = StepFailed(1.0, 1, "boom", None, 0.0, 2.0)

    said = broken(begun(), (failed, [StartTimer(2, 2.0)]), (EventSent(2.0, "x", None), [start(2, number=3)]))

    assert "is number 3" in said


def test_more_bodies_than_workers_are_found() -> None:
    said = broken(begun(), (EventSent(1.0, "start", OTHER), [start(2, OTHER)]))

    assert "step 'only' has 2 bodies at work, and 1 workers" in said


def test_a_wait_that_is_resumed_twice_is_found() -> None:
    waits = (WaitStarted(1.0, 1, 0, "ping", None), [ResumeStep(1, 0, None, False)])

    assert "was resumed twice" in broken(
        begun(), waits, (EventSent(2.0, "ping", None), [ResumeStep(1, 0, None, False)])
    )


def test_a_wait_that_is_resumed_and_was_never_open_is_found() -> None:
    assert "is not open" in broken(begun(), (EventSent(2.0, "ping", None), [ResumeStep(1, 0, None, False)]))


def test_a_wait_of_an_attempt_that_was_stopped_is_not_open() -> None:
    stopped = (EventSent(1.0, "other", None), [CancelStep(1)])

    said = broken(begun(), stopped, (WaitStarted(2.0, 1, 0, "ping", None), [ResumeStep(1, 0, None, False)]))

    assert "is not open" in said


def test_what_follows_the_end_is_found() -> None:
    cancelled = (CancelRequested(1.0), [EndRun(Status.CANCELLED, None)])

    assert "EventSent after the end led to effects" in broken(
        begun(), cancelled, (EventSent(2.0, "start", ONE), [start(2)])
    )
    assert "CancelStep follows the end" in broken(
        begun(), (CancelRequested(1.0), [EndRun(Status.CANCELLED, None), CancelStep(1)])
    )


def test_a_run_without_an_end_is_found() -> None:
    assert "the run has no end" in broken(begun())


def test_a_stall_while_a_body_is_at_work_is_found() -> None:
    assert "stalled while attempts [1] were at work" in broken(begun(), (TurnPassed(1.0), [STALLED]))


def test_a_stall_while_a_wait_is_open_is_found() -> None:
    waits: tuple[Fact, Sequence[Effect]] = (WaitStarted(1.0, 1, 0, "ping", None), [])

    assert "stalled while waits [(1, 0)] were open" in broken(begun(), waits, (TurnPassed(1.0), [STALLED]))


def test_a_timer_that_outlives_the_run_is_found() -> None:
    failed = (StepFailed(1.0, 1, "boom", None, 0.0, 2.0), [StartTimer(2, 2.0)])

    assert "timers [2] outlive the run" in broken(begun(), failed, (TurnPassed(1.0), [STALLED]))


def test_a_stall_while_a_background_task_is_at_work_is_found() -> None:
    opened: tuple[Fact, Sequence[Effect]] = (TaskOpened(1.0, 1), [])
    finished: tuple[Fact, Sequence[Effect]] = (StepFinished(1.0, 1, None, None), [])

    assert "background tasks were at work" in broken(begun(), opened, finished, (TurnPassed(1.0), [STALLED]))


def test_a_result_that_comes_before_what_is_due_is_found() -> None:
    waits = (WaitStarted(1.0, 2, 0, None, 5.0), [StartTimer(7, 5.0)])
    late: tuple[Fact, Sequence[Effect]] = (StepFinished(5.0, 1, None, None), [])

    assert "attempt 1 ended before timers [7], which were due" in broken(begun(), waits, late)


def test_effects_that_a_fresh_machine_does_not_repeat_are_found() -> None:
    cancelled = (CancelRequested(1.0), [EndRun(Status.CANCELLED, "otherwise")])

    said = broken(begun(), cancelled)

    assert "fact 0 (RunStarted) led to StartStep" in said or "fact 1 (CancelRequested) led to" in said


def test_a_state_that_a_fresh_machine_does_not_come_to_is_found() -> None:
    machine = RecordingMachine(plan(), lambda fact: None)
    machine.apply(RunStarted(0.0, "start", ONE, None, False))
    machine.apply(CancelRequested(1.0))
    machine.state.questions = 3

    with pytest.raises(BrokenRuleError, match="another state"):
        audit(machine.record)
