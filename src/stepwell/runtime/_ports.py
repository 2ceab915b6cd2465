"""What the parts of the driver may ask of the run that they belong to."""

import asyncio
import contextvars
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from stepwell.core import Effect, EndRun, Fact, Machine, WaitId
from stepwell.flow import Wiring
from stepwell.runtime._attempts import Attempt, BackgroundTask
from stepwell.runtime._buffers import Buffers
from stepwell.runtime._history import History
from stepwell.runtime._observers import Observers
from stepwell.runtime._origins import Origin
from stepwell.runtime._outcome import Outcome
from stepwell.runtime._past import Past
from stepwell.runtime._stream import EventStream
from stepwell.runtime._timers import Timers
from stepwell.runtime._waits import WaitTable
from stepwell.runtime._watchdog import Clock, Host

if TYPE_CHECKING:  # loaded when first used; see ADR 13
    from stepwell.runtime._resources import RunResources
    from stepwell.runtime._state_store import StateStore


class Serializer(Protocol):
    """What writes a value as a text and reads it again; ``stepwell.flow.codec`` has such."""

    def serialize(self, value: Any) -> str: ...

    def deserialize(self, value: str) -> Any: ...


class CrewPort(Protocol):
    """What a context needs of the attempts."""

    attempts: dict[int, Attempt]
    failed_last: Attempt | None
    grace: float

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
    clock: Clock
    offset: float
    resources: "RunResources | None"
    settings: Any
    external_events: bool
    shows_internal: bool
    children: "ChildrenPort | None"

    @property
    def link(self) -> "Link | None": ...

    @property
    def path(self) -> tuple[Origin, ...]: ...

    @property
    def crew(self) -> CrewPort: ...

    @property
    def run_id(self) -> str: ...

    def now(self) -> float: ...

    def fire(self, timer: int, now: float) -> None: ...

    def apply(self, fact: Fact) -> None: ...

    def carry_out(self, effect: Effect) -> None: ...

    def tell_above(self) -> None: ...

    def conclude_if_quiet(self) -> None: ...

    def store(self) -> "StateStore[Any]": ...

    def in_loop(self) -> bool: ...


class ChildPort(RunPort, Protocol):
    """What a run asks of a child of it."""

    opened_at: float

    def launch(self) -> None: ...

    def go_on_from(self, restored: Any) -> None: ...

    def cancel(self, *, grace: float = ...) -> None: ...

    def expose_internal(self) -> None: ...


class ChildrenPort(Protocol):
    """The children of a run."""

    open: dict[WaitId, ChildPort]
    past: Past

    def __bool__(self) -> bool: ...

    def add(self, name: WaitId, child: ChildPort) -> None: ...

    def remove(self, name: WaitId) -> ChildPort: ...

    def holds(self, attempt: int) -> bool: ...

    def cancel(self, grace: float, attempt: int | None = None) -> None: ...

    def expose_internal(self) -> None: ...

    def working(self) -> Iterator[ChildPort]: ...


class Link(NamedTuple):
    """What ties a child to the run above it: the attempt that waits for it, and the name of that wait."""

    run: RunPort
    attempt: Attempt
    name: WaitId
