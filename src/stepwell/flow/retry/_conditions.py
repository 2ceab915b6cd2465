"""Which failures are worth another attempt: conditions on the exception, joined by ``&`` and ``|``.

Called as ``condition(error)``.
"""

import re
from collections.abc import Callable
from typing import Any, Protocol

import tenacity
from tenacity import RetryCallState

from stepwell.errors import RetryArgumentError
from stepwell.flow.retry._call_state import CallState
from stepwell.flow.retry._checks import ExceptionTypes, accepts, described, exception_types


class RetryCondition(Protocol):
    """A function of the exception that answers whether to try again."""

    def __call__(self, error: BaseException, /) -> bool: ...


ConditionLike = RetryCondition | tenacity.retry_base


class Condition:
    """A condition to try again, which ``&`` and ``|`` join to others."""

    def holds(self, state: RetryCallState) -> bool:
        raise NotImplementedError  # abstract: each strategy below gives its own answer

    def __call__(self, error: BaseException | RetryCallState, /) -> bool:
        if isinstance(error, RetryCallState):
            return self.holds(error)
        return self.holds(CallState(attempt=1, error=error))

    def __and__(self, other: ConditionLike) -> "retry_all":
        return retry_all(self, other)

    def __rand__(self, other: ConditionLike) -> "retry_all":
        return retry_all(other, self)

    def __or__(self, other: ConditionLike) -> "retry_any":
        return retry_any(self, other)

    def __ror__(self, other: ConditionLike) -> "retry_any":
        return retry_any(other, self)

    def __repr__(self) -> str:
        return described(self)


class TenacityCondition(Condition):
    """A condition of tenacity's: our own are shells over it, a user's is taken as it is."""

    def __init__(self, strategy: Callable[[RetryCallState], bool]) -> None:
        self._strategy = strategy

    def holds(self, state: RetryCallState) -> bool:
        return self._strategy(state)

    def __repr__(self) -> str:
        return super().__repr__() if type(self) is not TenacityCondition else repr(self._strategy)


def as_condition(value: Any) -> Condition:
    """Return ``value`` as a condition of this room, or say what to write instead."""
    if isinstance(value, Condition):
        return value
    if isinstance(value, tenacity.retry_base):
        return TenacityCondition(value)
    if callable(value) and not isinstance(value, type) and accepts(value, ValueError()):
        predicate: Callable[..., Any] = value
        return retry_if_exception(predicate)
    raise RetryArgumentError(
        owner="a retry policy",
        argument="retry",
        value=value,
        wanted="an instance of a retry condition such as retry_if_exception_type(ValueError) "
        "(a class needs its parentheses), or a function of the exception that returns whether to try again",
    )


class retry_if_exception(TenacityCondition):
    """Try again when ``predicate(error)`` holds."""

    def __init__(self, predicate: Callable[[BaseException], bool]) -> None:
        if not accepts(predicate, ValueError()):
            raise RetryArgumentError(
                owner=type(self).__name__,
                argument="predicate",
                value=predicate,
                wanted="a function of the exception",
            )
        self.predicate = predicate
        super().__init__(tenacity.retry_if_exception(predicate))


class retry_if_exception_type(TenacityCondition):
    """Try again when the exception is one of these."""

    def __init__(self, exception_types: ExceptionTypes = Exception) -> None:
        self.exception_types = checked_types(exception_types, type(self).__name__)
        super().__init__(tenacity.retry_if_exception_type(self.exception_types))


class retry_if_not_exception_type(TenacityCondition):
    """Try again unless the exception is one of these."""

    def __init__(self, exception_types: ExceptionTypes = Exception) -> None:
        self.exception_types = checked_types(exception_types, type(self).__name__)
        super().__init__(tenacity.retry_if_not_exception_type(self.exception_types))


class retry_unless_exception_type(retry_if_not_exception_type):
    """Another name of ``retry_if_not_exception_type``."""


class retry_if_exception_cause_type(TenacityCondition):
    """Try again when one of the causes of the exception (``raise ... from cause``) is one of these."""

    def __init__(self, exception_types: ExceptionTypes = Exception) -> None:
        self.exception_types = checked_types(exception_types, type(self).__name__)
        super().__init__(tenacity.retry_if_exception_cause_type(self.exception_types))


checked_types = exception_types


class retry_if_exception_message(TenacityCondition):
    """Try again when ``str(error)`` is ``message``, or has the pattern ``match`` anywhere in it.

    tenacity's own condition wants the pattern at the beginning.
    """

    def __init__(self, message: str | None = None, match: str | re.Pattern[str] | None = None) -> None:
        self.message, self.match = checked_message(message, match, type(self).__name__)
        super().__init__(tenacity.retry_if_exception(lambda error: says(error, self.message, self.match)))


class retry_if_not_exception_message(TenacityCondition):
    """Try again unless ``str(error)`` is ``message``, or has the pattern ``match`` anywhere in it."""

    def __init__(self, message: str | None = None, match: str | re.Pattern[str] | None = None) -> None:
        self.message, self.match = checked_message(message, match, type(self).__name__)
        super().__init__(tenacity.retry_if_exception(lambda error: not says(error, self.message, self.match)))


def says(error: BaseException, message: str | None, match: re.Pattern[str] | None) -> bool:
    """Return whether an error's text is ``message``, or has ``match`` in it."""
    text = str(error)
    return text == message or (match is not None and match.search(text) is not None)


def checked_message(
    message: str | None, match: str | re.Pattern[str] | None, owner: str
) -> tuple[str | None, re.Pattern[str] | None]:
    """Return the one of the two that was given, the pattern compiled."""
    wanted = "either message=, a text, or match=, a regular expression, and not both"
    if (message is None) == (match is None):
        raise RetryArgumentError(owner=owner, argument="(message, match)", value=(message, match), wanted=wanted)
    if message is not None and not isinstance(message, str):
        raise RetryArgumentError(owner=owner, argument="message", value=message, wanted="a text")
    try:
        pattern = None if match is None else re.compile(match)
        if pattern is not None and not isinstance(pattern.pattern, str):
            raise RetryArgumentError(owner=owner, argument="match", value=match, wanted="a regular expression for text")
    except (re.error, TypeError) as error:
        raise RetryArgumentError(
            owner=owner, argument="match", value=match, wanted=f"a regular expression ({error})"
        ) from error
    return message, pattern


class retry_any(Condition):
    """Try again when one of the conditions holds; of none, never."""

    def __init__(self, *retries: ConditionLike) -> None:
        self.retries = tuple(as_condition(retry) for retry in retries)

    def holds(self, state: RetryCallState) -> bool:
        return any(retry.holds(state) for retry in self.retries)


class retry_all(Condition):
    """Try again when all of the conditions hold; of none, always."""

    def __init__(self, *retries: ConditionLike) -> None:
        self.retries = tuple(as_condition(retry) for retry in retries)

    def holds(self, state: RetryCallState) -> bool:
        return all(retry.holds(state) for retry in self.retries)


class retry_always(TenacityCondition):
    """Try again whatever happened."""

    def __init__(self) -> None:
        super().__init__(tenacity.retry_always)


class retry_never(TenacityCondition):
    """Never try again."""

    def __init__(self) -> None:
        super().__init__(tenacity.retry_never)
