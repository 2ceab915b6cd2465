"""How long a run and its steps were at work, in books that know nothing of timers: what time limits must count.

Rule 8. The run's time limit goes on while a body or a child is at work or something is due again, and stands still
        while nothing is. When it goes on, as much of it is left as there was.
Rule 9. An attempt is timed out exactly when it was at work for as long as its step may be; its waits do not count.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from stepwell.core import (
    RUN_TIMER,
    ChildClosed,
    ChildOpened,
    ChildPaused,
    ChildResumed,
    Effect,
    Fact,
    RunStarted,
    StartStep,
    StartTimer,
    StepFailed,
    StopTimer,
    WaitDropped,
    WaitId,
)
from stepwell.errors import StepTimeoutError

SLACK_SECONDS = 0.001
"""What the sums of seconds since the epoch may be off by."""


class BrokenRuleError(Exception):
    """A rule of the engine does not hold: caught by the simulation, which tells it in its own words."""


def hold(fact: bool, otherwise: str) -> None:
    """Raise ``BrokenRuleError`` unless the fact is one."""
    if not fact:
        raise BrokenRuleError(otherwise)


@dataclass(slots=True)
class TimeBooks:
    """Counts time for one run. ``limits`` are the seconds that attempts may take, by the number of their step."""

    limits: Mapping[int, float]
    is_limited: bool = False
    left: float = 0.0
    due: float | None = None
    begun: dict[int, float] = field(default_factory=dict)
    rested: dict[int, float] = field(default_factory=dict)
    resting: dict[int, float] = field(default_factory=dict)
    parents: set[int] = field(default_factory=set)
    children_at_work: set[WaitId] = field(default_factory=set)

    def hear(self, fact: Fact) -> None:
        """Take note of a fact."""
        match fact:
            case RunStarted():
                self.is_limited = fact.timeout is not None
                self.left = fact.timeout or 0.0
            case ChildOpened():
                self.parents.add(fact.attempt)
                self.children_at_work.add((fact.attempt, fact.wait))
            case ChildResumed():
                self.children_at_work.add((fact.attempt, fact.wait))
            case ChildPaused() | ChildClosed() | WaitDropped():
                self.children_at_work.discard((fact.attempt, fact.wait))
            case _:
                pass

    def see(self, effect: Effect, now: float) -> None:
        """Look at what followed."""
        match effect:
            case StartStep():
                self.begun[effect.attempt] = now
            case StartTimer(timer=timer) if timer == RUN_TIMER:
                off = effect.at - now - self.left
                hold(
                    abs(off) < SLACK_SECONDS,
                    f"the run's time limit is set {off:+.3f} seconds off: {self.left:.3f} were left",
                )
                self.due = effect.at
            case StopTimer(timer=timer) if timer == RUN_TIMER and self.due is not None:
                self.left, self.due = max(0.0, self.due - now), None
            case _:
                pass

    def count(self, now: float, waiting: Collection[int]) -> None:
        """Count the rest of attempts that wait, after each fact."""
        for attempt in [one for one in self.resting if one not in waiting]:
            self.rested[attempt] = self.rested.get(attempt, 0.0) + now - self.resting.pop(attempt)
        for attempt in waiting:
            self.resting.setdefault(attempt, now)

    def check_limit(self, *, is_busy: bool, is_quiet: bool) -> None:
        """Hold that the run's time limit goes on while it is busy, and stands still while it is quiet."""
        if not self.is_limited:
            return
        hold(self.due is not None or not is_busy, "the run's time limit stands still while something is at work")
        hold(self.due is None or not is_quiet, "the run's time limit goes on while nothing is at work")

    def check_end(self, start: StartStep, fact: Fact) -> None:
        """Hold that an attempt which ends was in time, or was timed out when its time was over."""
        limit = self.limits.get(start.step)
        if limit is None:
            return
        attempt = start.attempt
        rest = self.rested.get(attempt, 0.0) + fact.at - self.resting.get(attempt, fact.at)
        used = fact.at - self.begun[attempt] - rest
        if not isinstance(fact, StepFailed):
            hold(used < limit + SLACK_SECONDS, f"attempt {attempt} was in time with {used:.3f} of {limit:g} seconds")
        elif isinstance(fact.error, StepTimeoutError) and attempt not in self.parents:  # else it may be a child's
            hold(used > limit - SLACK_SECONDS, f"attempt {attempt} was timed out at {used:.3f} of {limit:g} seconds")
