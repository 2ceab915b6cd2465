"""The recording handler keeps the latest calls."""

import pytest

from stepwell.callbacks import CallbackManager, CBEventType, RecordingHandler

LLM = CBEventType.LLM


def test_the_latest_calls_are_kept() -> None:
    recording = RecordingHandler(max_records=2)
    manager = CallbackManager([recording])

    with manager.as_trace("query"), manager.event(LLM):
        pass

    assert recording.story == ["-llm", "]query"]


def test_the_payload_of_a_call_that_did_not_come_is_an_error() -> None:
    with pytest.raises(KeyError, match="end llm"):
        RecordingHandler().payload_of("end", "llm")
