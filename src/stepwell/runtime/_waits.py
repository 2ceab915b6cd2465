"""The driver's side of waits: which body listens for what, and the futures that bring them back."""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from stepwell.core import RUNNING, Held, State, WaitId, record
from stepwell.flow import Event


@record()
class OpenWait:
    """One suspended call. ``requirements`` are attribute values that an answer must have.

    ``type_name`` stands for the class of a wait that came from a snapshot, until its body has told the class.
    """

    future: asyncio.Future[Event | None]
    event_type: type[Event] | None
    requirements: Mapping[str, Any]
    type_name: str | None = None

    def takes(self, event: Event, kind: type[Event]) -> bool:
        """Return whether an event, which is of a class ``kind``, is the answer."""
        if self.event_type is not kind and (self.type_name is None or self.type_name != type_name(kind)):
            return False
        return not self.requirements or meets(event, self.requirements)

    def accept(self, event: object) -> Event | None:
        """Return the event that the machine handed back."""
        assert isinstance(event, Event)
        return event


class ChildWait(OpenWait):
    """A body that waits for its child run."""

    def accept(self, event: object) -> None:
        """Return nothing: what became of the child is asked of the child."""


def meets(event: Event, requirements: Mapping[str, Any]) -> bool:
    """Return whether an event has all the required values."""
    return all(event.get(name, _ABSENT) == value for name, value in requirements.items())


_ABSENT = object()


def type_name(event: type[Event]) -> str:
    """Return the name under which a snapshot knows a class."""
    return f"{event.__module__}:{event.__qualname__}"


def held_answer(
    held: Mapping[int, Held], event_type: type[Event], requirements: Mapping[str, Any], *, from_outside: bool = False
) -> int | None:
    """Return the number of the oldest held event that answers such a wait, or ``None``."""
    for number, one in held.items():
        if from_outside and one.sender is not None:
            continue
        if type(one.event) is event_type and meets(one.event, requirements):
            return number
    return None


FEW = 16
"""Up to so many waits are looked through; more are indexed by type. Most runs have one, and an index takes memory."""


class WaitTable:
    """All open waits of a run: an answer looks only at a few of them, or only at those for its own type."""

    __slots__ = ("_index", "open")

    def __init__(self) -> None:
        self.open: dict[WaitId, OpenWait] = {}
        self._index: dict[type[Event] | str | None, dict[WaitId, OpenWait]] | None = None

    def add(self, name: WaitId, wait: OpenWait) -> None:
        self.open[name] = wait
        if self._index is not None:
            self._index.setdefault(wait.event_type or wait.type_name, {})[name] = wait
        elif len(self.open) > FEW:
            self._index = {}
            for other, one in self.open.items():
                self._index.setdefault(one.event_type or one.type_name, {})[other] = one

    def identify(self, name: WaitId, event_type: type[Event] | None) -> None:
        """Take note of the class behind the name that a wait from a snapshot had until now."""
        wait = self.open.get(name)
        if wait is not None and wait.type_name is not None and event_type is not None:
            self.remove(name)
            self.add(name, OpenWait(wait.future, event_type, wait.requirements))

    def find(self, name: WaitId) -> OpenWait | None:
        """Return an open wait."""
        return self.open.get(name)

    def remove(self, name: WaitId) -> OpenWait | None:
        wait = self.open.pop(name, None) if self.open else None
        if wait is not None and self._index is not None:
            kind = wait.event_type or wait.type_name
            same_type = self._index[kind]
            del same_type[name]
            if not same_type:
                del self._index[kind]
            if not self.open:
                self._index = None
        return wait

    def awaited(self) -> tuple[type[Event], ...]:
        """Return the types that are waited for, oldest first."""
        return tuple(dict.fromkeys(wait.event_type for wait in self.open.values() if wait.event_type is not None))

    def has_sleepers(self) -> bool:
        """Return whether somebody waits for nothing but time."""
        return any(
            wait.event_type is None and wait.type_name is None and type(wait) is OpenWait for wait in self.open.values()
        )

    def are_all_that_is_left(self, state: State) -> bool:
        """Return whether nothing goes on in a run but ``wait_for_event`` calls."""
        is_quiet = state.status is RUNNING and not (state.active or state.tasks)
        return is_quiet and bool(self.open) and all(wait.event_type is not None for wait in self.open.values())

    def matching(self, event: Event) -> tuple[WaitId, ...]:
        """Return the waits that ``event`` answers, oldest first."""
        kind = type(event)
        if self._index is None:
            return tuple([name for name, wait in self.open.items() if wait.takes(event, kind)])
        candidates = [*self._index.get(kind, {}).items(), *self._index.get(type_name(kind), {}).items()]
        return tuple([name for name, wait in candidates if wait.takes(event, kind)])


NO_WAITS = WaitTable()
"""Shared by all runs that never waited; nothing is added to it."""


class Waiting(Protocol):
    """A run, as far as its waits go."""

    waits: WaitTable


def own_waits(run: Waiting) -> WaitTable:
    """Return the open waits of a run, in a table that is made for the first of them."""
    if run.waits is NO_WAITS:
        run.waits = WaitTable()
    return run.waits
