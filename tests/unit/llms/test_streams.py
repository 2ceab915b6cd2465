"""A streamed answer as its reader sees it, through the official client and a real server."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncGenerator, Callable
from types import FrameType

import pytest

from stepwell.errors import BrokenStreamError, ModelServerError, ModelUnreachableError
from stepwell.llms import (
    LLM,
    AnswerStream,
    ChatMessage,
    CompletionResponse,
    Fragment,
    LLMMetadata,
    ModelRequest,
    ServedCall,
    StandIn,
    TextReply,
    ToolCallsReply,
)
from stepwell.llms.openai import OpenAI

Connect = Callable[..., OpenAI]
STRANGE = "  Zwölf Boxkämpfer — 日本語 🏴‍☠️\n\n\tjagen\u00a0Viktor \n"


async def ending(call: ServedCall) -> str | None:
    await asyncio.to_thread(call.wait_until_ended)
    return call.ended


async def test_the_deltas_joined_are_the_text_to_the_character(connect: Connect) -> None:
    async with StandIn(STRANGE) as server:
        chunks = [chunk async for chunk in await connect(server).astream_complete("go")]

    assert "".join(chunk.delta for chunk in chunks) == STRANGE
    assert chunks[-1].text == STRANGE


async def test_the_text_of_a_chunk_is_what_had_arrived_with_it(connect: Connect) -> None:
    async with StandIn("one two three") as server:
        chunks = [chunk async for chunk in await connect(server).astream_complete("go")]

    assert [str(chunk) for chunk in chunks] == ["one ", "one two ", "one two three", "one two three"]


async def test_the_last_chunk_brings_the_usage_and_an_empty_delta(connect: Connect) -> None:
    async with StandIn("one two three") as server:
        chunks = [chunk async for chunk in await connect(server).astream_complete("go on")]

    assert chunks[-1].delta == ""
    assert chunks[-1].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (2, 3)


async def test_an_empty_answer_is_one_empty_chunk(connect: Connect) -> None:
    async with StandIn("") as server:
        chunks = [chunk async for chunk in await connect(server).astream_complete("go")]

    assert [(chunk.delta, chunk.text, chunk.finish_reason) for chunk in chunks] == [("", "", "stop")]


async def test_the_first_chunk_is_read_while_the_server_is_still_sending(connect: Connect) -> None:
    async with StandIn(pause=0.005) as server:
        stream = await connect(server).astream_complete("go")
        first = await anext(stream)
        sent = server.calls[0].words_sent
        await stream.aclose()

    assert first.delta == "Call "
    assert sent < 10


async def test_tool_calls_are_complete_in_the_last_chunk(connect: Connect) -> None:
    script = [ToolCallsReply(calls=[("add", {"a": 1}), ("say", {"text": STRANGE})], text="one moment")]
    async with StandIn(script=script) as server:
        chunks = [chunk async for chunk in await connect(server).astream_chat([ChatMessage("go")])]

    calls = chunks[-1].message.tool_calls
    assert [(call.tool_name, call.tool_kwargs) for call in calls] == [("add", {"a": 1}), ("say", {"text": STRANGE})]
    assert chunks[-1].message.content == "one moment"
    assert chunks[-1].finish_reason == "tool_calls"


async def test_cancelling_the_reader_between_chunks_closes_the_connection(connect: Connect) -> None:
    reading = asyncio.Event()

    async def read(llm: OpenAI) -> None:
        async for _ in await llm.astream_complete("go"):
            reading.set()
            await asyncio.Event().wait()

    async with StandIn(pause=0.05) as server:
        reader = asyncio.create_task(read(connect(server)))
        await reading.wait()
        reader.cancel()
        await asyncio.wait([reader])

        assert await ending(server.calls[0]) == "hung up"
    assert reader.cancelled()


async def test_cancelling_the_reader_closes_a_stream_that_somebody_else_still_holds(connect: Connect) -> None:
    reading = asyncio.Event()

    async def read(stream: AnswerStream[CompletionResponse]) -> None:
        async for _ in stream:
            reading.set()
            await asyncio.Event().wait()

    async with StandIn(pause=0.05) as server:
        stream = await connect(server).astream_complete("go")
        reader = asyncio.create_task(read(stream))
        await reading.wait()
        reader.cancel()
        await asyncio.wait([reader])

        assert await ending(server.calls[0]) == "hung up"


async def test_cancelling_the_reader_in_the_middle_of_a_wait_closes_the_connection(connect: Connect) -> None:
    reading = asyncio.Event()

    async def read(llm: OpenAI) -> None:
        async for _ in await llm.astream_complete("go"):
            reading.set()

    async with StandIn(script=lambda _: TextReply(text="one two", pause=0.2)) as server:
        reader = asyncio.create_task(read(connect(server)))
        await reading.wait()
        reader.cancel()
        await asyncio.wait([reader])

        assert await ending(server.calls[0]) == "hung up"
    assert server.calls[0].words_sent == 1


async def test_cancelling_before_the_first_chunk_closes_the_connection(connect: Connect) -> None:
    async with StandIn(pause=10) as server:
        asking = asyncio.create_task(connect(server).astream_complete("go"))
        await asyncio.to_thread(server.wait_for_call)
        asking.cancel()
        await asyncio.wait([asking])

        assert await ending(server.calls[0]) == "hung up"


async def test_leaving_the_loop_closes_the_connection(connect: Connect) -> None:
    async with StandIn(pause=0.05) as server:
        async for _ in await connect(server).astream_complete("go"):
            break

        assert await ending(server.calls[0]) == "hung up"


async def test_closing_a_stream_twice_is_allowed_and_nothing_more_comes(connect: Connect) -> None:
    async with StandIn(pause=0.05) as server:
        async with await connect(server).astream_complete("go") as stream:
            await stream.aclose()

        assert [chunk async for chunk in stream] == []
        assert await ending(server.calls[0]) == "hung up"


async def test_a_stream_may_be_handed_to_another_task(connect: Connect) -> None:
    async with StandIn("one two three") as server:
        stream = await connect(server).astream_complete("go")
        first = await asyncio.create_task(anext_of(stream.__anext__))
        rest = [chunk.delta async for chunk in stream]

    assert [first.delta, *rest] == ["one ", "two ", "three", ""]


async def anext_of(step: Callable[[], object]) -> CompletionResponse:
    return await step()  # type: ignore[misc,no-any-return]


async def test_a_stream_cut_in_the_middle_carries_what_had_arrived(connect: Connect) -> None:
    async with StandIn(script=[TextReply(text="one two three", break_after=2)]) as server:
        with pytest.raises(BrokenStreamError, match="broke off after 8 characters") as caught:
            async for _ in await connect(server).astream_complete("go"):
                pass

    assert caught.value.text == "one two "
    assert isinstance(caught.value.__cause__, ModelUnreachableError)


async def test_a_stream_cut_before_its_end_is_broken_although_all_words_came(connect: Connect) -> None:
    async with StandIn(script=[TextReply(text="one two", break_after=2)]) as server:
        with pytest.raises(BrokenStreamError) as caught:
            [chunk async for chunk in await connect(server).astream_complete("go")]

    assert caught.value.text == "one two"


async def test_a_silent_server_breaks_the_stream(connect: Connect) -> None:
    async with StandIn(script=[TextReply(text="one", pause=5)]) as server:
        with pytest.raises(BrokenStreamError, match=r"silent for longer than 0\.1 s"):
            await connect(server, timeout=0.1).astream_complete("go")


async def test_a_broken_stream_leaves_no_cycle_that_keeps_the_connection_alive(connect: Connect) -> None:
    """A frame that holds its own exception would. (On Python 3.13 frames of contextlib do, below httpx.)"""
    async with StandIn(script=[TextReply(text="one two", break_after=1)]) as server:
        llm = connect(server)
        gc.collect()
        gc.disable()
        try:
            with contextlib.suppress(BrokenStreamError):
                [chunk async for chunk in await llm.astream_complete("go")]
            del llm
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            frames = [left for left in gc.garbage if isinstance(left, FrameType)]
            holding = {
                f"{frame.f_globals['__name__']}: {name}"
                for frame in frames
                for name, value in frame.f_locals.items()
                if isinstance(value, BaseException)
            }
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()

        assert [place for place in holding if not place.startswith("contextlib:")] == []


class Scripted(LLM):
    """A vendor in one file: gives back the fragments it was made with."""

    def __init__(self, *fragments: Fragment | Exception) -> None:
        self.fragments = fragments
        self.is_closed = False

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="scripted")

    async def send(self, request: ModelRequest) -> Fragment:
        raise NotImplementedError

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Fragment, None]:
        try:
            for fragment in self.fragments:
                if isinstance(fragment, Exception):
                    raise fragment
                yield fragment
        finally:
            self.is_closed = True


async def test_an_end_without_a_finish_reason_is_no_end() -> None:
    llm = Scripted(Fragment(text="half"))

    with pytest.raises(BrokenStreamError, match="without a finish reason") as caught:
        [chunk async for chunk in await llm.astream_complete("go")]

    assert caught.value.text == "half"


async def test_an_error_before_the_first_piece_stays_what_it_is() -> None:
    llm = Scripted(ModelServerError(server="x", status=500, reason="y"))

    with pytest.raises(ModelServerError):
        await llm.astream_complete("go")


async def test_an_error_of_the_program_stays_what_it_is() -> None:
    llm = Scripted(Fragment(text="a"), ZeroDivisionError("ours"))

    with pytest.raises(ZeroDivisionError, match="ours"):
        [chunk async for chunk in await llm.astream_complete("go")]

    assert llm.is_closed


async def test_closing_a_stream_has_closed_the_vendors_connection_when_it_returns() -> None:
    llm = Scripted(Fragment(text="a"), Fragment(text="b"))
    stream = await llm.astream_complete("go")

    await stream.aclose()

    assert llm.is_closed
