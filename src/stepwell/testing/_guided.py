"""A step's body driven by hand, so that a simulated world can step in where it awaits something outside.

Rule 1. A wait of the engine (an event, a sleep, a child) is left alone: when that ends is the engine's affair.
Rule 2. Anything else may take longer. Only what can fail in reality may fail: no lock, queue or task group does.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from typing import Any

from stepwell.runtime.worlds import current_attempt

Meddle = Callable[[int, bool], Coroutine[Any, Any, None]]

_ASYNCIO = str(Path(asyncio.__file__).parent)
_STEPWELL = str(Path(__file__).parents[1])
_STREAMS = str(Path(asyncio.streams.__file__))


class Guided:
    """Awaits ``body``. Behind each await ``meddle`` gets its number, and whether it may fail."""

    def __init__(self, body: Coroutine[Any, Any, Any], meddle: Meddle) -> None:
        self._body = body
        self._meddle = meddle

    def __await__(self) -> Generator[Any, Any, Any]:
        body = self._body
        error: BaseException | None = None
        awaits = 0
        while True:
            try:
                awaited = body.send(None) if error is None else body.throw(error)
            except StopIteration as stop:
                return stop.value
            in_engine = current_attempt()[1]
            error = None
            try:
                yield awaited
                if not in_engine:
                    awaits += 1
                    yield from self._meddle(awaits, may_fail(body)).__await__()
            except GeneratorExit:
                body.close()
                raise
            except BaseException as raised:  # noqa: BLE001  # it is for the body, whatever it is
                error = raised


def may_fail(body: Any) -> bool:
    """Return whether what a suspended body awaits is something that can fail."""
    innermost = body
    while True:
        awaited = getattr(innermost, "cr_await", None) or getattr(innermost, "gi_yieldfrom", None)
        if _code_of(awaited) is None:
            break
        innermost = awaited
    code = _code_of(innermost)
    if code is asyncio.sleep.__code__ or code.co_filename == _STREAMS:
        return True
    return not code.co_filename.startswith((_ASYNCIO, _STEPWELL, contextlib.__file__))


def _code_of(body: Any) -> Any:
    """Return the code of a coroutine or a generator, ``None`` of anything else."""
    return getattr(body, "cr_code", None) or getattr(body, "gi_code", None)
