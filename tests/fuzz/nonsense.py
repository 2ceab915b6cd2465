"""Values that nobody should pass, and a judge of what comes back."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from stepwell import Event, InputRequiredEvent, StartEvent, StopEvent, Workflow, step
from stepwell.errors import StepwellError


class Unshowable:
    """An object that cannot be shown or hashed."""

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __eq__(self, other: object) -> bool:
        return self is other


class Ping(Event):
    number: int = 0


class Pong(Event):
    pass


class Tally(BaseModel):
    count: int = 0
    names: list[str] = []


class Other(Workflow):
    """A workflow that has nothing to do with the one that is misused."""

    @step
    async def only(self, ev: StartEvent) -> StopEvent:
        return StopEvent()


async def coroutine() -> int:
    return 1


NONSENSE: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "true": lambda: True,
    "zero": lambda: 0,
    "minus": lambda: -1,
    "five": lambda: 5,
    "half": lambda: 0.5,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "minus_inf": lambda: float("-inf"),
    "huge": lambda: 10**400,
    "complex": lambda: 1j,
    "empty": lambda: "",
    "text": lambda: "nonsense",
    "dots": lambda: "..",
    "nul": lambda: "\0",
    "surrogate": lambda: "\ud800",
    "bytes": lambda: b"x",
    "list": list,
    "list_of_five": lambda: [5],
    "list_of_names": lambda: ["nonsense"],
    "list_of_lists": lambda: [[]],
    "dict": dict,
    "dict_of_five": lambda: {5: 5},
    "dict_of_text": lambda: {"a": "b"},
    "set": set,
    "tuple": lambda: (1, 2),
    "object": object,
    "unshowable": Unshowable,
    "list_of_unshowable": lambda: [Unshowable()],
    "ellipsis": lambda: ...,
    "function": lambda: lambda: None,
    "greedy": lambda: lambda *args, **kwargs: 1 / 0,
    "class": lambda: Ping,
    "type": lambda: int,
    "exception": lambda: KeyError("nonsense"),
    "exception_class": lambda: KeyError,
    "event": Ping,
    "start": StartEvent,
    "stop": StopEvent,
    "ask": InputRequiredEvent,
    "model": Tally,
    "coroutine": coroutine,
    "generator": lambda: (one for one in ()),
    "workflow_class": lambda: Other,
    "workflow": Other,
    "module": lambda: re,
}


def explains(error: BaseException) -> bool:
    """Return whether an error is a deliberate one that says something in one piece."""
    text = str(error)
    return isinstance(error, StepwellError) and len(text) > 25 and " " in text


def close(value: Any) -> None:
    """Let go of a value that would complain."""
    if asyncio.iscoroutine(value):
        value.close()
