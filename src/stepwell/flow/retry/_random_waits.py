"""Waits with chance in them. One seed gives one answer, in every process; each attempt draws anew.

tenacity draws from the global generator, which nobody can seed for one run; these do not.
"""

from tenacity import RetryCallState

from stepwell.flow.retry._call_state import random_of
from stepwell.flow.retry._checks import Seconds, duration, upper_bound
from stepwell.flow.retry._waits import Wait, wait_exponential


def drawn_between(state: RetryCallState, position: int, low: float, high: float) -> float:
    """Return a number from ``low`` to ``high``; rounding never takes it outside."""
    return min(max(random_of(state, position).uniform(low, high), low), high)


class wait_random(Wait):
    """Wait anything from ``min`` to ``max``."""

    def __init__(self, min: Seconds = 0.0, max: Seconds = 1.0) -> None:
        self.min = duration(min, "wait_random", "min")
        self.max = upper_bound(max, self.min, "wait_random")

    def delay(self, state: RetryCallState, position: int = 0) -> float:
        return drawn_between(state, position, min(self.min, self.max), self.max)


class wait_random_exponential(wait_exponential):
    """Wait anything from ``min`` to what ``wait_exponential`` would wait ("full jitter")."""

    def delay(self, state: RetryCallState, position: int = 0) -> float:
        high = super().delay(state, position)
        return drawn_between(state, position, min(self.min, high), high)


class wait_exponential_jitter(Wait):
    """Wait ``initial * exp_base**n`` plus anything from 0 to ``jitter``, at most ``max``."""

    def __init__(self, initial: float = 1.0, exp_base: float = 2.0, max: Seconds = 60.0, jitter: Seconds = 1.0) -> None:
        self.jitter = duration(jitter, "wait_exponential_jitter", "jitter")
        self.initial = duration(initial, "wait_exponential_jitter", "initial")
        self._base = wait_exponential(self.initial, exp_base, upper_bound(max, 0.0, "wait_exponential_jitter"))
        self.exp_base = self._base.exp_base
        self.max = self._base.max

    def delay(self, state: RetryCallState, position: int = 0) -> float:
        extra = drawn_between(state, position, 0.0, self.jitter)
        return min(self._base.delay(state) + extra, self.max)


def wait_full_jitter(
    multiplier: float = 1.0, exp_base: float = 2.0, max: Seconds = 60.0, min: Seconds = 0.0
) -> wait_random_exponential:
    """Return ``wait_random_exponential`` under the name that papers give it."""
    return wait_random_exponential(multiplier, exp_base, max, min)
