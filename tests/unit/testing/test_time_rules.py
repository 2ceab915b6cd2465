"""The rules of time limits, held against records in which they are broken."""

from collections.abc import Sequence
from typing import Any

import pytest

from stepwell.core import (
    RUN_TIMER,
    CancelRequested,
    ChildOpened,
    ChildPaused,
    Effect,
    EndRun,
    EventSent,
    Fact,
    Kind,
    Machine,
    Plan,
    ResumeStep,
    RunStarted,
    StartStep,
    StartTimer,
    Status,
    StepFailed,
    StepFinished,
    StepPlan,
    StopTimer,
    WaitStarted,
)
from stepwell.errors import StepTimeoutError
from stepwell.testing._record import Record
from stepwell.testing._rules import audit
from stepwell.testing._time_rules import BrokenRuleError

ONE = object()
Entry = tuple[Fact, Sequence[Effect]]
GOES = StartTimer(RUN_TIMER, 60.0)
STANDS = StopTimer(RUN_TIMER)
ENDS: Entry = (CancelRequested(99.0), [EndRun(Status.CANCELLED, None)])


def said(*entries: Entry, limits: dict[int, float] | None = None) -> str:
    plan = Plan([StepPlan("only", ("start",), workers=1)], kinds={"start": Kind.PLAIN}, failure_key="failure")
    record = Record(Machine(plan), limits or {}, entries=[(fact, list(effects)) for fact, effects in entries])
    with pytest.raises(BrokenRuleError) as caught:
        audit(record)
    return str(caught.value)


def begun(*effects: Effect, timeout: float | None = None) -> Entry:
    fields: dict[str, Any] = {"number": 1, "parent": None, "lineage": None, "queued_at": 0.0}
    start = StartStep(attempt=1, step=0, key="start", event=ONE, **fields)
    return RunStarted(0.0, "start", ONE, timeout, False), [*effects, start]


def waits(*effects: Effect, at: float = 4.0) -> Entry:
    return WaitStarted(at, 1, 0, "ping", None), effects


def resumed(*effects: Effect, at: float = 10.0) -> Entry:
    return EventSent(at, "ping", None), [ResumeStep(1, 0, None, False), *effects]


def test_a_time_limit_that_does_not_go_on_behind_a_wait_is_found() -> None:
    assert "stands still while something is at work" in said(begun(GOES, timeout=60.0), waits(STANDS), resumed())


def test_a_time_limit_that_goes_on_during_a_wait_is_found() -> None:
    assert "goes on while nothing is at work" in said(begun(GOES, timeout=60.0), waits())


def test_a_time_limit_that_forgets_what_was_used_is_found() -> None:
    entries = begun(GOES, timeout=60.0), waits(STANDS), resumed(StartTimer(RUN_TIMER, 70.0))

    assert "set +4.000 seconds off: 56.000 were left" in said(*entries)


def test_a_time_limit_that_stands_still_while_a_child_works_is_found() -> None:
    opened: Entry = (ChildOpened(4.0, 1, 0), [STANDS])

    assert "stands still while something is at work" in said(begun(GOES, timeout=60.0), opened)


def test_a_time_limit_that_goes_on_while_a_child_rests_is_found() -> None:
    opened: Entry = (ChildOpened(4.0, 1, 0), [])
    rests: Entry = (ChildPaused(5.0, 1, 0), [])

    assert "goes on while nothing is at work" in said(begun(GOES, timeout=60.0), opened, rests)


def test_a_time_limit_that_stands_still_while_a_retry_is_due_is_found() -> None:
    failed: Entry = (StepFailed(1.0, 1, "boom", None, 0.0, 2.0), [StartTimer(2, 2.0), STANDS])

    assert "stands still while something is at work" in said(begun(GOES, timeout=60.0), failed)


def test_a_step_that_is_timed_out_before_its_time_is_found() -> None:
    late = StepTimeoutError(step="only", timeout=5.0)
    failed: Entry = (StepFailed(12.0, 1, late, None, 0.0, None), [])

    told = said(begun(), waits(at=2.0), resumed(at=10.0), failed, ENDS, limits={0: 5.0})

    assert "attempt 1 was timed out at 4.000 of 5 seconds" in told


def test_a_result_that_is_too_late_is_found() -> None:
    finished: Entry = (StepFinished(16.0, 1, None, None), [])

    told = said(begun(), waits(at=2.0), resumed(at=10.0), finished, ENDS, limits={0: 5.0})

    assert "attempt 1 was in time with 8.000 of 5 seconds" in told


def test_the_time_limit_of_a_child_s_step_is_not_taken_for_the_own_one() -> None:
    late = StepTimeoutError(step="only", timeout=5.0)
    opened: Entry = (ChildOpened(1.0, 1, 0), [])
    closed: Entry = (EventSent(6.0, "x", None), [ResumeStep(1, 0, None, False)])
    failed: Entry = (StepFailed(6.0, 1, late, None, 0.0, None), [])

    told = said(begun(), opened, closed, failed, ENDS, limits={0: 5.0})

    assert "timed out" not in told  # the fresh machine differs, which comes last
