"""What the parts of the driver may ask of the run that they belong to."""

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any, Protocol

from stepwell.core import Effect, EndRun, Fact, Machine
from stepwell.flow import Wiring
from stepwell.runtime._attempts import Attempt, BackgroundTask
from stepwell.runtime._buffers import Buffers
from stepwell.runtime._history import History
from stepwell.runtime._observers import Observers
from stepwell.runtime._outcome import Outcome
from stepwell.runtime._resources import RunResources
from stepwell.runtime._state_store import StateStore
from stepwell.runtime._stream import EventStream
from stepwell.runtime._timers import Timers
from stepwell.runtime._waits import WaitTable
from stepwell.runtime._watchdog import Host


class Serializer(Protocol):
    """What writes a value as a text and reads it again; ``stepwell.flow.codec`` has such."""

    def serialize(self, value: Any) -> str: ...

    def deserialize(self, value: str) -> Any: ...


class CrewPort(Protocol):
    """What a context needs of the attempts."""

    attempts: dict[int, Attempt]
    failed_last: Attempt | None

    def count_wait(self, attempt: Attempt, change: int) -> None: ...


class RunPort(Protocol):
    """A run, seen from within."""

    workflow: Any
    wiring: Wiring
    machine: Machine
    stream: EventStream
    outcome: Outcome
    timers: Timers
    waits: WaitTable
    history: History
    observers: Observers | None
    variables: contextvars.Context
    loop: asyncio.AbstractEventLoop
    background: set[BackgroundTask] | None
    ending: EndRun | None
    buffers: Buffers | None
    host: Host
    clock: Callable[[], float]
    offset: float
    resources: RunResources | None

    @property
    def crew(self) -> CrewPort: ...

    @property
    def run_id(self) -> str: ...

    def now(self) -> float: ...

    def apply(self, fact: Fact) -> None: ...

    def carry_out(self, effect: Effect) -> None: ...

    def conclude_if_quiet(self) -> None: ...

    def store(self) -> StateStore[Any]: ...

    def in_loop(self) -> bool: ...

    @property
    def is_running(self) -> bool: ...
