"""How long to wait before the next attempt: strategies that answer in seconds, and can be added up.

Called as ``wait(attempts, seed=...)`` where ``attempts`` is 0 before the first retry. What is
deterministic is answered by tenacity; see ``_random_waits`` for what is not.
"""

from collections.abc import Callable
from typing import Any, Protocol

import tenacity
from tenacity import RetryCallState

from stepwell.errors import RetryArgumentError
from stepwell.flow.retry._call_state import CallState, seed_of
from stepwell.flow.retry._checks import (
    LONGEST_DELAY,
    Seconds,
    accepts,
    described,
    duration,
    finite,
    growth,
    upper_bound,
)


class WaitStrategy(Protocol):
    """A function of the retries made so far (0 before the first) that answers in seconds."""

    def __call__(self, attempts: int, /, *, seed: int | None = None) -> float: ...


WaitLike = WaitStrategy | tenacity.wait.wait_base


class Wait:
    """A wait strategy that can be added to others, also by ``sum()``."""

    def delay(self, state: RetryCallState, position: int = 0) -> float:
        """Return seconds; ``position`` tells the random strategies of one sum apart."""
        raise NotImplementedError  # abstract: each strategy below gives its own answer

    def __call__(self, attempts: int | RetryCallState, /, *, seed: int | None = None) -> float:
        if isinstance(attempts, RetryCallState):
            return self.delay(attempts)
        return self.delay(CallState(attempt=attempts + 1, seed=seed))

    def __add__(self, other: WaitLike) -> "wait_combine":
        return wait_combine(self, other)

    def __radd__(self, other: WaitLike | int) -> "Wait":
        # sum() begins with the number 0.
        return self if isinstance(other, int) and other == 0 else wait_combine(as_wait(other), self)

    def __repr__(self) -> str:
        return described(self)


class TenacityWait(Wait):
    """A strategy of tenacity's, taken as it is."""

    def __init__(self, strategy: Callable[[RetryCallState], float]) -> None:
        self.strategy = strategy

    def delay(self, state: RetryCallState, position: int = 0) -> float:
        return self.strategy(state)


class PlainWait(Wait):
    """A user's function of the number of retries made so far."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def delay(self, state: RetryCallState, position: int = 0) -> float:
        delay: float = self.function(state.attempt_number - 1, seed=seed_of(state))
        return delay


def as_wait(value: Any) -> Wait:
    """Return ``value`` as a strategy of this room, or say what to write instead."""
    if isinstance(value, Wait):
        return value
    if isinstance(value, tenacity.wait_chain):
        # tenacity's chain asks its members by keyword, which ours do not answer to.
        return wait_chain(*value.strategies)
    if isinstance(value, tenacity.wait.wait_base):
        return TenacityWait(value)
    if callable(value) and not isinstance(value, type) and accepts(value, 0, seed=None):
        return PlainWait(value)
    raise RetryArgumentError(
        owner="a retry policy",
        argument="wait",
        value=value,
        wanted="an instance of a wait strategy such as wait_fixed(5) (a class needs its parentheses), "
        "or a function f(attempts, *, seed=None) that returns seconds",
    )


class wait_fixed(Wait):
    """Wait the same time before each attempt."""

    def __init__(self, wait: Seconds) -> None:
        self.wait = duration(wait, type(self).__name__, "wait")
        self._shell = tenacity.wait_fixed(self.wait)

    def delay(self, state: RetryCallState, position: int = 0) -> float:
        return self._shell(state)


class wait_none(wait_fixed):
    """Do not wait."""

    def __init__(self) -> None:
        super().__init__(0)


class wait_incrementing(Wait):
    """Wait ``start`` at first and ``increment`` longer each time, within zero and ``max``."""

    def __init__(self, start: Seconds = 0.0, increment: Seconds = 100.0, max: Seconds = float("inf")) -> None:
        self.start = duration(start, "wait_incrementing", "start")
        self.increment = finite(increment, "wait_incrementing", "increment")
        self.max = upper_bound(max, 0.0, "wait_incrementing")
        self._shell = tenacity.wait_incrementing(self.start, self.increment, self.max)

    def delay(self, state: RetryCallState, position: int = 0) -> float:
        return self._shell(state)


class wait_exponential(Wait):
    """Wait ``multiplier * exp_base**n`` before retry n (from 0), within ``min`` and ``max``."""

    def __init__(
        self,
        multiplier: float = 1.0,
        exp_base: float = 2.0,
        max: Seconds = 60.0,
        min: Seconds = 0.0,
    ) -> None:
        owner = type(self).__name__
        self.multiplier = duration(multiplier, owner, "multiplier")
        self.exp_base = growth(exp_base, owner)
        self.min = duration(min, owner, "min")
        self.max = upper_bound(max, self.min, owner)
        self._shell = tenacity.wait_exponential(self.multiplier, self.max, self.exp_base, self.min)

    def delay(self, state: RetryCallState, position: int = 0) -> float:
        return self._shell(state)


class wait_chain(Wait):
    """Use the first strategy before the first retry, the second before the second, then the last for good."""

    def __init__(self, *strategies: WaitLike) -> None:
        if not strategies:
            raise RetryArgumentError(
                owner="wait_chain", argument="strategies", value=strategies, wanted="at least one strategy"
            )
        self.strategies = tuple(as_wait(strategy) for strategy in strategies)

    def delay(self, state: RetryCallState, position: int = 0) -> float:
        index = min(max(state.attempt_number, 1), len(self.strategies)) - 1
        return self.strategies[index].delay(state, position)


class wait_combine(Wait):
    """Wait the sum of the strategies. A sum of sums is one flat sum, so brackets never change the result."""

    def __init__(self, *strategies: WaitLike) -> None:
        flat: list[Wait] = []
        for strategy in map(as_wait, strategies):
            flat.extend(strategy.strategies if isinstance(strategy, wait_combine) else (strategy,))
        self.strategies: tuple[Wait, ...] = tuple(flat)

    def delay(self, state: RetryCallState, position: int = 0) -> float:
        return min(
            sum(strategy.delay(state, position + place) for place, strategy in enumerate(self.strategies)),
            LONGEST_DELAY,
        )
