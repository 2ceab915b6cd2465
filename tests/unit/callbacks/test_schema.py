"""The words of the interface are those that handlers compare with, print and use as keys."""

import dataclasses
import pickle

from stepwell.callbacks import (
    BASE_TRACE_EVENT,
    LEAF_EVENTS,
    TIMESTAMP_FORMAT,
    CBEvent,
    CBEventType,
    EventPayload,
    EventStats,
)


def test_there_are_fourteen_event_types_and_twenty_two_payload_keys() -> None:
    assert {member.value for member in CBEventType} == {
        "chunking",
        "node_parsing",
        "embedding",
        "llm",
        "query",
        "retrieve",
        "synthesize",
        "tree",
        "sub_question",
        "templating",
        "function_call",
        "reranking",
        "exception",
        "agent_step",
    }
    assert len(EventPayload) == 22
    assert LEAF_EVENTS == (CBEventType.CHUNKING, CBEventType.LLM, CBEventType.EMBEDDING)
    assert BASE_TRACE_EVENT == "root"
    assert TIMESTAMP_FORMAT == "%m/%d/%Y, %H:%M:%S.%f"


def test_members_and_their_values_are_the_same_key() -> None:
    payload = {EventPayload.CHUNKS: 1, "nodes": 2}

    assert payload["chunks"] == 1
    assert payload[EventPayload.NODES] == 2
    assert CBEventType("llm") is CBEventType.LLM
    assert pickle.loads(pickle.dumps(CBEventType.LLM)) is CBEventType.LLM


def test_a_type_prints_with_the_name_of_its_class() -> None:
    assert str(CBEventType.LLM) == "CBEventType.LLM"
    assert str(EventPayload.PROMPT) == "EventPayload.PROMPT"


def test_a_record_has_an_id_and_a_readable_time() -> None:
    record = CBEvent(CBEventType.LLM)

    assert record.id == record.id_ != ""
    assert len(record.time) == len("01/01/1970, 00:00:00.000000")
    assert record.time == record.time


def test_a_record_keeps_the_time_and_the_id_it_is_given() -> None:
    record = CBEvent(CBEventType.LLM, {"a": 1}, "01/01/1970, 00:00:00.000000", "mine")

    assert (record.time, record.id_) == ("01/01/1970, 00:00:00.000000", "mine")
    assert record == CBEvent(CBEventType.LLM, {"a": 1}, "01/01/1970, 00:00:00.000000", "mine")
    assert [field.name for field in dataclasses.fields(record) if field.init] == [
        "event_type",
        "payload",
        "time",
        "id_",
    ]


def test_stats_are_three_numbers() -> None:
    assert dataclasses.astuple(EventStats(2.0, 1.0, 2)) == (2.0, 1.0, 2)
