"""A machine on a table: tests tell it facts in short words and read its effects. An event is the name of its type."""

from typing import Any

from stepwell.core import (
    CancelRequested,
    ChildClosed,
    ChildOpened,
    ChildPaused,
    ChildResumed,
    Effect,
    EventSent,
    Gathering,
    HeldPassedOn,
    InputAnswered,
    InputAsked,
    InputWithdrawn,
    Kind,
    Machine,
    Plan,
    ResumeStep,
    RunStarted,
    StartStep,
    StepCancelled,
    StepFailed,
    StepFannedOut,
    StepFinished,
    StepPlan,
    TaskClosed,
    TaskOpened,
    TimerFired,
    TurnPassed,
    WaitDropped,
    WaitId,
    WaitStarted,
)

ALL = Gathering()
FIRST = Gathering(take=1, cancels_rest=True)
KINDS = {"stop": Kind.STOP, "ask": Kind.ASK, "answer": Kind.ANSWER}


def step(*accepts: str, **rest: Any) -> StepPlan:
    return StepPlan(rest.pop("name", "step"), accepts, **rest)


def plan_of(*steps: StepPlan, more: tuple[str, ...] = ()) -> Plan:
    named = {key for one in steps for key in (*one.accepts, *one.slots)}
    keys = sorted(named | set(more) | {"start", "stop", "ask", "ping", "failure"})
    return Plan(steps, kinds={key: KINDS.get(key, Kind.PLAIN) for key in keys}, failure_key="failure")


def starts(effects: list[Effect]) -> list[tuple[int, object]]:
    """Return the step and the event of every attempt that ``effects`` start."""
    return [(one.step, one.event) for one in effects if isinstance(one, StartStep)]


def attempts(effects: list[Effect]) -> list[int]:
    return [one.attempt for one in effects if isinstance(one, StartStep)]


def resumed(effects: list[Effect]) -> list[tuple[int, int, object]]:
    return [(one.attempt, one.wait, one.event) for one in effects if isinstance(one, ResumeStep)]


class Play:
    """One run. ``now`` is moved by hand."""

    def __init__(self, *steps: StepPlan, more: tuple[str, ...] = ()) -> None:
        self.machine = Machine(plan_of(*steps, more=more))
        self.state = self.machine.state
        self.now = 100.0

    def start(self, event: str = "start", *, timeout: float | None = None, external: bool = False) -> list[Effect]:
        return self.machine.apply(RunStarted(self.now, event, event, timeout, external))

    def finish(self, attempt: int, event: str | None = None, wakes: tuple[WaitId, ...] = ()) -> list[Effect]:
        return self.machine.apply(StepFinished(self.now, attempt, event, event, wakes))

    def fan_out(self, attempt: int, *events: str, wakes: tuple[tuple[WaitId, ...], ...] = ()) -> list[Effect]:
        return self.machine.apply(StepFannedOut(self.now, attempt, events, events, wakes))

    def fail(self, attempt: int, retry_at: float | None = None) -> list[Effect]:
        return self.machine.apply(StepFailed(self.now, attempt, "boom", "failure", self.now, retry_at))

    def cancelled(self, attempt: int) -> list[Effect]:
        return self.machine.apply(StepCancelled(self.now, attempt))

    def send(
        self, event: str, sender: int | None = None, step: int | None = None, wakes: tuple[WaitId, ...] = ()
    ) -> list[Effect]:
        return self.machine.apply(EventSent(self.now, event, event, sender, step, wakes))

    def wait(self, attempt: int, wait: int = 0, key: str | None = "ping", **rest: Any) -> list[Effect]:
        return self.machine.apply(WaitStarted(self.now, attempt, wait, key, rest.pop("deadline", None), **rest))

    def drop(self, attempt: int, wait: int = 0) -> list[Effect]:
        return self.machine.apply(WaitDropped(self.now, attempt, wait))

    def open_child(self, attempt: int, wait: int = 0) -> list[Effect]:
        return self.machine.apply(ChildOpened(self.now, attempt, wait))

    def pause_child(self, attempt: int, wait: int = 0) -> list[Effect]:
        return self.machine.apply(ChildPaused(self.now, attempt, wait))

    def resume_child(self, attempt: int, wait: int = 0) -> list[Effect]:
        return self.machine.apply(ChildResumed(self.now, attempt, wait))

    def close_child(self, attempt: int, wait: int = 0) -> list[Effect]:
        return self.machine.apply(ChildClosed(self.now, attempt, wait))

    def answer_below(self) -> list[Effect]:
        return self.machine.apply(InputAnswered(self.now))

    def withdraw(self) -> list[Effect]:
        return self.machine.apply(InputWithdrawn(self.now))

    def pass_on(self, held: int) -> list[Effect]:
        return self.machine.apply(HeldPassedOn(self.now, held))

    def fire(self, timer: int) -> list[Effect]:
        return self.machine.apply(TimerFired(self.now, timer))

    def open_task(self, attempt: int) -> list[Effect]:
        return self.machine.apply(TaskOpened(self.now, attempt))

    def close_task(self, attempt: int, error: object = None) -> list[Effect]:
        return self.machine.apply(TaskClosed(self.now, attempt, error))

    def ask(self) -> list[Effect]:
        return self.machine.apply(InputAsked(self.now))

    def cancel(self) -> list[Effect]:
        return self.machine.apply(CancelRequested(self.now))

    def turn(self) -> list[Effect]:
        return self.machine.apply(TurnPassed(self.now))


def joined(gathering: Gathering, worker: StepPlan | None = None, **opener: object) -> Play:
    """Return a begun run: step 0 opens a scope of ``A``, step 1 makes ``R`` of each, step 2 joins those."""
    play = Play(
        step("start", joins=(2,), **opener),
        worker or step("A", workers=9),
        step("R", gathering=gathering),
        more=("S",),
    )
    play.start()
    return play


def first_wins(worker: StepPlan | None = None) -> Play:
    return joined(FIRST, worker)
