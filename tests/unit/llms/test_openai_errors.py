"""What goes wrong between a client and a server, in one clear sentence each."""

import asyncio
import socket
import traceback
from collections.abc import Callable

import pytest

from stepwell.errors import (
    KeyRefusedError,
    MalformedAnswerError,
    MalformedKeyError,
    MissingKeyError,
    ModelServerError,
    ModelTimeoutError,
    ModelUnreachableError,
    RateLimitedError,
    RequestRefusedError,
)
from stepwell.llms import ErrorReply, StandIn
from stepwell.llms.openai import OpenAI

Connect = Callable[..., OpenAI]


@pytest.fixture
def dead_address() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


async def test_a_wrong_key_is_refused_without_showing_it(connect: Connect) -> None:
    wrong = "sk-wrong-" + "and-secret"
    async with StandIn() as server:
        with pytest.raises(KeyRefusedError, match=r"refused the API key \(HTTP 401\)") as caught:
            await connect(server, api_key=wrong).astream_complete("go")

    assert wrong not in "".join(traceback.format_exception(caught.value))


async def test_a_server_that_repeats_the_key_is_not_quoted(connect: Connect) -> None:
    key = "sk-secret-that-is-echoed"
    async with StandIn(script=[ErrorReply(status=400, message=f"bad key {key}, sorry")], key=key) as server:
        with pytest.raises(RequestRefusedError) as caught:
            await connect(server).acomplete("go")

    assert "bad key [api key], sorry" in str(caught.value)
    assert key not in "".join(traceback.format_exception(caught.value))
    assert key not in repr(vars(caught.value.__cause__))


async def test_a_key_that_may_not_use_the_model_is_told_so(connect: Connect) -> None:
    async with StandIn(script=[ErrorReply(status=403)]) as server:
        with pytest.raises(PermissionError, match="does not let this API key use 'any'"):
            await connect(server).acomplete("go")


async def test_a_missing_key_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("OPENAI_API_BASE", raising=False)

    with pytest.raises(MissingKeyError, match="OPENAI_API_KEY"):
        await OpenAI().acomplete("go")


async def test_another_server_may_need_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    async with StandIn("one", key="no-key") as server:
        assert (await OpenAI(api_base=server.url).acomplete("go")).text == "one"


async def test_key_and_address_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async with StandIn("one") as server:
        monkeypatch.setenv("OPENAI_API_KEY", server.key + "\n")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)

        assert (await OpenAI().acomplete("go")).text == "one"


async def test_the_address_that_programs_for_llamaindex_set_is_taken_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async with StandIn("one") as server:
        monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
        monkeypatch.setenv("OPENAI_API_BASE", server.url)

        assert (await OpenAI(api_key=server.key).acomplete("go")).text == "one"


async def test_a_key_with_a_line_break_inside_is_not_shown(connect: Connect) -> None:
    broken = "one-key\n" + "another-key"
    async with StandIn() as server:
        with pytest.raises(MalformedKeyError) as caught:
            await connect(server, api_key=broken).acomplete("go")

    assert "one-key\n" not in "".join(traceback.format_exception(caught.value))
    assert server.calls == []


async def test_no_server_is_told_with_its_address(dead_address: str) -> None:
    llm = OpenAI(api_base=dead_address, api_key="x", max_retries=0)

    with pytest.raises(ModelUnreachableError, match=r"127\.0\.0\.1:\d+ cannot be reached") as caught:
        await llm.astream_complete("go")

    assert isinstance(caught.value, ConnectionError)
    assert caught.value.__cause__ is not None


async def test_an_address_is_shown_without_its_password(dead_address: str) -> None:
    llm = OpenAI(api_base=dead_address.replace("//", "//user:hidden@"), api_key="x", max_retries=0)

    with pytest.raises(ModelUnreachableError) as caught:
        await llm.acomplete("go")

    assert "hidden" not in str(caught.value)


async def test_an_address_without_http_is_told_as_such() -> None:
    with pytest.raises(ModelUnreachableError, match="protocol"):
        await OpenAI(api_base="127.0.0.1:1/v1", api_key="x", max_retries=0).acomplete("go")


async def test_too_many_requests_say_how_long_to_wait(connect: Connect) -> None:
    async with StandIn(script=[ErrorReply(status=429, message="slow down", retry_after=7)]) as server:
        with pytest.raises(RateLimitedError, match=r"slow down\); it asks to wait 7 s") as caught:
            await connect(server).acomplete("go")

    assert caught.value.retry_after == 7.0


async def test_the_client_repeats_a_refused_request_as_often_as_it_is_told(connect: Connect) -> None:
    refusal = ErrorReply(status=429, retry_after=0.01)
    async with StandIn(script=[refusal, refusal, refusal]) as server:
        with pytest.raises(RateLimitedError):
            await connect(server, max_retries=2).acomplete("go")

    assert len(server.calls) == 3


async def test_a_failing_server_is_told_as_its_own_fault(connect: Connect) -> None:
    async with StandIn(script=[ErrorReply(status=503, message="on fire")]) as server:
        with pytest.raises(ModelServerError, match=r"HTTP 503: on fire.*server's fault"):
            await connect(server).acomplete("go")


async def test_a_silent_server_is_a_timeout_of_the_calls_own_limit(connect: Connect) -> None:
    async with StandIn(pause=5) as server:
        with pytest.raises(ModelTimeoutError, match=r"longer than 0\.05 s") as caught:
            await connect(server, timeout=30).acomplete("go", timeout=0.05)

    assert isinstance(caught.value, TimeoutError)


async def test_an_unknown_path_is_a_refused_request(connect: Connect) -> None:
    async with StandIn() as server:
        with pytest.raises(RequestRefusedError, match="HTTP 404"):
            await connect(server, api_base=server.url + "/elsewhere").acomplete("go")


@pytest.mark.parametrize(
    "answer", [b"<html>hello</html>", b'{"fine": true}', b"data: {not json\n\n"], ids=["html", "json", "stream"]
)
async def test_a_server_of_another_kind_is_told_as_such(answer: bytes) -> None:
    kind = b"text/event-stream" if answer.startswith(b"data") else b"application/json"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
        writer.write(head % (kind, len(answer)) + answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        llm = OpenAI(api_base=address, api_key="x", max_retries=0)
        ask = llm.astream_complete if answer.startswith(b"data") else llm.acomplete
        with pytest.raises(MalformedAnswerError, match="usually ending in /v1"):
            await ask("go")
