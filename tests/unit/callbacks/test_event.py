"""An event as a context manager: what is added, streamed and refused while it is open."""

from typing import Any

import pytest

from stepwell.callbacks import CallbackManager, CBEventType, EventContext, EventPayload, RecordingHandler, current_span
from stepwell.errors import CallbackVeto

LLM, QUERY = CBEventType.LLM, CBEventType.QUERY


@pytest.fixture
def recording() -> RecordingHandler:
    return RecordingHandler()


@pytest.fixture
def manager(recording: RecordingHandler) -> CallbackManager:
    return CallbackManager([recording])


def test_an_event_ends_once(manager: CallbackManager, recording: RecordingHandler) -> None:
    with manager.event(QUERY, {"a": 1}, event_id="q") as event:
        event.on_end({"b": 2})
        event.on_end({"c": 3})

    assert (event.started, event.finished, event.event_id) == (True, True, "q")
    assert [record.payload for record in recording.records] == [{"a": 1}, {"b": 2}]


def test_an_event_can_be_made_without_a_with_block(manager: CallbackManager, recording: RecordingHandler) -> None:
    event = EventContext(manager, QUERY)

    event.on_start({"a": 1}, parent_id="elsewhere")
    event.on_end({"b": 2})

    assert recording.story == ["+query", "-query"]
    assert recording.parents == {event._event_id: "elsewhere"}
    assert current_span() is None


def test_an_end_of_an_event_that_did_not_start_is_counted(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    EventContext(manager, QUERY).on_end({"b": 2})

    assert recording.story == ["-query"]
    assert manager.stats.unmatched_ends == 1


def test_a_failure_can_be_told_without_raising_it(manager: CallbackManager, recording: RecordingHandler) -> None:
    failure = ValueError("mine")
    event = manager.event(QUERY)
    event.on_start()

    event.fail(failure)

    assert recording.payload_of("end", "query") == {EventPayload.EXCEPTION: failure}


def test_the_chunks_of_a_stream_are_counted_and_timed(manager: CallbackManager, recording: RecordingHandler) -> None:
    with manager.event(LLM) as event:
        event.on_chunk()
        event.on_chunk("word")
        event.on_chunk(7)
        event.on_end({EventPayload.COMPLETION: "word"})

    payload = recording.payload_of("end", "llm")
    assert payload is not None
    assert event.span is not None
    stream = event.span.stream
    assert stream is not None
    assert (stream.chunks, stream.tokens, stream.first_tokens) == (3, 8, 0)
    assert payload[EventPayload.COMPLETION] == "word"
    assert payload["chunk_count"] == 3
    assert payload["tokens_per_second"] == pytest.approx(8e9 / (stream.last_ns - stream.first_ns))
    assert payload["time_to_first_chunk"] == pytest.approx((stream.first_ns - event.span.started_ns) / 1e9)


def test_an_event_without_chunks_has_no_figures_of_a_stream(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    with manager.event(LLM):
        pass

    assert recording.payload_of("end", "llm") is None


def test_updates_about_chunks_are_few(manager: CallbackManager, recording: RecordingHandler) -> None:
    with manager.event(LLM) as event:
        for _ in range(1_000):
            event.on_chunk("x")

    assert 1 <= recording.story.count("~llm") < 100


def test_chunks_cost_nothing_and_say_nothing_without_handlers() -> None:
    with CallbackManager([]).event(LLM) as event:
        event.on_chunk("x")
        assert event.span is not None
        assert event.span.stream is None


def test_a_handler_that_fails_at_an_update_disturbs_nothing() -> None:
    class Failing(RecordingHandler):
        def on_event_update(self, *args: Any, **kwargs: Any) -> None:
            raise RuntimeError

    failing = Failing()
    manager = CallbackManager([failing])

    with manager.event(LLM) as event:
        event.on_chunk("x")

    assert failing.story == ["+llm", "-llm"]
    assert manager.stats.handler_errors == 1


def test_a_veto_at_an_update_stops_nothing_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Guard(RecordingHandler):
        def on_event_update(self, *args: Any, **kwargs: Any) -> None:
            raise CallbackVeto("too late")

    with CallbackManager([Guard()]).event(LLM) as event:
        event.on_chunk("x")

    assert "too late" in caplog.text


def test_updates_pass_through_a_manager_that_is_a_handler(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    with CallbackManager([manager]).event(LLM) as event:
        event.on_start({"late": 1})

    assert recording.payload_of("update", "llm") == {"late": 1}


def test_what_is_added_after_the_end_is_too_late(manager: CallbackManager, recording: RecordingHandler) -> None:
    with manager.event(LLM) as event:
        pass
    event.on_start({"late": 1})
    event.on_chunk("late")

    assert recording.story == ["+llm", "-llm"]


def test_an_event_that_fails_to_start_is_over() -> None:
    class Guard(RecordingHandler):
        def on_event_start(self, *args: Any, **kwargs: Any) -> str:
            raise CallbackVeto("no")

    event = CallbackManager([Guard()]).event(LLM)

    with pytest.raises(CallbackVeto):
        event.on_start()
    event.on_end()

    assert event.finished
