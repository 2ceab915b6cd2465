"""The client for OpenAI's models, against the server that STANDIN_URL names; and drawings. By the peer's names only."""

# mypy: ignore-errors

import os

import pytest
from llama_index.core import Settings
from llama_index.core.base.llms.types import LLMMetadata
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler, TokenCountingHandler
from llama_index.core.llms import LLM, ChatMessage, ChatResponse, CompletionResponse, MessageRole
from llama_index.core.prompts import PromptTemplate
from llama_index.llms.openai import OpenAI
from llama_index.utils.workflow import (
    draw_all_possible_flows,
    draw_all_possible_flows_mermaid,
    draw_most_recent_execution_mermaid,
)
from workflows import Context, Workflow, step
from workflows.events import Event, StartEvent, StopEvent

TEXT = "A stepwell is a well with stairs."


@pytest.fixture
def llm():
    return OpenAI(model="gpt-4o-mini", api_base=os.environ["STANDIN_URL"], api_key=os.environ["STANDIN_KEY"])


def test_a_model_completes(llm):
    response = llm.complete("Tell me")

    assert isinstance(llm, LLM)
    assert isinstance(response, CompletionResponse)
    assert response.text == str(response) == TEXT


async def test_a_model_completes_asynchronously(llm):
    assert (await llm.acomplete("Tell me")).text == TEXT


def test_a_model_chats(llm):
    response = llm.chat([ChatMessage(role=MessageRole.SYSTEM, content="Be brief"), ChatMessage(content="Tell me")])

    assert isinstance(response, ChatResponse)
    assert response.message.role == MessageRole.ASSISTANT
    assert response.message.content == TEXT
    assert str(response) == f"assistant: {TEXT}"


def test_a_stream_has_what_came_and_all_so_far(llm):
    chunks = [(chunk.delta, chunk.text) for chunk in llm.stream_complete("Tell me")]

    assert "".join(delta or "" for delta, _ in chunks) == TEXT
    assert chunks[-1][1] == TEXT
    assert len(chunks) > 3


async def test_a_chat_is_streamed_asynchronously(llm):
    text = ""
    async for chunk in await llm.astream_chat([ChatMessage(content="Tell me")]):
        text += chunk.delta or ""
        last = chunk

    assert text == last.message.content == TEXT


def test_a_model_says_its_name(llm):
    assert isinstance(llm.metadata, LLMMetadata)
    assert llm.metadata.model_name == "gpt-4o-mini"


def test_calls_are_told_to_callbacks():
    debug = LlamaDebugHandler(print_trace_on_end=False)
    counter = TokenCountingHandler(tokenizer=str.split)
    llm = OpenAI(
        model="gpt-4o-mini",
        api_base=os.environ["STANDIN_URL"],
        api_key=os.environ["STANDIN_KEY"],
        callback_manager=CallbackManager([debug, counter]),
    )

    llm.chat([ChatMessage(content="Tell me")])

    assert len(debug.get_event_pairs(CBEventType.LLM)) == 1
    assert counter.completion_llm_token_count > 0


def test_the_settings_keep_the_model_of_the_program(llm):
    Settings.llm = llm

    assert Settings.llm is llm


def test_a_prompt_is_filled_in():
    template = PromptTemplate("Write about {topic} in {words} words.")

    assert template.format(topic="wells", words=3) == "Write about wells in 3 words."


class Word(Event):
    text: str


class Writer(Workflow):
    def __init__(self, llm, **options):
        super().__init__(**options)
        self.llm = llm

    @step
    async def write(self, ctx: Context, ev: StartEvent) -> Word:
        async for chunk in await self.llm.astream_complete(f"Write about {ev.topic}."):
            ctx.write_event_to_stream(Word(text=chunk.delta or ""))
        return Word(text=chunk.text)

    @step
    async def finish(self, ev: Word) -> StopEvent:
        return StopEvent(result=ev.text)


async def test_a_model_s_words_stream_through_a_workflow(llm):
    handler = Writer(llm, timeout=30).run(topic="wells")

    words = [event.text async for event in handler.stream_events() if isinstance(event, Word)]

    assert "".join(words) == TEXT
    assert await handler == TEXT


def test_all_flows_are_drawn_as_mermaid(tmp_path):
    text = draw_all_possible_flows_mermaid(Writer, filename=str(tmp_path / "flows.mermaid"))

    assert text.startswith("flowchart TD")
    for name in ("write", "finish", "Word", "StartEvent", "StopEvent"):
        assert name in text
    assert (tmp_path / "flows.mermaid").read_text() == text


def test_all_flows_are_drawn_as_html(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    draw_all_possible_flows(Writer, filename="flows.html")

    html = (tmp_path / "flows.html").read_text()
    for name in ("write", "finish", "StopEvent"):
        assert name in html


async def test_what_happened_is_drawn(llm, tmp_path):
    handler = Writer(llm, timeout=30).run(topic="wells")
    await handler

    text = draw_most_recent_execution_mermaid(handler, filename=str(tmp_path / "run.mermaid"))

    assert "write" in text
    assert "finish" in text
