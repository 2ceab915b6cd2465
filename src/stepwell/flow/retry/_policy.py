"""The policy: which failures are tried again, after how long, and when it is enough.

A policy keeps no memory of its own, so one object may serve every run of every workflow at once.
"""

import math

from stepwell.errors import RetryDelayError
from stepwell.flow._retry_protocol import RetryPolicy
from stepwell.flow.retry._call_state import CallState
from stepwell.flow.retry._checks import LONGEST_DELAY
from stepwell.flow.retry._conditions import ConditionLike, as_condition
from stepwell.flow.retry._random_waits import wait_random_exponential
from stepwell.flow.retry._stops import StopLike, as_stop, stop_after_attempt
from stepwell.flow.retry._waits import WaitLike, as_wait, wait_exponential, wait_fixed

DEFAULT_WAIT = wait_fixed(5)
DEFAULT_STOP = stop_after_attempt(3)


class ComposedPolicy:
    """A retry condition, a wait strategy and a stop condition, asked in this order."""

    def __init__(self, retry: ConditionLike | None, wait: WaitLike, stop: StopLike) -> None:
        self.retry = None if retry is None else as_condition(retry)
        self.wait = as_wait(wait)
        self.stop = as_stop(stop)

    def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float | None:
        """Return the seconds to wait before the next attempt, or ``None`` to give up."""
        state = CallState(attempt=max(attempts, 1), elapsed=elapsed_time, error=error, seed=seed)
        if self.retry is not None and not self.retry.holds(state):
            return None
        state.upcoming_sleep = self._delay(state)
        return None if self.stop.holds(state) else state.upcoming_sleep

    def _delay(self, state: CallState) -> float:
        delay: object = self.wait.delay(state)
        if isinstance(delay, bool) or not isinstance(delay, (int, float)) or not 0 <= delay < math.inf:
            raise RetryDelayError(strategy=self.wait, attempts=state.attempt_number, delay=delay)
        return float(min(delay, LONGEST_DELAY))

    def __repr__(self) -> str:
        return f"retry_policy(retry={self.retry!r}, wait={self.wait!r}, stop={self.stop!r})"


def retry_policy(
    retry: ConditionLike | None = None, wait: WaitLike = DEFAULT_WAIT, stop: StopLike = DEFAULT_STOP
) -> RetryPolicy:
    """Return a policy for ``@step(retry_policy=...)``; by default: any exception, 5 seconds, 3 attempts.

    Strategies are joined by ``&`` and ``|`` (retry, stop) and ``+`` (wait). tenacity's own are taken too;
    their random waits draw from the global generator and are not repeatable. No delay is longer than
    1e9 seconds. A ``DefinitionError`` says what is wrong about an argument.
    """
    return ComposedPolicy(retry, wait, stop)


def ConstantDelayRetryPolicy(maximum_attempts: int = 3, delay: float = 5) -> RetryPolicy:
    """Return a policy that waits the same ``delay`` in seconds each time."""
    return retry_policy(wait=wait_fixed(delay), stop=stop_after_attempt(maximum_attempts))


def ExponentialBackoffRetryPolicy(
    maximum_attempts: int = 5,
    initial_delay: float = 1.0,
    multiplier: float = 2.0,
    max_delay: float = 60.0,
    jitter: bool = True,
) -> RetryPolicy:
    """Return a policy whose delay grows by ``multiplier``; with ``jitter`` anything from zero to that."""
    strategy = wait_random_exponential if jitter else wait_exponential
    return retry_policy(wait=strategy(initial_delay, multiplier, max_delay), stop=stop_after_attempt(maximum_attempts))
