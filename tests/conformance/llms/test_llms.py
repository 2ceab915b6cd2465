"""Promises of every model client, held against each one we have.

A promise is a function free of any test framework: it takes a client whose model answers
``TEXT`` to whatever it is asked. A new client is one line in ``ADAPTERS``.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import pytest

from stepwell.callbacks import BaseCallbackHandler, CallbackManager
from stepwell.llms import (
    LLM,
    ChatMessage,
    Fragment,
    LLMMetadata,
    ModelRequest,
    RecordingServer,
    ReplayServer,
    StandIn,
    TokenUsage,
)
from stepwell.llms.openai import OpenAI

TEXT = "  Zwölf Boxkämpfer — 日本語 🏴‍☠️\n\n\tjagen\u00a0Viktor \n"
ASKED = [ChatMessage("be brief", role="system"), ChatMessage("go")]
Promise: TypeAlias = Callable[[LLM], Awaitable[None]]


class Ends(BaseCallbackHandler):
    """Keeps the payloads with which events ended."""

    def __init__(self) -> None:
        super().__init__([], [])
        self.payloads: list[dict[Any, Any]] = []

    def on_event_start(self, *args: Any, event_id: str = "", **rest: Any) -> str:
        return event_id

    def on_event_end(self, event_type: Any, payload: Any = None, event_id: str = "", **rest: Any) -> None:
        self.payloads.append(payload or {})

    def start_trace(self, trace_id: str | None = None) -> None: ...
    def end_trace(self, trace_id: str | None = None, trace_map: Any = None) -> None: ...


async def deltas_joined_are_the_text(llm: LLM) -> None:
    chunks = [chunk async for chunk in await llm.astream_complete("go")]
    assert "".join(chunk.delta for chunk in chunks) == chunks[-1].text == TEXT


async def every_chunk_but_the_last_brings_something(llm: LLM) -> None:
    chunks = [chunk async for chunk in await llm.astream_complete("go")]
    assert all(chunk.delta for chunk in chunks[:-1])
    assert chunks[-1].delta == ""


async def the_last_chunk_has_finish_reason_and_usage(llm: LLM) -> None:
    chunks = [chunk async for chunk in await llm.astream_chat(ASKED)]
    assert chunks[-1].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0


async def a_whole_answer_is_the_streamed_one(llm: LLM) -> None:
    streamed = [chunk async for chunk in await llm.astream_chat(ASKED)]
    whole = await llm.achat(ASKED)
    assert whole.message == streamed[-1].message
    assert whole.usage == streamed[-1].usage


async def a_completion_says_what_a_chat_says(llm: LLM) -> None:
    assert (await llm.acomplete("go")).text == (await llm.achat(ASKED)).text == TEXT


async def a_blocking_call_says_what_an_awaited_one_says(llm: LLM) -> None:
    assert llm.complete("go").text == TEXT
    assert "".join(chunk.delta for chunk in llm.stream_complete("go")) == TEXT


async def each_call_ends_one_event(llm: LLM) -> None:
    ends = Ends()
    llm.callback_manager = CallbackManager([ends])
    await llm.achat(ASKED)
    assert [chunk async for chunk in await llm.astream_chat(ASKED)]
    assert [payload["usage"]["total_tokens"] > 0 for payload in ends.payloads] == [True, True]
    assert "time_to_first_chunk" in ends.payloads[1]


async def a_stream_can_be_read_once(llm: LLM) -> None:
    stream = await llm.astream_complete("go")
    assert [chunk async for chunk in stream]
    assert [chunk async for chunk in stream] == []


PROMISES: list[Promise] = [
    deltas_joined_are_the_text,
    every_chunk_but_the_last_brings_something,
    the_last_chunk_has_finish_reason_and_usage,
    a_whole_answer_is_the_streamed_one,
    a_completion_says_what_a_chat_says,
    a_blocking_call_says_what_an_awaited_one_says,
    each_call_ends_one_event,
    a_stream_can_be_read_once,
]


class OneFileVendor(LLM):
    """Another vendor: all that it takes."""

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="echo")

    async def send(self, request: ModelRequest) -> Fragment:
        return Fragment(text=TEXT, finish_reason="stop", usage=TokenUsage(1, 2, 3))

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Fragment, None]:
        yield Fragment(text="")
        for character in TEXT:
            yield Fragment(text=character)
        yield Fragment(finish_reason="stop", usage=TokenUsage(1, 2, 3))


@asynccontextmanager
async def one_file_vendor(promise: Promise) -> AsyncIterator[LLM]:
    yield OneFileVendor()


@asynccontextmanager
async def openai_on_the_stand_in(promise: Promise) -> AsyncIterator[LLM]:
    async with StandIn(TEXT) as server:
        yield OpenAI("any", api_base=server.url, api_key=server.key)


@asynccontextmanager
async def openai_on_a_cassette(promise: Promise) -> AsyncIterator[LLM]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "cassette.json"
        async with StandIn(TEXT) as upstream, RecordingServer(path, upstream=upstream.url) as recorder:
            await promise(OpenAI("any", api_base=recorder.url, api_key=upstream.key))
        async with ReplayServer(path) as replay:
            yield OpenAI("any", api_base=replay.url, api_key=replay.key)


ADAPTERS: list[Callable[[Promise], AbstractAsyncContextManager[LLM]]] = [
    one_file_vendor,
    openai_on_the_stand_in,
    openai_on_a_cassette,
]


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.__name__)
@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
async def test_a_client_keeps_its_promises(
    promise: Promise, adapter: Callable[[Promise], AbstractAsyncContextManager[LLM]]
) -> None:
    async with adapter(promise) as llm:
        await promise(llm)
