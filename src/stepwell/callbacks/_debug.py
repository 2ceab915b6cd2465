"""LlamaDebugHandler: keeps the latest events, pairs and times them, and prints a finished trace as a tree."""

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any, Final

from stepwell.callbacks._printing import PythonicallyPrintingBaseHandler
from stepwell.callbacks._schema import BASE_TRACE_EVENT, CBEvent, CBEventType, EventStats

log = logging.getLogger("stepwell.callbacks")

DEFAULT_MAX_EVENTS: Final = 10_000


class LlamaDebugHandler(PythonicallyPrintingBaseHandler):
    """Keeps the starts and ends of the latest ``max_events`` events, and prints each trace when it ends.

    When older records are dropped for newer ones, a log warning says so once, and ``dropped`` counts them. What the
    methods and properties return are copies. Times come from the monotonic clock.
    """

    def __init__(
        self,
        event_starts_to_ignore: Sequence[CBEventType] | None = None,
        event_ends_to_ignore: Sequence[CBEventType] | None = None,
        print_trace_on_end: bool = True,
        logger: logging.Logger | None = None,
        *,
        max_events: int = DEFAULT_MAX_EVENTS,
    ) -> None:
        self._events: deque[CBEvent] = deque()
        self._by_id: dict[str, list[CBEvent]] = {}
        self._lock = threading.Lock()
        self._trace_id: str | None = None
        self._trace_map: dict[str, list[str]] = {}
        self.print_trace_on_end = print_trace_on_end
        self.max_events = max_events
        self.dropped = 0
        super().__init__(event_starts_to_ignore, event_ends_to_ignore, logger)

    def on_event_start(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str = "",
        parent_id: str = "",
        **kwargs: Any,
    ) -> str:
        return self._keep(CBEvent(event_type, payload=payload, id_=event_id)).id_

    def on_event_end(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str = "",
        **kwargs: Any,
    ) -> None:
        self._keep(CBEvent(event_type, payload=payload, id_=event_id))

    def _keep(self, event: CBEvent) -> CBEvent:
        with self._lock:
            self._events.append(event)
            self._by_id.setdefault(event.id_, []).append(event)
            is_first_drop = False
            while len(self._events) > self.max_events:
                is_first_drop = is_first_drop or not self.dropped
                self._drop_oldest()
        if is_first_drop:
            log.warning(
                "LlamaDebugHandler keeps the latest %d records and drops older ones from now on; "
                "call flush_event_logs() between runs, or pass a larger max_events",
                self.max_events,
            )
        return event

    def _drop_oldest(self) -> None:
        oldest = self._events.popleft()
        self.dropped += 1
        same_id = self._by_id[oldest.id_]
        same_id.pop(0)
        if not same_id:
            del self._by_id[oldest.id_]

    def flush_event_logs(self) -> None:
        """Drop all records."""
        with self._lock:
            self._events.clear()
            self._by_id.clear()

    @property
    def sequential_events(self) -> list[CBEvent]:
        """All records, in the order in which they came."""
        with self._lock:
            return list(self._events)

    @property
    def event_pairs_by_type(self) -> dict[CBEventType, list[CBEvent]]:
        """The records of each event type; an empty list for a type that did not occur."""
        by_type: dict[CBEventType, list[CBEvent]] = defaultdict(list)
        for event in self.sequential_events:
            by_type[event.event_type].append(event)
        return by_type

    @property
    def events_pairs_by_id(self) -> dict[str, list[CBEvent]]:
        """The records of each event, start before end; an empty list for an unknown id."""
        with self._lock:
            return defaultdict(list, {event_id: list(events) for event_id, events in self._by_id.items()})

    def get_events(self, event_type: CBEventType | None = None) -> list[CBEvent]:
        """The records of ``event_type``, or all."""
        events = self.sequential_events
        return events if event_type is None else [event for event in events if event.event_type == event_type]

    def get_event_pairs(self, event_type: CBEventType | None = None) -> list[list[CBEvent]]:
        """The records of each event together, by the time of the first: ``[start, end]``, ``[start]`` while open."""
        pairs: dict[str, list[CBEvent]] = {}
        for event in self.get_events(event_type):
            pairs.setdefault(event.id_, []).append(event)
        return list(pairs.values())

    def get_llm_inputs_outputs(self) -> list[list[CBEvent]]:
        """The pairs of the model calls: what they were asked, and what they answered."""
        return self.get_event_pairs(CBEventType.LLM)

    def get_event_time_info(self, event_type: CBEventType | None = None) -> EventStats:
        """How long the events of ``event_type`` took, or all; an open event counts with 0 seconds."""
        pairs = self.get_event_pairs(event_type)
        total = sum(_seconds(pair) for pair in pairs)
        return EventStats(
            total_secs=total,
            average_secs=total / len(pairs) if pairs else 0.0,
            total_count=len(pairs),
        )

    def start_trace(self, trace_id: str | None = None) -> None:
        self._trace_id = trace_id
        self._trace_map = {}

    def end_trace(
        self,
        trace_id: str | None = None,
        trace_map: dict[str, list[str]] | None = None,
    ) -> None:
        self._trace_id = trace_id if trace_id is not None else self._trace_id
        self._trace_map = trace_map or {}
        if self.print_trace_on_end:
            self.print_trace_map()

    def print_trace_map(self) -> None:
        """Print the trace that ended last as a tree, with the seconds that each event took."""
        self._print("*" * 10)
        self._print(f"Trace: {self._trace_id}")
        by_id = self.events_pairs_by_id
        waiting = [(BASE_TRACE_EVENT, 1)]
        while waiting:
            event_id, level = waiting.pop()
            events = by_id.get(event_id)
            if events:
                took = f"{_seconds(events)} seconds" if len(events) > 1 else "still open"
                self._print(f"{'  ' * level}|_{events[0].event_type}{_label(events[0])} -> {took}")
            children = self._trace_map.get(event_id, [])
            waiting.extend((child, level + 1) for child in reversed(children))
        self._print("*" * 10)


def _seconds(events: Sequence[CBEvent]) -> float:
    """The time between the first and the last record of one event."""
    return (events[-1].clock_ns - events[0].clock_ns) / 1e9


def _label(event: CBEvent) -> str:
    """Which step or function an event of ours stands for, in parentheses; nothing for other events."""
    payload = event.payload or {}
    name = payload.get("step") or payload.get("name")
    return f" ({name})" if isinstance(name, str) else ""
