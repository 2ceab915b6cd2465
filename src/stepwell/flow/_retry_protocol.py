"""What the engine knows about retrying: the question it asks, and what a step may read about it.

Imports nothing heavy: the strategies themselves, which need tenacity, live in ``stepwell.flow.retry``
and are loaded by ``stepwell.retry_policy`` only.
"""

from datetime import datetime
from typing import Protocol, runtime_checkable

from stepwell.core import record


@runtime_checkable
class RetryPolicy(Protocol):
    """Anything with this ``next`` can be given to ``@step(retry_policy=...)``."""

    def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float | None:
        """Return the seconds to wait before the next attempt, or ``None`` to give up.

        ``elapsed_time`` is in seconds since the first attempt began, ``attempts`` counts the
        failures so far (1 after the first), and one ``seed`` always gives one answer.
        """
        ...


@record(frozen=True)
class RetryInfo:
    """Where the running attempt stands among the attempts of its step.

    ``retry_number`` is 0 on the first attempt; ``elapsed_seconds`` counts from the start of the first
    attempt; ``last_failed_at`` is an aware UTC time. The last two are ``None`` on the first attempt.
    """

    retry_number: int
    elapsed_seconds: float
    last_exception: Exception | None
    last_failed_at: datetime | None
