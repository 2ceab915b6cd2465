"""The driver's side of waits: which body listens for what, and the futures that bring them back."""

import asyncio
from collections.abc import Mapping
from typing import Any

from stepwell.core import Held, State, Status, WaitId, record
from stepwell.flow import Event


@record()
class OpenWait:
    """One suspended call. ``requirements`` are attribute values that an answer must have."""

    future: asyncio.Future[Event | None]
    event_type: type[Event] | None
    requirements: Mapping[str, Any]

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


NONE_OPEN: dict[WaitId, OpenWait] = {}
NO_WAITS: dict[type[Event], dict[WaitId, OpenWait]] = {}
"""Both are shared by all runs that never waited, and never written."""


class WaitTable:
    """All open waits of a run, indexed by type: an answer looks only at waits for its own type."""

    __slots__ = ("_by_type", "open")

    def __init__(self) -> None:
        self.open: dict[WaitId, OpenWait] = NONE_OPEN  # both made for the first wait
        self._by_type: dict[type[Event], dict[WaitId, OpenWait]] = NO_WAITS

    def add(self, name: WaitId, wait: OpenWait) -> None:
        if self.open is NONE_OPEN:
            self.open, self._by_type = {}, {}
        self.open[name] = wait
        if wait.event_type is not None:
            self._by_type.setdefault(wait.event_type, {})[name] = wait

    def remove(self, name: WaitId) -> OpenWait | None:
        wait = self.open.pop(name, None) if self.open else None
        if wait is not None and wait.event_type is not None:
            same_type = self._by_type[wait.event_type]
            del same_type[name]
            if not same_type:
                del self._by_type[wait.event_type]
        return wait

    def awaited(self) -> tuple[type[Event], ...]:
        """Return the types that are waited for, oldest first."""
        return tuple(dict.fromkeys(wait.event_type for wait in self.open.values() if wait.event_type is not None))

    def has_sleepers(self) -> bool:
        """Return whether somebody waits for nothing but time."""
        return any(wait.event_type is None and type(wait) is OpenWait for wait in self.open.values())

    def are_all_that_is_left(self, state: State) -> bool:
        """Return whether nothing goes on in a run but ``wait_for_event`` calls."""
        is_quiet = state.status is Status.RUNNING and not (state.active or state.tasks)
        return is_quiet and bool(self.open) and all(wait.event_type is not None for wait in self.open.values())

    def matching(self, event: Event) -> tuple[WaitId, ...]:
        """Return the waits that ``event`` answers, oldest first."""
        candidates = self._by_type.get(type(event))
        if not candidates:
            return ()
        return tuple(
            name for name, wait in candidates.items() if not wait.requirements or meets(event, wait.requirements)
        )
