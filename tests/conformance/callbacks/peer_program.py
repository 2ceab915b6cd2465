"""A program on llama-index-core, offline, that prints the callbacks its handlers see, one JSON object.

Run by test_differential.py in an environment that has llama-index-core: by Python, so that the library is on its own
base of callbacks, and by ``python -m stepwell.compat --only callbacks``, which puts stepwell's in its place. Ids are
replaced by the order of their first appearance, payloads by their keys and the types of values. What the library does
in threads of its own (``stream_chat``) comes in any order, and so is left out.
"""

# mypy: ignore-errors
# The peer is in the environment that runs this, not in the one that checks it.

import asyncio
import contextvars
import json
import sys
from collections.abc import Callable
from typing import Any

import llama_index.core as core
from llama_index.core import Document, Settings, SummaryIndex, VectorStoreIndex
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler, TokenCountingHandler
from llama_index.core.callbacks.base import BaseCallbackHandler
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.llms import ChatMessage, CompletionResponse, MockLLM
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.node_parser import SentenceSplitter


class Failing(MockLLM):
    """A model whose server is down."""

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        raise ConnectionError("no server")


class Watcher(BaseCallbackHandler):
    """Writes down what it sees, with ids numbered by their first appearance."""

    def __init__(self) -> None:
        super().__init__([], [])
        self.seen: list[Any] = []
        self.numbers: dict[str, int] = {"root": 0}

    def number(self, event_id: str) -> int:
        return self.numbers.setdefault(event_id, len(self.numbers))

    def shape(self, payload: dict[str, Any] | None) -> Any:
        if payload is None:
            return None
        return sorted([str(getattr(key, "value", key)), type(value).__name__] for key, value in payload.items())

    def on_event_start(
        self, event_type: Any, payload: Any = None, event_id: str = "", parent_id: str = "", **kwargs: Any
    ) -> str:
        self.seen.append(
            ["start", event_type.value, self.number(event_id), self.number(parent_id), self.shape(payload)]
        )
        return event_id

    def on_event_end(self, event_type: Any, payload: Any = None, event_id: str = "", **kwargs: Any) -> None:
        self.seen.append(["end", event_type.value, self.number(event_id), self.shape(payload)])

    def start_trace(self, trace_id: str | None = None) -> None:
        self.seen.append(["start_trace", trace_id])

    def end_trace(self, trace_id: str | None = None, trace_map: Any = None) -> None:
        numbered = {
            self.number(parent): [self.number(child) for child in children] for parent, children in trace_map.items()
        }
        self.seen.append(["end_trace", trace_id, numbered])


# Mock embeddings are all alike: fewer nodes would be different ones each time.
EVERYTHING = 50

TEXTS = ["The stepwell of Chand Baori has 3,500 steps. " * 40, "Water is drawn from below. " * 40]


def build(index_type: Any) -> Any:
    return index_type.from_documents(
        [Document(text=text) for text in TEXTS], transformations=[SentenceSplitter(chunk_size=128, chunk_overlap=8)]
    )


def build_and_query() -> None:
    build(VectorStoreIndex).as_query_engine(similarity_top_k=EVERYTHING).query("How many steps?")


def query_as_a_stream() -> None:
    response = (
        build(VectorStoreIndex).as_query_engine(streaming=True, similarity_top_k=EVERYTHING).query("How many steps?")
    )
    list(response.response_gen)


def query_asynchronously() -> None:
    engine = build(VectorStoreIndex).as_query_engine(similarity_top_k=EVERYTHING)
    asyncio.run(engine.aquery("How many steps?"))


def summarize_as_a_tree() -> None:
    engine = build(SummaryIndex).as_query_engine(response_mode="tree_summarize")
    engine.query("What is it about?")


def refine_an_answer() -> None:
    build(SummaryIndex).as_query_engine(response_mode="refine").query("What is it about?")


def chat() -> None:
    engine = SimpleChatEngine.from_defaults()
    engine.chat("Hello")
    engine.chat("Again")


def chat_about_documents() -> None:
    engine = build(VectorStoreIndex).as_chat_engine(chat_mode="context", similarity_top_k=EVERYTHING)
    engine.chat("How many steps?")
    engine.chat("And how deep?")


def call_the_model_alone() -> None:
    Settings.llm.complete("one")
    list(Settings.llm.stream_complete("two"))
    Settings.llm.chat([ChatMessage(content="three")])


def fail_in_a_query() -> None:
    Settings.llm = Failing()
    engine = build(VectorStoreIndex).as_query_engine(similarity_top_k=EVERYTHING)
    try:
        engine.query("How many steps?")
    except ConnectionError:
        return
    raise AssertionError("the query did not fail")


def embed() -> None:
    Settings.embed_model.get_text_embedding_batch(["a", "b", "c"])
    Settings.embed_model.get_query_embedding("d")


SCENARIOS: list[Callable[[], None]] = [
    build_and_query,
    query_as_a_stream,
    query_asynchronously,
    summarize_as_a_tree,
    refine_an_answer,
    chat,
    chat_about_documents,
    call_the_model_alone,
    fail_in_a_query,
    embed,
]


def observe(scenario: Callable[[], None]) -> dict[str, Any]:
    watcher = Watcher()
    debug = LlamaDebugHandler(print_trace_on_end=False)
    tokens = TokenCountingHandler()
    Settings.callback_manager = CallbackManager([watcher, debug, tokens])
    Settings.llm = MockLLM(max_tokens=8)
    Settings.embed_model = MockEmbedding(embed_dim=4)
    scenario()
    return {
        "seen": watcher.seen,
        "debug": [[event.event_type.value for event in pair] for pair in debug.get_event_pairs()],
        "llm_pairs": len(debug.get_event_pairs(CBEventType.LLM)),
        "tokens": [
            tokens.prompt_llm_token_count,
            tokens.completion_llm_token_count,
            tokens.total_embedding_token_count,
        ],
    }


if __name__ == "__main__":
    # Each in a context of its own: what one leaves on the library's stack would be the next one's parent.
    results = {scenario.__name__: contextvars.Context().run(observe, scenario) for scenario in SCENARIOS}
    base = Settings.callback_manager.__class__.__module__
    json.dump({"version": core.__version__, "base": base, "results": results}, sys.stdout)
