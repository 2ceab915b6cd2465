"""Tokens are counted as the server counts them, else as the tokenizer does; and a budget holds."""

import sys
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

from stepwell.callbacks import (
    CallbackManager,
    CBEventType,
    EventPayload,
    RecordingHandler,
    TokenCounter,
    TokenCountingHandler,
    get_llm_token_counts,
    get_tokens_from_response,
)
from stepwell.callbacks import _tokens as tokens_module
from stepwell.callbacks._usage import read_usage
from stepwell.errors import TokenBudgetError

LLM, EMBEDDING, QUERY = CBEventType.LLM, CBEventType.EMBEDDING, CBEventType.QUERY


class OpenAIUsage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: dict[str, int]


@dataclass
class HouseUsage:
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (SimpleNamespace(usage=HouseUsage(10, 5, 4)), (10, 5, 4)),
        (
            SimpleNamespace(
                raw=SimpleNamespace(
                    usage=OpenAIUsage(prompt_tokens=10, completion_tokens=5, prompt_tokens_details={"cached_tokens": 4})
                )
            ),
            (10, 5, 4),
        ),
        (SimpleNamespace(raw={"usage": {"prompt_tokens": 10, "completion_tokens": 5}}), (10, 5, 0)),
        (
            SimpleNamespace(
                raw={
                    "usage": {
                        "input_tokens": 3,
                        "cache_read_input_tokens": 20_000,
                        "cache_creation_input_tokens": 7,
                        "output_tokens": 5,
                    }
                }
            ),
            (20_010, 5, 20_000),
        ),
        (
            SimpleNamespace(
                raw={
                    "usage": {
                        "input_tokens": 10,
                        "input_tokens_details": {"cached_tokens": 4},
                        "output_tokens": 5,
                    }
                }
            ),
            (10, 5, 4),
        ),
        (
            SimpleNamespace(raw={"usage": {"prompt_tokens": 10, "cache_read_input_tokens": 4, "completion_tokens": 5}}),
            (10, 5, 4),
        ),
        (
            SimpleNamespace(raw={"usage": {"inputTokens": 3, "cacheReadInputTokens": 4, "outputTokens": 5}}),
            (7, 5, 4),
        ),
        (
            SimpleNamespace(
                raw={
                    "usage_metadata": {
                        "prompt_token_count": 10,
                        "cached_content_token_count": 4,
                        "candidates_token_count": 5,
                        "thoughts_token_count": 2,
                    }
                }
            ),
            (10, 7, 4),
        ),
        (
            SimpleNamespace(raw=None, additional_kwargs={"prompt_tokens": 10, "completion_tokens": 5}),
            (10, 5, 0),
        ),
        (SimpleNamespace(raw={"usage": None}), (0, 0, 0)),
        ("text", (0, 0, 0)),
    ],
)
def test_what_servers_count_is_read_in_their_words(response: Any, expected: tuple[int, int, int]) -> None:
    assert read_usage(response) == expected
    assert get_tokens_from_response(response) == expected[:2]


def test_without_a_servers_count_the_tokenizer_counts() -> None:
    record = get_llm_token_counts(TokenCounter(str.split), {"formatted_prompt": "a b c", "completion": "d e"}, "l")

    assert (record.prompt_token_count, record.completion_token_count, record.total_token_count) == (3, 2, 5)
    assert (record.prompt, record.completion, record.event_id, record.is_estimated) == ("a b c", "d e", "l", True)


def test_messages_count_with_their_roles_and_frames() -> None:
    messages = [SimpleNamespace(role="user", content="a b", additional_kwargs={"tool_calls": ["c d e"]})]

    record = get_llm_token_counts(
        TokenCounter(str.split), {EventPayload.MESSAGES: messages, EventPayload.RESPONSE: "f"}, "l"
    )

    assert record.prompt_token_count == 1 + 2 + 3 + 3
    assert record.completion_token_count == 1


def test_a_payload_without_a_call_has_no_tokens() -> None:
    record = get_llm_token_counts(TokenCounter(str.split), {"else": 1})

    assert (record.total_token_count, record.is_estimated) == (0, False)


def test_calls_and_embeddings_are_counted_and_can_be_counted_anew() -> None:
    tokens = TokenCountingHandler(tokenizer=str.split)
    manager = CallbackManager([tokens])

    with manager.event(LLM) as call:
        call.on_end({EventPayload.PROMPT: "a b c", EventPayload.COMPLETION: "d e"})
    with manager.event(EMBEDDING) as embedding:
        embedding.on_end({EventPayload.CHUNKS: ["a b", "c"]})

    counts = (
        tokens.prompt_llm_token_count,
        tokens.completion_llm_token_count,
        tokens.total_llm_token_count,
        tokens.total_embedding_token_count,
    )
    assert counts == (3, 2, 5, 3)
    assert [len(tokens.llm_token_counts), len(tokens.embedding_token_counts)] == [1, 2]
    tokens.reset_counts()
    assert tokens.total_llm_token_count == tokens.total_embedding_token_count == 0
    assert tokens.llm_token_counts == tokens.embedding_token_counts == []


def test_a_failed_call_with_a_partial_answer_counts() -> None:
    tokens = TokenCountingHandler(tokenizer=str.split)

    tokens.on_event_end(
        LLM, {EventPayload.PROMPT: "a b", EventPayload.COMPLETION: "c", EventPayload.EXCEPTION: ValueError()}
    )

    assert tokens.total_llm_token_count == 3


def test_ignored_and_other_events_are_not_counted() -> None:
    tokens = TokenCountingHandler(tokenizer=str.split, event_ends_to_ignore=[LLM])

    tokens.on_event_end(LLM, {EventPayload.PROMPT: "a b"})
    tokens.on_event_end(QUERY, {EventPayload.PROMPT: "a b"})
    tokens.on_event_end(EMBEDDING, None)

    assert tokens.total_llm_token_count == 0


def test_a_budget_stops_the_program_from_the_call_that_exceeds_it_on() -> None:
    tokens, recording = TokenCountingHandler(tokenizer=str.split, token_budget=4), RecordingHandler()
    manager = CallbackManager([tokens, recording])

    with manager.event(LLM) as call:
        call.on_end({EventPayload.PROMPT: "a b", EventPayload.COMPLETION: "c d"})
    with pytest.raises(ValueError, match="Token budget exceeded! Limit: 4, Current: 5"), manager.event(LLM) as call:
        call.on_end({EventPayload.PROMPT: "a"})
    with pytest.raises(TokenBudgetError) as refused, manager.event(QUERY):
        pytest.fail("the body ran")

    assert (refused.value.limit, refused.value.current) == (4, 5)
    assert recording.story == ["+llm", "-llm", "+llm", "-llm", "+query", "-query"]
    tokens.reset_counts()
    with manager.event(QUERY):
        pass


def test_the_lists_are_bounded_and_the_totals_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens_module, "MAX_RECORDS", 100)
    tokens = TokenCountingHandler(tokenizer=str.split)

    for _ in range(1_000):
        tokens.on_event_end(LLM, {EventPayload.PROMPT: "a"})

    assert len(tokens.llm_token_counts) <= 100
    assert tokens.total_llm_token_count == 1_000


def test_it_says_what_it_counts_if_asked_to(capsys: pytest.CaptureFixture[str]) -> None:
    tokens = TokenCountingHandler(tokenizer=str.split, verbose=True)

    tokens.on_event_end(LLM, {EventPayload.PROMPT: "a b", EventPayload.COMPLETION: "c"})
    tokens.on_event_end(EMBEDDING, {EventPayload.CHUNKS: ["a b"]})

    assert capsys.readouterr().out.splitlines() == [
        "LLM Prompt Token Usage: 2",
        "LLM Completion Token Usage: 1",
        "Embedding Token Usage: 2",
    ]


def test_without_tiktoken_four_characters_are_a_token_and_a_log_record_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    counter = TokenCounter()

    assert [counter.get_string_tokens(text) for text in ("", "a", "abcd", "abcde")] == [0, 1, 1, 2]
    assert len(caplog.records) == 1
    assert "tiktoken" in caplog.text


def test_with_tiktoken_its_encoding_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    encoding = SimpleNamespace(encode=lambda text, disallowed_special: list(text))
    monkeypatch.setitem(sys.modules, "tiktoken", SimpleNamespace(get_encoding=lambda name: encoding))

    assert TokenCounter().get_string_tokens("abc") == 3
