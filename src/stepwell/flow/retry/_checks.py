"""The arguments of retry strategies, checked when the strategy is made and not at its first failure."""

import inspect
import math
from datetime import timedelta

from stepwell.errors import RetryArgumentError, RetryNumberError

# Longer delays (this is about 31 years) are cut to it, so that adding one to a clock never overflows.
LONGEST_DELAY = 1e9

Seconds = int | float | timedelta
ExceptionTypes = type[BaseException] | tuple[type[BaseException], ...]


def number(value: Seconds, owner: str, argument: str) -> float:
    """Return ``value`` as a float that is not NaN; times become seconds."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise RetryArgumentError(owner=owner, argument=argument, value=value, wanted="a number or a timedelta")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf if value > 0 else -math.inf
    if math.isnan(result):
        raise RetryNumberError(owner=owner, argument=argument, value=value, wanted="a number, not NaN")
    return result


def finite(value: Seconds, owner: str, argument: str) -> float:
    """Return ``value`` as a finite float of either sign."""
    result = number(value, owner, argument)
    if math.isinf(result):
        raise RetryNumberError(owner=owner, argument=argument, value=value, wanted="a finite number")
    return result


def duration(value: Seconds, owner: str, argument: str) -> float:
    """Return ``value`` as seconds: finite, zero or more."""
    result = number(value, owner, argument)
    if not 0 <= result < math.inf:
        raise RetryNumberError(owner=owner, argument=argument, value=value, wanted="a finite number, zero or more")
    return result


def upper_bound(value: Seconds, least: float, owner: str) -> float:
    """Return ``max`` as seconds, at least ``least``; infinity means the longest delay there is."""
    result = number(value, owner, "max")
    if result < least:
        raise RetryNumberError(owner=owner, argument="max", value=value, wanted=f"no less than min, which is {least:g}")
    return min(result, LONGEST_DELAY)


def growth(value: float, owner: str) -> float:
    """Return ``exp_base``: finite and more than zero."""
    result = finite(value, owner, "exp_base")
    if result <= 0:
        raise RetryNumberError(owner=owner, argument="exp_base", value=value, wanted="more than zero")
    return result


def attempt_limit(value: int, owner: str) -> int:
    """Return a number of attempts: whole, one or more."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise RetryArgumentError(owner=owner, argument="its limit", value=value, wanted="a whole number")
    if value < 1:
        raise RetryNumberError(owner=owner, argument="max_attempt_number", value=value, wanted="1 (no retry) or more")
    return value


def exception_types(value: ExceptionTypes, owner: str) -> ExceptionTypes:
    """Return exception classes that ``isinstance`` will take."""
    classes = value if isinstance(value, tuple) else (value,)
    for item in classes:
        if not is_exception_class(item):
            raise RetryArgumentError(
                owner=owner,
                argument="exception_types",
                value=item,
                wanted="an exception class, or a tuple of them",
            )
    return value


def is_exception_class(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


def accepts(function: object, *arguments: object, **named: object) -> bool:
    """Return whether ``function`` can be called so; a callable that hides its signature is believed."""
    if not callable(function):
        return False
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(*arguments, **named)
    except TypeError:
        return False
    return True


def described(strategy: object) -> str:
    """Return ``strategy`` as the call that makes it."""
    facts = (f"{name}={value!r}" for name, value in vars(strategy).items() if not name.startswith("_"))
    return f"{type(strategy).__name__}({', '.join(facts)})"
