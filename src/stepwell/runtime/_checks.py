"""Refusing arguments that a call cannot use, before anything has happened."""

from collections.abc import Mapping
from typing import Any

from stepwell import errors
from stepwell.flow import Event

LONGEST_SECONDS = float(2**62)
"""More than any clock counts; a larger integer has no float."""


def check_seconds(call: str, argument: str, value: object) -> None:
    """Refuse what is no duration."""
    if type(value) not in (int, float) or not 0 <= value <= LONGEST_SECONDS:  # type: ignore[operator]  # a number
        raise errors.CallArgumentError(
            call=call, argument=argument, value=value, accepted="a number of seconds, 0 or more,"
        )


def check_text(call: str, argument: str, value: object) -> None:
    """Refuse what is neither text nor ``None``."""
    if value is not None and not isinstance(value, str):
        raise errors.CallArgumentError(call=call, argument=argument, value=value, accepted="text")


def check_path(call: str, path: object) -> None:
    """Refuse what is no path into a state."""
    if not isinstance(path, str):
        raise errors.CallArgumentError(call=call, argument="path", value=path, accepted='text such as "users.3.name"')


def check_collect(expected: object, buffer_id: object) -> None:
    """Refuse what ``collect_events`` cannot use; the classes in ``expected`` are the caller's to look at."""
    if not isinstance(expected, (list, tuple)):
        accepted = "a list of event classes"
        raise errors.CallArgumentError(call="collect_events", argument="expected", value=expected, accepted=accepted)
    if buffer_id is not None:
        check_text("collect_events", "buffer_id", buffer_id)


def check_flag(call: str, argument: str, value: object) -> None:
    """Refuse what is neither true nor false."""
    if not isinstance(value, bool):
        raise errors.CallArgumentError(call=call, argument=argument, value=value, accepted="True or False")


def check_wait(ask: object, waiter_id: object, requirements: object, seconds: object) -> None:
    """Refuse what ``wait_for_event`` cannot use."""
    call = "ctx.wait_for_event"
    if ask is not None and not isinstance(ask, Event):
        raise errors.CallArgumentError(call=call, argument="waiter_event", value=ask, accepted="an event, or None,")
    check_text(call, "waiter_id", waiter_id)
    if requirements is not None and not _is_requirements(requirements):
        accepted = "a dictionary of field names and values"
        raise errors.CallArgumentError(call=call, argument="requirements", value=requirements, accepted=accepted)
    if seconds is not None:
        check_seconds(call, "timeout", seconds)


def _is_requirements(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)
