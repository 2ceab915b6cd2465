"""A streamed completion, through the official client and a real server."""

import asyncio

import pytest

from stepwell.errors import KeyRefusedError, ModelUnreachableError
from stepwell.llms import StandIn
from stepwell.llms.openai import OpenAI

STRANGE = "  Zwölf Boxkämpfer — 日本語 🏴‍☠️\n\n\tjagen\u00a0Viktor \n"


def client(server: StandIn, *, key: str | None = None) -> OpenAI:
    return OpenAI(model="any", api_base=server.url, api_key=key or server.key, max_retries=0)


async def test_the_deltas_joined_are_the_text_to_the_character() -> None:
    async with StandIn(STRANGE) as server:
        chunks = [chunk async for chunk in await client(server).astream_complete("go")]

    assert "".join(chunk.delta for chunk in chunks) == STRANGE
    assert chunks[-1].text == STRANGE


async def test_the_text_of_a_chunk_is_what_had_arrived_with_it() -> None:
    async with StandIn("one two three") as server:
        chunks = [chunk async for chunk in await client(server).astream_complete("go")]

    assert [str(chunk) for chunk in chunks] == ["one ", "one two ", "one two three", "one two three"]


async def test_the_last_chunk_brings_the_usage_and_an_empty_delta() -> None:
    async with StandIn("one two three") as server:
        chunks = [chunk async for chunk in await client(server).astream_complete("go on")]

    assert chunks[-1].delta == ""
    assert chunks[-1].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (2, 3)


async def test_a_completion_that_is_not_streamed_is_the_same_text() -> None:
    async with StandIn() as server:
        answer = await client(server).acomplete("go")

    assert answer.text.startswith("Call me Ishmael. Some years ago—never mind")
    assert str(answer) == answer.text


async def test_a_wrong_key_is_refused_without_showing_it() -> None:
    async with StandIn() as server:
        with pytest.raises(KeyRefusedError) as caught:
            await client(server, key="sk-wrong-and-secret").astream_complete("go")

    assert caught.value.status == 401
    assert "sk-wrong-and-secret" not in f"{caught.value} {caught.value.__cause__!r}"


async def test_a_server_that_is_gone_is_named() -> None:
    async with StandIn() as server:
        pass

    with pytest.raises(ModelUnreachableError, match=r"127\.0\.0\.1:\d+ cannot be reached"):
        await client(server).acomplete("go")


def test_a_program_without_a_loop_reads_the_same_stream() -> None:
    with StandIn("one two three") as server:
        deltas = [chunk.delta for chunk in client(server).stream_complete("go")]
        answer = client(server).complete("go")

    assert deltas == ["one ", "two ", "three", ""]
    assert answer.text == "one two three"


async def test_the_first_chunk_is_read_while_the_server_is_still_sending() -> None:
    loop = asyncio.get_running_loop()
    async with StandIn("word " * 20, pause=0.01) as server:
        started = loop.time()
        times = [loop.time() - started async for _ in await client(server).astream_complete("go")]

    assert times[0] < times[-1] / 3
