"""``ctx.collect_events``: events kept by a step until all that it expects have come.

Rule 1. Keeping an event costs the same however many are kept already: counts are kept, nothing is searched.
Rule 2. What is returned is in the order of ``expected``; what came beyond it stays for the next time.
Rule 3. What an attempt was told here it is told again when its body runs again; the event is not kept twice.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import field

from stepwell.core import record
from stepwell.flow import Event


@record()
class Buffer:
    """What one step keeps under one name."""

    events: dict[type[Event], deque[Event]] = field(default_factory=dict)
    kept: int = 0
    expected: Sequence[type[Event]] = ()

    def keep(self, event: Event) -> None:
        """Keep an event."""
        events = self.events.get(type(event))
        if events is None:
            events = self.events[type(event)] = deque()
        events.append(event)
        self.kept += 1

    def take(self, expected: Sequence[type[Event]]) -> list[Event] | None:
        """Return one event for each expected type, or ``None`` while some are missing."""
        self.expected = expected
        if self.kept < len(expected):
            return None
        if any(len(self.events.get(kind, ())) < count for kind, count in Counter(expected).items()):
            return None
        self.kept -= len(expected)
        return [self.events[kind].popleft() for kind in expected]

    def explain(self) -> str:
        """Return what is there and what is not, by the expectation last stated; after a restore there may be none."""
        wanted = Counter(kind.__name__ for kind in self.expected)
        kept = Counter({kind.__name__: len(events) for kind, events in self.events.items()})
        missing, beyond = wanted - kept, kept - wanted
        if not wanted:
            return f"keeps {_listed(beyond)}"
        has = f"has {(wanted & kept).total()} of {wanted.total()} and waits for {_listed(missing, ' more')}"
        return f"{has}; beyond these it keeps {_listed(beyond)}" if beyond else has


def _listed(counts: Counter[str], more: str = "") -> str:
    return ", ".join(f"{count}{more} {name}" for name, count in counts.items())


class Buffers:
    """The buffers of a run, by step and name."""

    __slots__ = ("by_place",)

    def __init__(self) -> None:
        self.by_place: dict[tuple[str, str], Buffer] = {}

    def collect(self, place: tuple[str, str], event: Event, expected: Sequence[type[Event]]) -> list[Event] | None:
        """Keep ``event``, and return what is expected once it is complete."""
        buffer = self.by_place.get(place)
        if buffer is None:
            buffer = self.by_place[place] = Buffer()
        buffer.keep(event)
        taken = buffer.take(expected)
        if taken is not None and not buffer.kept:
            del self.by_place[place]
        return taken

    def restore(self, place: tuple[str, str], events: Sequence[Event]) -> None:
        """Keep what a snapshot holds of a buffer."""
        buffer = self.by_place[place] = Buffer()
        for event in events:
            buffer.keep(event)

    def explain(self) -> list[str]:
        """Return a sentence for each buffer that waits for something."""
        return [
            f"collect_events of step {step!r}" + (f" (buffer {name!r}) " if name else " ") + buffer.explain()
            for (step, name), buffer in self.by_place.items()
            if buffer.kept
        ]
