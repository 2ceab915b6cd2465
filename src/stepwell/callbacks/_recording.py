"""RecordingHandler: keeps what it is told, in order, for tests and for looking at a program."""

from collections import deque
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

from stepwell.callbacks._handler import BaseCallbackHandler
from stepwell.callbacks._schema import CBEventType
from stepwell.errors import CallbackArgumentError

DEFAULT_MAX_RECORDS: Final = 10_000

_SIGNS: Final = {"start": "+", "update": "~", "end": "-", "start_trace": "[", "end_trace": "]"}


class CallbackRecord(NamedTuple):
    """One call of a handler: ``name`` is the value of the event type, or the name of the trace."""

    what: Literal["start", "update", "end", "start_trace", "end_trace"]
    name: str
    event_id: str = ""
    parent_id: str = ""
    payload: dict[str, Any] | None = None
    trace_map: dict[str, list[str]] | None = None


class RecordingHandler(BaseCallbackHandler):
    """Keeps the latest ``max_records`` calls."""

    def __init__(
        self,
        event_starts_to_ignore: Sequence[CBEventType] = (),
        event_ends_to_ignore: Sequence[CBEventType] = (),
        *,
        max_records: int = DEFAULT_MAX_RECORDS,
    ) -> None:
        super().__init__(event_starts_to_ignore, event_ends_to_ignore)
        if type(max_records) is not int or not 0 <= max_records < 2**31:
            raise CallbackArgumentError(argument="max_records", expected="an integer, 0 or more,", value=max_records)
        self._records: deque[CallbackRecord] = deque(maxlen=max_records)

    @property
    def records(self) -> list[CallbackRecord]:
        """The calls, in order."""
        return list(self._records)

    @property
    def story(self) -> list[str]:
        """The calls in short: ``"[query"``, ``"+llm"``, ``"~llm"``, ``"-llm"``, ``"]query"``."""
        return [_SIGNS[record.what] + record.name for record in self._records]

    @property
    def parents(self) -> dict[str, str]:
        """The id of the parent of each event that started."""
        return {record.event_id: record.parent_id for record in self._records if record.what == "start"}

    def payload_of(self, what: str, name: str) -> dict[str, Any] | None:
        """The payload of the latest call of this kind for the event type with this value; KeyError if none came."""
        payloads = [record.payload for record in self.records if (record.what, record.name) == (what, name)]
        if not payloads:
            raise KeyError(f"{what} {name}")
        return payloads[-1]

    def on_event_start(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str = "",
        parent_id: str = "",
        **kwargs: Any,
    ) -> str:
        self._records.append(CallbackRecord("start", event_type.value, event_id, parent_id, payload))
        return event_id

    def on_event_update(self, event_type: CBEventType, payload: dict[str, Any], event_id: str = "") -> None:
        """Keep what was learnt about an open event."""
        self._records.append(CallbackRecord("update", event_type.value, event_id, payload=payload))

    def on_event_end(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str = "",
        **kwargs: Any,
    ) -> None:
        self._records.append(CallbackRecord("end", event_type.value, event_id, payload=payload))

    def start_trace(self, trace_id: str | None = None) -> None:
        self._records.append(CallbackRecord("start_trace", trace_id or ""))

    def end_trace(
        self,
        trace_id: str | None = None,
        trace_map: dict[str, list[str]] | None = None,
    ) -> None:
        kept = {event_id: list(children) for event_id, children in (trace_map or {}).items()}
        self._records.append(CallbackRecord("end_trace", trace_id or "", trace_map=kept))
