"""The OpenAI client: what it sends, and what it makes of answers."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from stepwell.errors import MissingPackageError
from stepwell.llms import ChatMessage, ImageBlock, StandIn, TextBlock, TextReply, ToolCallsReply
from stepwell.llms.openai import OpenAI

Connect = Callable[..., OpenAI]


def add(one: int, other: int) -> int:
    """Add two numbers."""
    return one + other


async def sent(connect: Connect, *, settings: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    async with StandIn("one") as server:
        await connect(server, **(settings or {})).acomplete("go", **options)
        return server.calls[0].request


async def test_what_is_not_set_is_left_to_the_server(connect: Connect) -> None:
    assert await sent(connect) == {
        "model": "any",
        "messages": [{"role": "user", "content": "go"}],
        "stream": False,
    }


async def test_settings_are_sent_and_a_calls_own_win(connect: Connect) -> None:
    request = await sent(
        connect,
        settings={"temperature": 0.1, "max_tokens": 5, "stop": ["x"], "additional_kwargs": {"user": "me"}},
        temperature=0.9,
        seed=7,
    )

    assert request["temperature"] == 0.9
    assert request["max_tokens"] == 5
    assert request["stop"] == ["x"]
    assert request["seed"] == 7
    assert request["user"] == "me"


async def test_a_stream_asks_for_the_usage_unless_it_is_told_not_to(connect: Connect) -> None:
    async with StandIn("one") as server:
        for settings in ({}, {"additional_kwargs": {"stream_options": None}}):
            async for _ in await connect(server, **settings).astream_complete("go"):
                pass

    assert server.calls[0].request["stream_options"] == {"include_usage": True}
    assert "stream_options" not in server.calls[1].request


async def test_cancelling_a_whole_answer_closes_the_connection(connect: Connect) -> None:
    async with StandIn(pause=10) as server:
        asking = asyncio.create_task(connect(server).acomplete("go"))
        await asyncio.to_thread(server.wait_for_call)
        asking.cancel()
        await asyncio.wait([asking])

        assert await asyncio.to_thread(server.calls[0].wait_until_ended)
    assert server.calls[0].ended == "hung up"


def test_openais_own_service_is_told_the_limit_by_its_new_name() -> None:
    llm = OpenAI(api_base="https://api.openai.com/v1", api_key="x", max_tokens=5)

    body = llm._parameters(_request("go"))

    assert body["max_completion_tokens"] == 5
    assert "max_tokens" not in body


def _request(text: str) -> Any:
    from stepwell.llms import ModelRequest

    return ModelRequest(messages=(ChatMessage(text),))


async def test_images_are_sent_in_parts_with_their_text(connect: Connect) -> None:
    message = ChatMessage(
        [
            TextBlock(text="what is it?"),
            ImageBlock(url="https://example.org/a.png", detail="low"),
            ImageBlock(image=b"GIF89a"),
        ]
    )
    async with StandIn("one") as server:
        await connect(server).achat([message])

    assert server.calls[0].request["messages"][0]["content"] == [
        {"type": "text", "text": "what is it?"},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGODlh"}},
    ]


async def test_tools_are_sent_with_their_schemas(connect: Connect) -> None:
    async with StandIn("one") as server:
        await connect(server).achat([ChatMessage("go")], tools=[add])

    [tool] = server.calls[0].request["tools"]
    assert tool["type"] == "function"
    assert tool["function"]["name"] == "add"
    assert tool["function"]["description"] == "Add two numbers."
    assert tool["function"]["parameters"]["required"] == ["one", "other"]


async def test_a_whole_answer_may_ask_for_several_tools(connect: Connect) -> None:
    script = [ToolCallsReply(calls=[("add", {"one": 1, "other": 2}), ("add", '{"one": ')])]
    async with StandIn(script=script) as server:
        response = await connect(server).achat([ChatMessage("go")], tools=[add])

    assert [call.tool_kwargs for call in response.message.tool_calls] == [{"one": 1, "other": 2}, '{"one": ']
    assert response.message.content is None
    assert response.finish_reason == "tool_calls"


async def test_a_whole_answer_has_its_text_usage_and_raw_form(connect: Connect) -> None:
    async with StandIn("one two") as server:
        answer = await connect(server).acomplete("go on")

    assert (answer.text, answer.delta, str(answer)) == ("one two", "", "one two")
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (2, 2)
    assert answer.raw.model == "stepwell-stand-in"


async def test_many_calls_share_one_client(connect: Connect) -> None:
    async with StandIn("one") as server:
        llm = connect(server)
        answers = await asyncio.gather(*(llm.acomplete("go") for _ in range(20)))

    assert {answer.text for answer in answers} == {"one"}
    assert len(llm._clients._kept) == 1


async def test_a_closed_client_opens_again(connect: Connect) -> None:
    async with StandIn("one") as server:
        llm = connect(server)
        await llm.acomplete("go")
        await llm.aclose()

        assert (await llm.acomplete("go")).text == "one"


def test_a_client_dropped_before_its_loop_ends_leaves_no_socket_open(connect: Connect) -> None:
    with StandIn(script=lambda _: TextReply(text="one")) as server:

        async def ask() -> None:
            for _ in range(3):
                await connect(server).acomplete("go")

        # An open socket would be a ResourceWarning, which is an error in these tests.
        asyncio.run(ask())


def test_a_key_is_in_no_representation_of_a_client() -> None:
    llm = OpenAI(api_key="sk-secret")

    assert "sk-secret" not in repr(llm) + repr(vars(llm)) + repr(llm._connection) + repr(llm.describe())


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)

    with pytest.raises(MissingPackageError, match=r'pip install "stepwell\[openai\]"'):
        OpenAI(api_key="x").complete("go")


def test_importing_the_client_does_not_import_the_package() -> None:
    code = "import sys, stepwell.llms.openai; OpenAI = stepwell.llms.openai.OpenAI(); print('openai' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


async def test_a_proxy_of_the_environment_is_not_asked_for_loopback(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with StandIn("one") as server:
        assert (await connect(server).acomplete("go")).text == "one"
