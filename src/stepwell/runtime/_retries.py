"""Asking the retry policy, in the driver: user code may be asked once, and its answer becomes part of the fact."""

import hashlib
import math

from stepwell import errors
from stepwell.errors import ReplayError, StepCancelledError
from stepwell.runtime._attempts import Attempt


def retry_delay(attempt: Attempt, error: BaseException, now: float, run_id: str) -> tuple[float | None, BaseException]:
    """Return the seconds until the next attempt (``None``: no further one) and the error that stands.

    A policy that raises, or answers what is no delay, ends the attempts; that exception stands then, with
    the step's as its cause. What failed together is seeded apart: one seed would bring it all back together.
    """
    policy = attempt.step.definition.options.retry_policy
    from_outside = isinstance(error, StepCancelledError) and error.from_outside
    if policy is None or not isinstance(error, Exception) or isinstance(error, ReplayError) or from_outside:
        return None, error
    failures = attempt.start.number
    seed = int.from_bytes(
        hashlib.sha256(f"{run_id}:{attempt.step.name}:{attempt.start.attempt}:{failures}".encode()).digest()[:8], "big"
    )
    try:
        delay = policy.next(now - attempt.began, failures, error, seed=seed)
        if delay is not None and not is_delay(delay):
            raise errors.RetryDelayError(strategy=policy, attempts=failures, delay=delay)
    except Exception as raised:  # noqa: BLE001  # a policy is user code; what it raises decides
        raised.__cause__ = error
        return None, raised
    return (None if delay is None else max(0.0, float(delay))), error


def is_delay(value: object) -> bool:
    """Return whether a policy's answer is a number of seconds; one below zero counts as zero."""
    return isinstance(value, (int, float)) and math.isfinite(value)
