"""The debug handler pairs and times events, and prints traces."""

import logging
import re

import pytest

from stepwell.callbacks import CallbackManager, CBEventType, LlamaDebugHandler

QUERY, LLM, RETRIEVE = CBEventType.QUERY, CBEventType.LLM, CBEventType.RETRIEVE


def test_events_are_paired_and_timed() -> None:
    debug = LlamaDebugHandler(print_trace_on_end=False)
    manager = CallbackManager([debug])

    with manager.event(QUERY, {"a": 1}, event_id="q"):
        for _ in range(2):
            with manager.event(LLM):
                pass
    open_id = manager.on_event_start(LLM)

    assert [event.event_type for event in debug.get_events()] == [QUERY, LLM, LLM, LLM, LLM, QUERY, LLM]
    assert [len(pair) for pair in debug.get_event_pairs()] == [2, 2, 2, 1]
    assert debug.get_event_pairs(QUERY)[0][0].payload == {"a": 1}
    assert len(debug.get_llm_inputs_outputs()) == 3
    assert debug.events_pairs_by_id["unknown"] == []
    stats = debug.get_event_time_info(LLM)
    assert stats.total_count == 3
    assert stats.average_secs == pytest.approx(stats.total_secs / 3)
    assert debug.get_event_time_info(QUERY).total_secs >= stats.total_secs
    manager.on_event_end(LLM, event_id=open_id)


def test_a_type_that_did_not_occur_took_no_time() -> None:
    stats = LlamaDebugHandler().get_event_time_info(QUERY)

    assert (stats.total_secs, stats.average_secs, stats.total_count) == (0.0, 0.0, 0)


def test_a_flush_forgets_everything() -> None:
    debug = LlamaDebugHandler(print_trace_on_end=False)
    debug.on_event_start(QUERY, event_id="q")

    debug.flush_event_logs()

    assert debug.sequential_events == []
    assert debug.events_pairs_by_id == {}
    assert debug.event_pairs_by_type == {}


def test_a_trace_is_printed_as_a_tree_with_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    manager = CallbackManager([LlamaDebugHandler()])

    with manager.as_trace("query"), manager.event(QUERY):
        with manager.event(RETRIEVE), manager.event(LLM):
            pass
        with manager.event(LLM):
            pass

    lines = [re.sub(r"[\d.e-]+ seconds", "N seconds", line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "**********",
        "Trace: query",
        "    |_CBEventType.QUERY -> N seconds",
        "      |_CBEventType.RETRIEVE -> N seconds",
        "        |_CBEventType.LLM -> N seconds",
        "      |_CBEventType.LLM -> N seconds",
        "**********",
    ]


def test_steps_and_functions_are_printed_with_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    manager = CallbackManager([LlamaDebugHandler()])

    with manager.as_trace("run"), manager.event(CBEventType.AGENT_STEP, {"step": "draft"}):
        with manager.event(CBEventType.FUNCTION_CALL, {"name": "search"}):
            pass
        with manager.event(LLM, {"name": 7}):
            pass

    out = capsys.readouterr().out
    assert "|_CBEventType.AGENT_STEP (draft) -> " in out
    assert "|_CBEventType.FUNCTION_CALL (search) -> " in out
    assert "|_CBEventType.LLM -> " in out


def test_a_trace_is_printed_to_a_logger_if_there_is_one(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    manager = CallbackManager([LlamaDebugHandler(logger=logging.getLogger("mine"))])

    with caplog.at_level(logging.DEBUG, "mine"), manager.as_trace("query"):
        pass

    assert "Trace: query" in caplog.messages
    assert capsys.readouterr().out == ""


def test_a_trace_is_not_printed_unless_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    debug = LlamaDebugHandler(print_trace_on_end=False)

    with CallbackManager([debug]).as_trace("query"):
        pass

    assert capsys.readouterr().out == ""
