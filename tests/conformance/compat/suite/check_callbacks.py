"""The callback classes of the core, by the peer's names only."""

# mypy: ignore-errors

import asyncio
from datetime import datetime

import llama_index.core
import pytest
from llama_index.core import Settings, set_global_handler
from llama_index.core.callbacks import (
    CallbackManager,
    CBEvent,
    CBEventType,
    EventPayload,
    LlamaDebugHandler,
    TokenCountingHandler,
    trace_method,
)
from llama_index.core.callbacks.base import BaseCallbackHandler, EventContext
from llama_index.core.callbacks.base_handler import BaseCallbackHandler as HandlerOfItsModule
from llama_index.core.callbacks.global_handlers import create_global_handler
from llama_index.core.callbacks.schema import BASE_TRACE_EVENT, LEAF_EVENTS, TIMESTAMP_FORMAT, EventStats
from llama_index.core.callbacks.simple_llm_handler import SimpleLLMHandler
from llama_index.core.callbacks.token_counting import TokenCountingEvent
from llama_index.core.callbacks.utils import trace_method as trace_method_of_its_module
from llama_index.core.llms import ChatMessage, CompletionResponse
from llama_index.core.settings import Settings as SettingsOfItsModule


class Watcher(BaseCallbackHandler):
    def __init__(self):
        super().__init__(event_starts_to_ignore=[], event_ends_to_ignore=[])
        self.seen = []

    def on_event_start(self, event_type, payload=None, event_id="", parent_id="", **kwargs):
        self.seen.append(("start", event_type.value, parent_id == BASE_TRACE_EVENT, payload))
        return event_id

    def on_event_end(self, event_type, payload=None, event_id="", **kwargs):
        self.seen.append(("end", event_type.value, payload))

    def start_trace(self, trace_id=None):
        self.seen.append(("start_trace", trace_id))

    def end_trace(self, trace_id=None, trace_map=None):
        self.seen.append(("end_trace", trace_id, next(iter(trace_map), None)))


def test_the_names_lead_to_one_class_each():
    assert HandlerOfItsModule is BaseCallbackHandler
    assert SettingsOfItsModule is Settings
    assert trace_method_of_its_module is trace_method
    assert issubclass(LlamaDebugHandler, BaseCallbackHandler)
    assert LEAF_EVENTS == (CBEventType.CHUNKING, CBEventType.LLM, CBEventType.EMBEDDING)


def test_events_and_payloads_are_words():
    assert CBEventType.LLM == "llm"
    assert CBEventType("agent_step") is CBEventType.AGENT_STEP
    assert str(CBEventType.LLM) == "CBEventType.LLM"
    assert EventPayload.PROMPT == "formatted_prompt"
    assert len(CBEventType) == 14


def test_an_event_has_a_type_a_payload_and_a_time():
    event = CBEvent(CBEventType.QUERY, payload={"a": 1}, id_="mine")

    assert event.event_type is CBEventType.QUERY
    assert event.payload == {"a": 1}
    assert event.id_ == "mine"
    assert datetime.strptime(event.time, TIMESTAMP_FORMAT).year >= 2024  # noqa: DTZ007  # as it is written


def test_a_block_tells_handlers_of_its_start_and_end():
    watcher = Watcher()
    manager = CallbackManager([watcher])

    asked = {EventPayload.QUERY_STR: "?"}
    with manager.as_trace("query"), manager.event(CBEventType.QUERY, payload=asked) as event:
        assert isinstance(event, EventContext)
        with manager.event(CBEventType.LLM, payload={EventPayload.PROMPT: "p"}) as inner:
            inner.on_end(payload={EventPayload.COMPLETION: "c"})
        event.on_end(payload={EventPayload.RESPONSE: "!"})

    assert watcher.seen == [
        ("start_trace", "query"),
        ("start", "query", True, {EventPayload.QUERY_STR: "?"}),
        ("start", "llm", False, {EventPayload.PROMPT: "p"}),
        ("end", "llm", {EventPayload.COMPLETION: "c"}),
        ("end", "query", {EventPayload.RESPONSE: "!"}),
        ("end_trace", "query", "root"),
    ]


def test_events_are_started_and_ended_by_hand():
    watcher = Watcher()
    manager = CallbackManager([watcher])

    event_id = manager.on_event_start(CBEventType.RETRIEVE, payload={"a": 1}, event_id="mine")
    manager.on_event_end(CBEventType.RETRIEVE, payload={"b": 2}, event_id=event_id)

    assert event_id == "mine"
    assert [one[:2] for one in watcher.seen] == [("start", "retrieve"), ("end", "retrieve")]


def test_the_exception_of_a_block_is_in_the_payload_of_its_end():
    watcher = Watcher()
    manager = CallbackManager([watcher])
    failure = KeyError("x")

    with pytest.raises(KeyError), manager.event(CBEventType.QUERY):
        raise failure

    assert watcher.seen[-1] == ("end", "query", {EventPayload.EXCEPTION: failure})


def test_a_handler_ignores_what_it_says_it_ignores():
    class Deaf(Watcher):
        def __init__(self):
            super().__init__()
            self.event_starts_to_ignore = (CBEventType.LLM,)
            self.event_ends_to_ignore = (CBEventType.QUERY,)

    deaf = Deaf()
    manager = CallbackManager([deaf])

    with manager.event(CBEventType.QUERY), manager.event(CBEventType.LLM):
        pass

    assert [one[:2] for one in deaf.seen] == [("start", "query"), ("end", "llm")]


def test_handlers_are_added_removed_and_replaced():
    one, two = Watcher(), Watcher()
    manager = CallbackManager([one])

    manager.add_handler(two)
    assert list(manager.handlers) == [one, two]
    manager.remove_handler(one)
    assert list(manager.handlers) == [two]
    manager.set_handlers([one])
    assert list(manager.handlers) == [one]


def test_the_debug_handler_keeps_pairs_and_times():
    debug = LlamaDebugHandler(print_trace_on_end=False)
    manager = CallbackManager([debug])

    prompt = {EventPayload.PROMPT: "p"}
    with manager.as_trace("query"), manager.event(CBEventType.QUERY), manager.event(CBEventType.LLM, prompt) as event:
        event.on_end(payload={EventPayload.COMPLETION: "c"})

    assert [len(pair) for pair in debug.get_event_pairs()] == [2, 2]
    assert len(debug.get_llm_inputs_outputs()) == 1
    stats = debug.get_event_time_info(CBEventType.LLM)
    assert isinstance(stats, EventStats)
    assert stats.total_count == 1
    debug.flush_event_logs()
    assert debug.get_events() == []


def test_the_debug_handler_prints_the_trace(capsys):
    manager = CallbackManager([LlamaDebugHandler()])

    with manager.as_trace("query"), manager.event(CBEventType.QUERY), manager.event(CBEventType.LLM):
        pass

    lines = [line.partition(" -> ")[0] for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "**********",
        "Trace: query",
        "    |_CBEventType.QUERY",
        "      |_CBEventType.LLM",
        "**********",
    ]


def test_tokens_are_counted():
    counter = TokenCountingHandler(tokenizer=str.split)
    manager = CallbackManager([counter])

    with manager.event(CBEventType.LLM, payload={EventPayload.PROMPT: "one two three"}) as event:
        event.on_end(
            payload={
                EventPayload.PROMPT: "one two three",
                EventPayload.COMPLETION: CompletionResponse(text="four five"),
            }
        )
    with manager.event(CBEventType.EMBEDDING) as event:
        event.on_end(payload={EventPayload.CHUNKS: ["a b"], EventPayload.EMBEDDINGS: [[0.0]]})

    assert counter.prompt_llm_token_count == 3
    assert counter.completion_llm_token_count == 2
    assert counter.total_llm_token_count == 5
    assert counter.total_embedding_token_count == 2
    assert isinstance(counter.llm_token_counts[0], TokenCountingEvent)
    counter.reset_counts()
    assert counter.total_llm_token_count == 0


def test_methods_are_traced_sync_and_async():
    watcher = Watcher()

    class Engine:
        callback_manager = CallbackManager([watcher])

        @trace_method("query")
        def query(self):
            return "sync"

        @trace_method("aquery")
        async def aquery(self):
            return "async"

    assert Engine().query() == "sync"
    assert asyncio.run(Engine().aquery()) == "async"
    assert [one[:2] for one in watcher.seen] == [
        ("start_trace", "query"),
        ("end_trace", "query"),
        ("start_trace", "aquery"),
        ("end_trace", "aquery"),
    ]


def test_an_exception_of_a_handler_reaches_the_program():
    class Guard(Watcher):
        def on_event_start(self, event_type, payload=None, event_id="", parent_id="", **kwargs):
            raise PermissionError("not today")

    manager = CallbackManager([Guard()])

    with pytest.raises(PermissionError, match="not today"), manager.event(CBEventType.LLM):
        pass


def test_the_settings_keep_the_manager_of_the_program():
    manager = CallbackManager([Watcher()])
    before = Settings.callback_manager

    Settings.callback_manager = manager

    assert Settings.callback_manager is manager
    Settings.callback_manager = before


def test_a_global_handler_is_set_by_its_name():
    assert isinstance(create_global_handler("simple"), SimpleLLMHandler)
    assert llama_index.core.global_handler is None

    set_global_handler("simple")

    try:
        assert isinstance(llama_index.core.global_handler, SimpleLLMHandler)
        assert [type(one) for one in CallbackManager().handlers] == [SimpleLLMHandler]
    finally:
        llama_index.core.global_handler = None


def test_a_global_handler_of_an_unknown_name_is_a_value_error():
    with pytest.raises(ValueError, match="Eval mode nonsense not supported"):
        set_global_handler("nonsense")


def test_messages_have_roles_and_content():
    message = ChatMessage(role="user", content="How deep?")

    assert message.role == "user"
    assert message.content == "How deep?"
    assert str(message) == "user: How deep?"
