"""Handlers that print."""

import logging

import pytest

from stepwell.callbacks import (
    CallbackManager,
    CBEventType,
    EventPayload,
    LlamaDebugHandler,
    SimpleLLMHandler,
)

LLM = CBEventType.LLM


def tell(handler: SimpleLLMHandler, payload: dict[str, object] | None, event_type: CBEventType = LLM) -> None:
    manager = CallbackManager([handler])
    with manager.as_trace("query"), manager.event(event_type) as event:
        event.on_end(payload)


def test_a_completion_is_printed_with_its_prompt(capsys: pytest.CaptureFixture[str]) -> None:
    tell(SimpleLLMHandler(), {EventPayload.PROMPT: "why", EventPayload.COMPLETION: "because"})

    out = capsys.readouterr().out
    assert out.index("** Prompt: **\nwhy") < out.index("** Completion: **\nbecause")


def test_a_chat_is_printed_with_its_messages_and_its_failure(capsys: pytest.CaptureFixture[str]) -> None:
    tell(SimpleLLMHandler(), {EventPayload.MESSAGES: ["user: why"], EventPayload.EXCEPTION: ValueError("no")})

    out = capsys.readouterr().out
    assert "** Messages: **\nuser: why" in out
    assert "** Failed: **\nValueError('no')" in out


def test_other_events_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    tell(SimpleLLMHandler(), {EventPayload.PROMPT: "why"}, CBEventType.QUERY)
    tell(SimpleLLMHandler(), None)

    assert capsys.readouterr().out == ""


def test_a_logger_takes_what_would_be_printed(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "mine"):
        tell(SimpleLLMHandler(logger=logging.getLogger("mine")), {EventPayload.PROMPT: "why"})

    assert "** Prompt: **\nwhy" in caplog.messages
    assert capsys.readouterr().out == ""


def test_handlers_keep_what_to_ignore_as_tuples() -> None:
    debug = LlamaDebugHandler([LLM], [LLM, CBEventType.QUERY])

    assert debug.event_starts_to_ignore == (LLM,)
    assert debug.event_ends_to_ignore == (LLM, CBEventType.QUERY)
