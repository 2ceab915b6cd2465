"""What the programs share: the mark that makes a function one, and how what they saw becomes plain data.

Engines name and word their own errors differently; of those only the kind that a program asks for, and the phrase
that it asks for, are part of an observation. A step's own exceptions are kept with their text.
"""

# mypy: ignore-errors
# It runs in the environments of both engines; ``engine`` is one namespace there, and the other here.

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any

import engine
from pydantic import BaseModel

Program = Callable[[], Awaitable[Any]]

PROGRAMS: dict[str, Program] = {}
NEUTRAL = frozenset(value for name, value in vars(engine).items() if not name.startswith("_"))
MOMENTS = ("elapsed_seconds", "failed_at")


def program(function: Program) -> Program:
    """Make ``function`` one of the programs, under its own name."""
    assert function.__name__ not in PROGRAMS, f"two programs are called {function.__name__}"
    PROGRAMS[function.__name__] = function
    return function


def plain(value: Any) -> Any:  # noqa: PLR0911  # a table of kinds
    """Return ``value`` as JSON data that still tells its types apart."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Enum():
            return value.name
        case BaseException():
            return error_seen(value)
        case BaseModel():
            return shown(value)
        case dict():
            return {
                key if isinstance(key, str) else f"{type(key).__name__} {key!r}": plain(item)
                for key, item in value.items()
            }
        case list():
            return [plain(item) for item in value]
        case tuple():
            return {"tuple": [plain(item) for item in value]}
        case set() | frozenset():
            return {"set": sorted(map(repr, value))}
        case type():
            return {"class": value.__name__}
        case _:
            return {"object": type(value).__name__, "says": str(value)}


def shown(model: BaseModel) -> dict[str, Any]:
    """Return a model's class and fields, declared and further ones; without moments and lengths of time."""
    fields = {name: getattr(model, name) for name in type(model).model_fields}
    if isinstance(model, engine.Event | engine.DictState):
        fields.update(model.items())
    if isinstance(model, engine.StopEvent):
        fields["result"] = model.result
        if model.result is None:
            del fields["result"]
    return {"is": type(model).__name__, **{key: plain(item) for key, item in fields.items() if key not in MOMENTS}}


def error_seen(error: BaseException, kind: type[BaseException] | None = None, *phrases: str) -> dict[str, Any]:
    """Return what is neutral about an error: that it is a ``kind`` and says all ``phrases``, or what else it is."""
    text = str(error)
    if kind is not None and isinstance(error, kind) and all(phrase in text for phrase in phrases):
        return {"error": kind.__name__, "says": list(phrases)}
    known = next(base for base in type(error).__mro__ if base in NEUTRAL or is_neutral(base))
    own_words = type(error) is known and known not in NEUTRAL and kind is None
    name = type(error).__name__ if known is Exception else known.__name__
    return {"error": name, "says": [text] if own_words else ["?"]}


def is_neutral(cls: type) -> bool:
    """Return whether a class is no business of either engine."""
    return cls.__module__.startswith(("builtins", "asyncio", "programs."))


async def state_of(ctx: Any) -> Any:
    state = shown(await ctx.store.get_state())
    del state["is"]
    return state


async def ending_of(handler: Any, kind: type[BaseException] | None = None, *phrases: str) -> dict[str, Any]:
    """Await the run; its result, or its error as ``error_seen`` tells it."""
    try:
        return {"result": plain(await handler)}
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # the observation is the error
        return error_seen(error, kind, *phrases)


async def stream_of(handler: Any, *, internal: bool = False) -> list[dict[str, Any]]:
    return [shown(event) async for event in handler.stream_events(expose_internal=internal)]


async def observed(handler: Any, kind: type[BaseException] | None = None, *phrases: str) -> dict[str, Any]:
    """Listen to a run to its end; return its stream, its ending and its state."""
    return {
        "stream": await stream_of(handler),
        "ending": await ending_of(handler, kind, *phrases),
        "state": await state_of(handler.ctx),
    }


async def refused(act: Any, kind: type[BaseException], *phrases: str) -> dict[str, Any]:
    """Call ``act`` (and await what it returns, if need be); what it raised, or that it raised nothing."""
    try:
        result = act()
        if hasattr(result, "__await__"):
            result = await result
    except Exception as error:  # noqa: BLE001  # the observation is the error
        return error_seen(error, kind, *phrases)
    return {"returned": type(result).__name__}
