"""What holds for every run of every workflow, whatever its order and its faults; checked on the record of a run.

Rule 1. An attempt starts once. A further attempt at an event follows the failure of the one before, with its retry.
Rule 2. A result or a sent event reaches a step at most once, also as a member of a join.
Rule 3. A step never has more bodies at work than it has workers.
Rule 4. A wait is resumed once, and only while it is open.
Rule 5. A run ends once, and nothing follows; no timer outlives it. A stall is true: nothing was at work, waiting
        or due.
Rule 6. What is due comes before results: who is late is late.
Rule 7. The same facts, given to a fresh machine, lead to the same effects and the same state.

Rules 8 and 9, on time limits, are in ``_time_rules``.
"""

from collections import Counter
from dataclasses import dataclass, field

from stepwell.core import (
    RUN_TIMER,
    CancelStep,
    ChildOpened,
    Effect,
    EndRun,
    EventSent,
    Fact,
    Plan,
    ResumeStep,
    RunStarted,
    StartStep,
    StartTimer,
    Status,
    StepCancelled,
    StepFailed,
    StepFannedOut,
    StepFinished,
    StopTimer,
    TaskClosed,
    TaskOpened,
    TimerFired,
    WaitDropped,
    WaitId,
    WaitStarted,
)
from stepwell.testing._record import Record, replays_as_lived
from stepwell.testing._time_rules import BrokenRuleError, TimeBooks, hold


@dataclass(slots=True)
class Auditor:
    """Follows a record with books of its own, which know nothing of how the machine keeps its."""

    plan: Plan
    time: TimeBooks
    started: dict[int, StartStep] = field(default_factory=dict)
    at_work: dict[int, StartStep] = field(default_factory=dict)
    stopping: set[int] = field(default_factory=set)
    failed: StartStep | None = None
    due_again: dict[int, StartStep] = field(default_factory=dict)
    told: Counter[int] = field(default_factory=Counter)
    taken: Counter[tuple[int, int]] = field(default_factory=Counter)
    waits: set[WaitId] = field(default_factory=set)
    resumed: set[WaitId] = field(default_factory=set)
    droppers: set[int] = field(default_factory=set)
    tasks: Counter[int] = field(default_factory=Counter)
    timers: dict[int, float] = field(default_factory=dict)
    ending: EndRun | None = None

    def follow(self, fact: Fact, effects: list[Effect]) -> None:
        if self.ending is not None:
            hold(not effects, f"{type(fact).__name__} after the end led to effects")
            return
        self._hear(fact)
        self.time.hear(fact)
        for effect in effects:
            hold(self.ending is None, f"{type(effect).__name__} follows the end of the run")
            self._see(effect)
            self.time.see(effect, fact.at)
        waiting = self._waiting()
        self.time.count(fact.at, waiting & self.at_work.keys())
        if self.ending is None:
            self._count_workers(waiting)
            self._check_time(waiting)

    def _check_time(self, waiting: set[int]) -> None:
        at_work = self.at_work.keys() - waiting
        is_due_again = any(timer in self.due_again for timer in self.timers)
        is_busy = bool(at_work - self.stopping or self.waits & self.time.children_at_work or is_due_again)
        self.time.check_limit(is_busy=is_busy, is_quiet=not (at_work or +self.tasks or is_busy))

    def _hear(self, fact: Fact) -> None:
        match fact:
            case RunStarted() | EventSent():
                self.told[id(fact.event)] += 1
            case StepFinished() | StepFannedOut() | StepFailed() | StepCancelled():
                self._hear_end(fact)
            case WaitStarted() | ChildOpened():
                if self._counts(fact.attempt):
                    self.waits.add((fact.attempt, fact.wait))
            case WaitDropped():
                self.waits.discard((fact.attempt, fact.wait))
                self.droppers.add(fact.attempt)
            case TaskOpened():
                if self._counts(fact.attempt):
                    self.tasks[fact.attempt] += 1
            case TaskClosed():
                self.tasks[fact.attempt] = max(0, self.tasks[fact.attempt] - 1)
                self._forget_waits(fact.attempt)
            case TimerFired():
                self.timers.pop(fact.timer, None)
            case _:
                pass

    def _counts(self, attempt: int) -> bool:
        """Return whether what an attempt does still counts: its body is at work, or a background task of it."""
        return attempt not in self.stopping and (attempt in self.at_work or self.tasks[attempt] > 0)

    def _hear_end(self, fact: StepFinished | StepFannedOut | StepFailed | StepCancelled) -> None:
        start = self.at_work.pop(fact.attempt, None)
        if start is not None and fact.attempt not in self.stopping:
            self.time.check_end(start, fact)
        self._forget_waits(fact.attempt, all_of_them=isinstance(fact, StepFailed))
        if start is None:
            return
        match fact:
            case StepFinished():
                self._check_due(fact)
                self.told[id(fact.event)] += 1
            case StepFannedOut():
                self._check_due(fact)
                self.told.update(map(id, fact.events))
            case StepFailed():
                self.told[id(fact.failure)] += 1
                self.failed = start if fact.retry_at is not None else None
            case StepCancelled():
                pass

    def _check_due(self, fact: StepFinished | StepFannedOut) -> None:
        due = [timer for timer, at in self.timers.items() if at <= fact.at]
        late = due and fact.attempt not in self.stopping
        hold(not late, f"attempt {fact.attempt} ended before timers {due}, which were due")

    def _forget_waits(self, attempt: int, *, all_of_them: bool = False) -> None:
        """Take back the waits of an attempt; a background task may wait on after its body is over."""
        if all_of_them or (attempt not in self.at_work and not self.tasks[attempt]):
            self.waits = {name for name in self.waits if name[0] != attempt}

    def _see(self, effect: Effect) -> None:
        match effect:
            case StartStep():
                self._see_start(effect)
            case ResumeStep():
                name = (effect.attempt, effect.wait)
                hold(name not in self.resumed, f"wait {name} was resumed twice")
                hold(name in self.waits, f"wait {name} was resumed, and is not open")
                self.waits.discard(name)
                self.resumed.add(name)
            case StartTimer():
                self.timers[effect.timer] = effect.at
                if self.failed is not None and effect.timer != RUN_TIMER:  # a retry's timer has its attempt's number
                    self.due_again[effect.timer] = self.failed
                    self.failed = None
            case StopTimer():
                self.timers.pop(effect.timer, None)
            case CancelStep():
                self.stopping.add(effect.attempt)
                if effect.attempt in self._waiting():
                    self.droppers.add(effect.attempt)
                self._forget_waits(effect.attempt, all_of_them=True)
            case EndRun():
                self.ending = effect
                hold(not self.timers, f"timers {sorted(self.timers)} outlive the run")
                if effect.status is Status.STALLED:
                    self._check_stall()
            case _:
                pass

    def _see_start(self, start: StartStep) -> None:
        name = f"attempt {start.attempt} at step {self.plan.steps[start.step].name!r}"
        hold(start.attempt not in self.started, f"{name} was started twice")
        self.started[start.attempt] = self.at_work[start.attempt] = start
        if start.number > 1:
            failed = self.due_again.pop(start.attempt, None)
            again = failed is not None and (failed.step, failed.number + 1) == (start.step, start.number)
            hold(again, f"{name} is number {start.number}, and none failed before it")
            return
        events = start.event if isinstance(start.event, (list, tuple)) else (start.event,)
        for event in events:
            self.taken[start.step, id(event)] += 1
            hold(self.taken[start.step, id(event)] <= self.told[id(event)], f"{name} has an event a second time")

    def _count_workers(self, waiting: set[int]) -> None:
        # A body that gave its wait up, or was stopped in it, goes on without a worker.
        excused = waiting | self.droppers
        holders = Counter(start.step for attempt, start in self.at_work.items() if attempt not in excused)
        for step, count in holders.items():
            plan = self.plan.steps[step]
            hold(count <= plan.workers, f"step {plan.name!r} has {count} bodies at work, and {plan.workers} workers")

    def _waiting(self) -> set[int]:
        return {attempt for attempt, _ in self.waits}

    def _check_stall(self) -> None:
        at_work = set(self.at_work) - self._waiting() - self.stopping
        hold(not at_work, f"the run stalled while attempts {sorted(at_work)} were at work")
        hold(not self.waits, f"the run stalled while waits {sorted(self.waits)} were open")
        hold(not +self.tasks, "the run stalled while background tasks were at work")


def audit(record: Record) -> None:
    """Check a finished run. Raises ``BrokenRuleError``. One that was taken up is only replayed: books need a start."""
    if record.taken_up is None:
        auditor = Auditor(record.machine.plan, TimeBooks(record.limits))
        for fact, effects in record.entries:
            auditor.follow(fact, effects)
        hold(auditor.ending is not None, "the run has no end")
    difference = replays_as_lived(record)
    if difference is not None:
        raise BrokenRuleError(difference)
