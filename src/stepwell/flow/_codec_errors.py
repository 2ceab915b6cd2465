"""Exceptions as data: always storable, because a run that failed must be able to say why.

What cannot be written of one (an argument that is a client, an attribute that is a socket) is left out and
its name kept. It comes back as its own class when that is known, else as a ``RestoredError``; no
constructor of a user's class is called for it.
"""

import traceback
from dataclasses import dataclass
from typing import Any, Final

from stepwell.errors import RestoredError
from stepwell.flow._codec_classes import dotted, stored_name
from stepwell.flow._codec_parts import REFUSED, PartReader, PartWriter
from stepwell.flow._codec_scalars import Unreadable, expect, read_text, write_str

# Where an exception that was read keeps the text of its first traceback.
TRACEBACK_NAME: Final = "restored_traceback"
LONGEST_TRACEBACK = 16_000


@dataclass(slots=True)
class Contents:
    """What there is to tell about an exception."""

    class_name: str
    message: str
    arguments: tuple[Any, ...]
    attributes: dict[str, Any]
    traceback_text: str


def write_error(encoder: PartWriter, error: BaseException) -> dict[str, Any]:
    """Return an exception as data; nothing about one makes this fail."""
    contents = contents_of(error)
    data: dict[str, Any] = {"$error": contents.class_name, "message": write_str(contents.message)}
    lost: list[str] = []
    arguments = encoder.attempt(contents.arguments)
    if arguments is REFUSED:
        lost.append("args")
    else:
        data["args"] = arguments
    written = {name: encoder.attempt(value) for name, value in contents.attributes.items()}
    lost.extend(name for name, value in written.items() if value is REFUSED)
    data["attributes"] = {name: value for name, value in written.items() if value is not REFUSED}
    if lost:
        data["lost"] = lost
    notes = [write_str(note) for note in getattr(error, "__notes__", ()) if type(note) is str]
    if notes:
        data["notes"] = notes
    cause = REFUSED if error.__cause__ is None else encoder.attempt(error.__cause__)
    if cause is not REFUSED:
        data["cause"] = cause
    data["traceback"] = write_str(contents.traceback_text)
    return data


def contents_of(error: BaseException) -> Contents:
    """Return what ``error`` was made with, and what it says."""
    if isinstance(error, RestoredError):
        return Contents(error.class_name, error.message, error.arguments, error.attributes, error.traceback_text)
    arguments, state = made_with(error)
    hidden = ("__notes__", TRACEBACK_NAME)
    attributes = {name: value for name, value in state.items() if is_plain_name(name, hidden)}
    return Contents(stored_name(type(error)), message_of(error), arguments, attributes, traceback_of(error))


def made_with(error: BaseException) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments and the attributes of ``error``.

    Only ``__reduce__`` tells all of some built-in ones: the file name of an OSError, say.
    """
    try:
        told: Any = error.__reduce__()
    except Exception:  # noqa: BLE001  # a user's class may fail in any way; its plain contents remain
        told = ()
    if isinstance(told, tuple) and len(told) > 1 and told[0] is type(error) and isinstance(told[1], tuple):
        state = told[2] if len(told) > 2 and isinstance(told[2], dict) else {}
        return told[1], {**vars(error), **state}
    return error.args, vars(error)


def is_plain_name(name: object, hidden: tuple[str, ...] = ()) -> bool:
    return type(name) is str and not name.startswith(("__", "$")) and name not in hidden


def message_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as problem:  # noqa: BLE001  # a user's __str__ may raise anything
        return f"(its message cannot be had: {type(problem).__name__})"


def traceback_of(error: BaseException) -> str:
    """Return the traceback as text, its end if it is very long."""
    stored = vars(error).get(TRACEBACK_NAME)
    if isinstance(stored, str):
        return stored
    # An explicit cause is stored with a traceback of its own.
    text = "".join(traceback.format_exception(error, chain=error.__cause__ is None))
    if len(text) <= LONGEST_TRACEBACK:
        return text
    return f"({len(text) - LONGEST_TRACEBACK} characters left out)…{text[-LONGEST_TRACEBACK:]}"


def read_error(decoder: PartReader, data: dict[str, Any]) -> BaseException:
    """Return an exception of its own class, or one that stands for it."""
    name, message = expect(str, data["$error"]), read_text(data["message"])
    arguments = expect(tuple, decoder.decode(data["args"])) if "args" in data else (message,)
    attributes = decoder.names(data["attributes"])
    if not all(map(is_plain_name, attributes)):
        raise Unreadable("an exception has attributes that no data may set")
    trace = read_text(data["traceback"])
    cls = decoder.known.find(name)
    error = None
    if cls is not None and issubclass(cls, BaseException):
        error = rebuilt(cls, arguments, {**attributes, TRACEBACK_NAME: trace})
    if error is None:
        error = RestoredError(
            class_name=dotted(name),
            message=message,
            arguments=arguments,
            attributes=attributes,
            traceback_text=trace,
        )
    for note in expect(list, data.get("notes", [])):
        error.add_note(read_text(note))
    if "lost" in data:
        names = ", ".join(read_text(each) for each in expect(list, data["lost"]))
        error.add_note(f"Read from stored data without: {names}")
    if "cause" in data:
        error.__cause__ = expect_error(decoder.decode(data["cause"]))
    return error


def expect_error(value: Any) -> BaseException:
    if not isinstance(value, BaseException):
        raise Unreadable("the cause of an exception is an exception")
    return value


def rebuilt(cls: type[BaseException], arguments: tuple[Any, ...], attributes: dict[str, Any]) -> BaseException | None:
    """Return an exception made by the built-in part of its class alone, or ``None`` if that refuses."""
    built_in = next(base for base in cls.__mro__ if base.__module__ == "builtins")
    try:
        error = cls.__new__(cls, *arguments)
        initialize: Any = built_in.__init__  # type: ignore[misc]  # of this very base, on purpose
        initialize(error, *arguments)
        for name, value in attributes.items():
            object.__setattr__(error, name, value)
    except Exception:  # noqa: BLE001  # whatever refuses here, the exception can still be told about
        return None
    return error
