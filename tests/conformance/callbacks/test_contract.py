"""What handlers written for the peer rely on, learnt from real ones; each is a promise of ours too."""

import contextvars
from collections.abc import Iterator
from typing import Any

from stepwell.callbacks import BaseCallbackHandler, CallbackManager, CBEventType, EventPayload, RecordingHandler

QUERY, LLM = CBEventType.QUERY, CBEventType.LLM


def test_handlers_run_in_the_context_of_the_caller() -> None:
    """One sets a context variable at the start of a trace and reads it at the events; the program may read it too."""
    root: contextvars.ContextVar[str] = contextvars.ContextVar("root", default="none")

    class Setting(RecordingHandler):
        def start_trace(self, trace_id: str | None = None) -> None:
            root.set(f"span of {trace_id}")

        def on_event_start(self, *args: Any, **kwargs: Any) -> str:
            self.seen = root.get()
            return ""

    setting = Setting()
    manager = CallbackManager([setting])

    with manager.as_trace("query"), manager.event(QUERY):
        in_the_program = root.get()

    assert setting.seen == in_the_program == "span of query"


def test_the_map_at_the_end_of_a_trace_answers_for_unknown_ids_and_begins_at_the_root() -> None:
    class Indexing(RecordingHandler):
        def end_trace(self, trace_id: str | None = None, trace_map: dict[str, list[str]] | None = None) -> None:
            assert trace_map is not None
            self.first = next(iter(trace_map))
            self.unknown = trace_map["unknown"]

    indexing = Indexing()

    with (manager := CallbackManager([indexing])).as_trace("query"), manager.event(QUERY):
        pass

    assert (indexing.first, indexing.unknown) == ("root", [])


def test_the_map_of_a_trace_without_events_is_empty() -> None:
    recording = RecordingHandler()

    with CallbackManager([recording]).as_trace("query"):
        pass

    assert recording.records[-1].trace_map == {}


def test_types_can_be_compared_by_identity_by_value_and_as_text() -> None:
    class Comparing(RecordingHandler):
        def on_event_start(self, event_type: CBEventType, *args: Any, **kwargs: Any) -> str:
            self.same = (event_type is QUERY, event_type.value == "query", event_type == "query", str(event_type))
            return ""

    comparing = Comparing()

    with CallbackManager([comparing]).event("query"):  # type: ignore[arg-type] # as its value
        pass

    assert comparing.same == (True, True, True, "CBEventType.QUERY")


def test_a_handler_may_have_slots_and_call_its_base_late() -> None:
    class Slotted(BaseCallbackHandler):
        __slots__ = ("told",)

        def __init__(self, manager: CallbackManager) -> None:
            self.told = 0
            manager.add_handler(self)
            manager.on_event_start(LLM)
            super().__init__([], [])

        def on_event_start(self, *args: Any, **kwargs: Any) -> str:
            self.told += 1
            return ""

        def on_event_end(self, *args: Any, **kwargs: Any) -> None:
            self.told += 1

        def start_trace(self, trace_id: str | None = None) -> None:
            return

        def end_trace(self, trace_id: str | None = None, trace_map: Any = None) -> None:
            return

    manager = CallbackManager([])
    slotted = Slotted(manager)
    manager.on_event_end(LLM)

    assert slotted.told == 2
    assert manager.stats.handler_errors == 0


def test_a_handler_may_wrap_the_live_response() -> None:
    class Response:
        def __init__(self, words: Iterator[str]) -> None:
            self.words = words

    class Wrapping(RecordingHandler):
        def on_event_end(self, event_type: CBEventType, payload: Any = None, *args: Any, **kwargs: Any) -> None:
            response = payload[EventPayload.RESPONSE]
            response.words = (word.upper() for word in response.words)

    response = Response(iter(["a", "b"]))
    with CallbackManager([Wrapping()]).event(LLM) as event:
        event.on_end({EventPayload.RESPONSE: response})

    assert list(response.words) == ["A", "B"]


def test_an_end_may_come_after_the_end_of_its_trace() -> None:
    recording = RecordingHandler()
    manager = CallbackManager([recording])
    manager.start_trace("query")
    event_id = manager.on_event_start(LLM)
    manager.end_trace("query")

    manager.on_event_end(LLM, {"late": True}, event_id)

    assert recording.story == ["[query", "+llm", "]query", "-llm"]


def test_handlers_are_told_in_the_order_of_the_list_each_before_the_next() -> None:
    order: list[str] = []

    class Named(RecordingHandler):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def on_event_start(self, *args: Any, **kwargs: Any) -> str:
            order.append(self.name)
            return ""

    CallbackManager([Named("a"), Named("b"), Named("c")]).on_event_start(LLM)

    assert order == ["a", "b", "c"]
