"""The driver's side of waits: which body listens for what, and the futures that bring them back."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepwell.core import WaitId
from stepwell.flow import Event


@dataclass(slots=True)
class OpenWait:
    """One suspended call. ``requirements`` are attribute values that an answer must have, ``question`` what it showed.

    ``type_name`` stands for the class of a wait that came from a snapshot, until its body has told the class.
    """

    future: asyncio.Future[Event | None]
    event_type: type[Event] | None
    requirements: Mapping[str, Any]
    type_name: str | None = None
    question: Event | None = None

    def accept(self, event: object) -> Event:
        """Return the event that the machine handed back."""
        assert isinstance(event, Event)
        return event


def meets(event: Event, requirements: Mapping[str, Any]) -> bool:
    """Return whether an event has all the required values."""
    return all(event.get(name, _ABSENT) == value for name, value in requirements.items())


_ABSENT = object()


def type_name(event: type[Event]) -> str:
    """Return the name under which a snapshot knows a class."""
    return f"{event.__module__}:{event.__qualname__}"


NONE_OPEN: dict[WaitId, OpenWait] = {}
NO_WAITS: dict[type[Event], dict[WaitId, OpenWait]] = {}
"""Both are shared by all runs that never waited, and never written."""


class WaitTable:
    """All open waits of a run, indexed by type: an answer looks only at waits for its own type."""

    __slots__ = ("_by_name", "_by_type", "open")

    def __init__(self) -> None:
        self.open: dict[WaitId, OpenWait] = NONE_OPEN  # both made for the first wait
        self._by_type: dict[type[Event], dict[WaitId, OpenWait]] = NO_WAITS
        self._by_name: dict[str, dict[WaitId, OpenWait]] | None = None

    def add(self, name: WaitId, wait: OpenWait) -> None:
        if self.open is NONE_OPEN:
            self.open, self._by_type = {}, {}
        self.open[name] = wait
        if wait.event_type is not None:
            self._by_type.setdefault(wait.event_type, {})[name] = wait
        elif wait.type_name is not None:
            self._by_name = self._by_name or {}
            self._by_name.setdefault(wait.type_name, {})[name] = wait

    def identify(self, name: WaitId, event_type: type[Event] | None) -> None:
        """Take note of the class behind the name that a wait from a snapshot had until now."""
        wait = self.open.get(name)
        if wait is not None and wait.type_name is not None and event_type is not None:
            self.remove(name)
            self.add(name, OpenWait(wait.future, event_type, wait.requirements, None, wait.question))

    def find(self, name: WaitId) -> OpenWait | None:
        """Return an open wait."""
        return self.open.get(name)

    def remove(self, name: WaitId) -> OpenWait | None:
        wait = self.open.pop(name, None) if self.open else None
        if wait is not None and wait.event_type is not None:
            same_type = self._by_type[wait.event_type]
            del same_type[name]
            if not same_type:
                del self._by_type[wait.event_type]
        elif wait is not None and wait.type_name is not None and self._by_name is not None:
            self._by_name[wait.type_name].pop(name, None)
        return wait

    def awaited(self) -> tuple[type[Event], ...]:
        """Return the types that are waited for, oldest first."""
        return tuple(dict.fromkeys(wait.event_type for wait in self.open.values() if wait.event_type is not None))

    def has_sleepers(self) -> bool:
        """Return whether somebody waits for nothing but time."""
        return any(wait.event_type is None and wait.type_name is None for wait in self.open.values())

    def matching(self, event: Event) -> tuple[WaitId, ...]:
        """Return the waits that ``event`` answers, oldest first."""
        candidates = self._by_type.get(type(event))
        if self._by_name:
            candidates = {**(candidates or {}), **self._by_name.get(type_name(type(event)), {})}
        if not candidates:
            return ()
        return tuple(
            name for name, wait in candidates.items() if not wait.requirements or meets(event, wait.requirements)
        )
