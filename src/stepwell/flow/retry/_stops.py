"""When to give up: conditions on the number of failures and the time spent, joined by ``&`` and ``|``.

Called as ``stop(attempts, elapsed_time, upcoming_sleep=...)`` where ``attempts`` counts failures from 1.
"""

from collections.abc import Callable
from typing import Any, Protocol

import tenacity
from tenacity import RetryCallState

from stepwell.errors import RetryArgumentError
from stepwell.flow.retry._call_state import CallState
from stepwell.flow.retry._checks import Seconds, accepts, attempt_limit, described, duration


class StopCondition(Protocol):
    """A function of the failures and seconds so far that answers whether to give up."""

    def __call__(self, attempts: int, elapsed_time: float, /, *, upcoming_sleep: float = 0.0) -> bool: ...


StopLike = StopCondition | tenacity.stop.stop_base


class Stop:
    """A condition to give up, which ``&`` and ``|`` join to others."""

    def holds(self, state: RetryCallState) -> bool:
        raise NotImplementedError  # abstract: each strategy below gives its own answer

    def __call__(
        self,
        attempts: int | RetryCallState,
        elapsed_time: float = 0.0,
        /,
        *,
        upcoming_sleep: float = 0.0,
    ) -> bool:
        if isinstance(attempts, RetryCallState):
            return self.holds(attempts)
        return self.holds(CallState(attempt=attempts, elapsed=elapsed_time, upcoming_sleep=upcoming_sleep))

    def __and__(self, other: StopLike) -> "stop_all":
        return stop_all(self, other)

    def __rand__(self, other: StopLike) -> "stop_all":
        return stop_all(other, self)

    def __or__(self, other: StopLike) -> "stop_any":
        return stop_any(self, other)

    def __ror__(self, other: StopLike) -> "stop_any":
        return stop_any(other, self)

    def __repr__(self) -> str:
        return described(self)


class TenacityStop(Stop):
    """A condition of tenacity's: our own are shells over it, a user's is taken as it is."""

    def __init__(self, strategy: Callable[[RetryCallState], bool]) -> None:
        self._strategy = strategy

    def holds(self, state: RetryCallState) -> bool:
        return self._strategy(state)

    def __repr__(self) -> str:
        return super().__repr__() if type(self) is not TenacityStop else repr(self._strategy)


class PlainStop(Stop):
    """A user's function of the failures and seconds so far."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def holds(self, state: RetryCallState) -> bool:
        elapsed = state.seconds_since_start or 0.0
        return bool(self.function(state.attempt_number, elapsed, upcoming_sleep=state.upcoming_sleep))


def as_stop(value: Any) -> Stop:
    """Return ``value`` as a condition of this room, or say what to write instead."""
    if isinstance(value, Stop):
        return value
    if isinstance(value, tenacity.stop.stop_base):
        return TenacityStop(value)
    if callable(value) and not isinstance(value, type) and accepts(value, 1, 0.0, upcoming_sleep=0.0):
        return PlainStop(value)
    raise RetryArgumentError(
        owner="a retry policy",
        argument="stop",
        value=value,
        wanted="an instance of a stop condition such as stop_after_attempt(3) "
        "(a class needs its parentheses), or a function "
        "f(attempts, elapsed_time, *, upcoming_sleep=0.0) that returns whether to give up",
    )


class stop_after_attempt(TenacityStop):
    """Give up when this many attempts have failed; 1 means no retry."""

    def __init__(self, max_attempt_number: int) -> None:
        self.max_attempt_number = attempt_limit(max_attempt_number, "stop_after_attempt")
        super().__init__(tenacity.stop_after_attempt(self.max_attempt_number))


class stop_after_delay(TenacityStop):
    """Give up at the first failure after this many seconds; the last wait may go beyond them."""

    def __init__(self, max_delay: Seconds) -> None:
        self.max_delay = duration(max_delay, "stop_after_delay", "max_delay")
        super().__init__(tenacity.stop_after_delay(self.max_delay))


class stop_before_delay(TenacityStop):
    """Give up when the next attempt would begin this many seconds after the first, or later."""

    def __init__(self, max_delay: Seconds) -> None:
        self.max_delay = duration(max_delay, "stop_before_delay", "max_delay")
        super().__init__(tenacity.stop_before_delay(self.max_delay))


class stop_never(TenacityStop):
    """Never give up."""

    def __init__(self) -> None:
        super().__init__(tenacity.stop_never)


class stop_any(Stop):
    """Give up when one of the conditions holds; of none, never."""

    def __init__(self, *stops: StopLike) -> None:
        self.stops = tuple(as_stop(stop) for stop in stops)

    def holds(self, state: RetryCallState) -> bool:
        return any(stop.holds(state) for stop in self.stops)


class stop_all(Stop):
    """Give up when all of the conditions hold; of none, at once."""

    def __init__(self, *stops: StopLike) -> None:
        self.stops = tuple(as_stop(stop) for stop in stops)

    def holds(self, state: RetryCallState) -> bool:
        return all(stop.holds(state) for stop in self.stops)
