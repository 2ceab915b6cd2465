"""Asking the retry policy, in the driver: user code may be asked once, and its answer becomes part of the fact."""

import hashlib

from stepwell.runtime._attempts import Attempt


def retry_delay(attempt: Attempt, error: BaseException, now: float, run_id: str) -> tuple[float | None, BaseException]:
    """Return the seconds until the next attempt (``None``: no further one) and the error that stands.

    A policy that raises ends the attempts; its own exception stands then, with the step's as its cause.
    """
    policy = attempt.step.definition.options.retry_policy
    if policy is None or not isinstance(error, Exception):
        return None, error
    failures = attempt.start.number
    seed = int.from_bytes(
        hashlib.sha256(f"{run_id}:{attempt.step.name}:{attempt.start.parent}:{failures}".encode()).digest()[:8], "big"
    )
    try:
        delay = policy.next(now - attempt.began, failures, error, seed=seed)
    except Exception as raised:  # noqa: BLE001  # a policy is user code; what it raises decides
        raised.__cause__ = error
        return None, raised
    return (None if delay is None else max(0.0, float(delay))), error
