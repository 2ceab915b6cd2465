"""One failure, in the shape in which tenacity's strategies want to be asked about it.

All strategies here answer from this record, so tenacity's own objects, ours, and combinations of
both that tenacity's operators made can be mixed freely.
"""

import random

from tenacity import Future, RetryCallState, Retrying

# tenacity wants an owner for each call state; nothing of it is ever called.
OWNER = Retrying()


class CallState(RetryCallState):
    """A failure, with the seed that makes its random waits repeatable."""

    def __init__(
        self,
        *,
        attempt: int,
        elapsed: float = 0.0,
        error: BaseException | None = None,
        upcoming_sleep: float = 0.0,
        seed: int | None = None,
    ) -> None:
        super().__init__(OWNER, None, (), {})
        self.start_time = 0.0
        self.outcome_timestamp = elapsed
        self.attempt_number = attempt
        self.upcoming_sleep = upcoming_sleep
        self.seed = seed
        if error is not None:
            self.outcome = Future(attempt)
            self.outcome.set_exception(error)


def seed_of(state: RetryCallState) -> int | None:
    """Return the seed that came with ``state``; a state made by tenacity itself has none."""
    return state.seed if isinstance(state, CallState) else None


def random_of(state: RetryCallState, position: int) -> random.Random:
    """Return the source of chance for ``state``: fixed for a seed, another one for each attempt and position.

    Seeding with text goes through SHA-512, which is the same in every process and Python version.
    """
    seed = seed_of(state)
    if seed is None:
        return random.Random()
    return random.Random(f"{seed}:{state.attempt_number}:{position}")
