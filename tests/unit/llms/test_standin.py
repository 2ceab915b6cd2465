"""The stand-in against the official package's own models of the protocol, and against raw HTTP."""

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.model import Model
from pydantic import BaseModel

from stepwell.llms import (
    ErrorReply,
    Reply,
    StandIn,
    StructuredReply,
    TextReply,
    ToolCallsReply,
)
from stepwell.llms._standin import loomings

ASKED: list[dict[str, Any]] = [{"role": "user", "content": "go on"}]
TOOLS = ToolCallsReply(calls=[("add", {"one": 1}), ("say", {"text": "é"})], text="one moment")


def post(server: StandIn, path: str, body: Any, *, key: str | None = None) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
    headers = {"Authorization": f"Bearer {key or server.key}", "Content-Type": "application/json"}
    connection.request("POST", f"/v1/{path}", json.dumps(body), headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.headers.items()}, content


def chat(server: StandIn, **options: Any) -> dict[str, Any]:
    status, _, content = post(server, "chat/completions", {"model": "m", "messages": ASKED, **options})
    assert status == 200
    answer: dict[str, Any] = json.loads(content)
    return answer


def events(server: StandIn, **options: Any) -> list[str]:
    body = {"model": "m", "messages": ASKED, "stream": True, **options}
    status, headers, content = post(server, "chat/completions", body)
    assert status == 200
    assert headers["content-type"].startswith("text/event-stream")
    assert content.endswith(b"\n\n")
    return [event.removeprefix("data: ") for event in content.decode().split("\n\n")[:-1]]


def unknown_fields(model: BaseModel) -> Iterator[str]:
    for name in model.model_extra or ():
        yield f"{type(model).__name__}.{name}"
    for value in vars(model).values():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, BaseModel):
                yield from unknown_fields(part)


@pytest.mark.parametrize("reply", [TextReply(text="one two"), TOOLS], ids=["text", "tools"])
def test_a_whole_answer_is_exactly_what_the_package_models(reply: Reply) -> None:
    with StandIn(script=[reply]) as server:
        body = chat(server)

    assert list(unknown_fields(ChatCompletion.model_validate(body, strict=True))) == []


@pytest.mark.parametrize("reply", [TextReply(text="one two"), TOOLS], ids=["text", "tools"])
@pytest.mark.parametrize("with_usage", [True, False])
def test_each_chunk_is_exactly_what_the_package_models(reply: Reply, with_usage: bool) -> None:
    with StandIn(script=[reply]) as server:
        *chunks, end = events(server, stream_options={"include_usage": with_usage})

    models = [ChatCompletionChunk.model_validate(json.loads(chunk), strict=True) for chunk in chunks]
    assert end == "[DONE]"
    assert [name for model in models for name in unknown_fields(model)] == []
    assert {model.id for model in models} == {models[0].id}
    assert (models[-1].usage is not None) == with_usage
    assert [model.choices == [] for model in models].count(True) == int(with_usage)


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings_are_exactly_what_the_package_models(encoding: str) -> None:
    with StandIn() as server:
        _, _, content = post(server, "embeddings", {"model": "m", "input": ["a"], "encoding_format": encoding})

    body = json.loads(content)
    if encoding == "base64":
        assert isinstance(body["data"][0]["embedding"], str)
        body["data"][0]["embedding"] = [0.0]
    assert list(unknown_fields(CreateEmbeddingResponse.model_validate(body, strict=True))) == []


def test_the_packages_own_client_reads_the_stand_in_strictly() -> None:
    with StandIn(script=[TextReply(text="one two"), TOOLS]) as server:
        client = openai.OpenAI(base_url=server.url, api_key=server.key, _strict_response_validation=True)
        with client:
            [model] = client.models.list().data
            asked: Any = {"model": "m", "messages": ASKED}
            chunks = list(client.chat.completions.create(**asked, stream=True))
            answer = client.chat.completions.create(**asked)

    assert isinstance(model, Model)
    assert [chunk.choices[0].delta.content for chunk in chunks] == ["", "one ", "two", None]
    assert answer.choices[0].message.tool_calls is not None


def test_it_says_plainly_what_it_is() -> None:
    with StandIn("one") as server:
        body = chat(server)
        _, headers, _ = post(server, "chat/completions", {"messages": ASKED})

        assert body["model"] == "stepwell-stand-in"
        assert body["system_fingerprint"] == "fp_stepwell_stand_in"
        assert headers["server"] == "stepwell-stand-in"
        assert "not a model" in server.describe()


def test_it_replays_the_opening_of_moby_dick_unless_told_otherwise() -> None:
    with StandIn() as server:
        text = chat(server)["choices"][0]["message"]["content"]

    assert text == loomings()
    assert text.startswith("Call me Ishmael. Some years ago—never mind how long precisely—")
    assert text.endswith("What do they here?")


def test_any_other_key_is_refused_as_the_service_refuses_it() -> None:
    with StandIn() as server:
        status, _, content = post(server, "chat/completions", {"messages": ASKED}, key="other")

    assert status == 401
    assert json.loads(content)["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([], "at least one message"),
        ([{"role": "robot", "content": "x"}], "messages[0] has the role 'robot'"),
        ([{"role": "tool", "content": "x", "tool_call_id": "1"}], "that the message before did not make"),
        ([*ASKED, {"role": "assistant", "tool_calls": [{"id": "1"}]}, *ASKED], "before the tool calls ['1']"),
        ([*ASKED, {"role": "assistant", "tool_calls": [{"id": "1"}]}], "are not answered"),
    ],
)
def test_what_the_service_refuses_is_refused(messages: list[dict[str, Any]], problem: str) -> None:
    with StandIn() as server:
        status, _, content = post(server, "chat/completions", {"messages": messages})

    assert status == 400
    assert problem in json.loads(content)["error"]["message"]


def test_it_keeps_to_the_limit_of_tokens() -> None:
    with StandIn("one two three") as server:
        choice = chat(server, max_tokens=2)["choices"][0]

    assert (choice["message"]["content"], choice["finish_reason"]) == ("one two ", "length")


@pytest.mark.parametrize("stop", ["two", ["nowhere", "two"]])
def test_it_stops_before_a_stop_sequence(stop: Any) -> None:
    with StandIn("one two three") as server:
        choice = chat(server, stop=stop)["choices"][0]

    assert (choice["message"]["content"], choice["finish_reason"]) == ("one ", "stop")


def test_a_script_gives_its_replies_in_order_and_says_when_it_ends() -> None:
    with StandIn(script=[TextReply(text="first"), StructuredReply(value={"ü": 1})]) as server:
        texts = [chat(server)["choices"][0]["message"]["content"] for _ in range(2)]
        status, _, content = post(server, "chat/completions", {"messages": ASKED})

    assert texts == ["first", '{"ü": 1}']
    assert status == 400
    assert "script of 2 replies is at its end" in json.loads(content)["error"]["message"]


def test_a_script_may_be_a_function_of_the_request() -> None:
    with StandIn(script=lambda request: TextReply(text=request["messages"][-1]["content"])) as server:
        assert chat(server)["choices"][0]["message"]["content"] == "go on"


def test_an_error_says_how_long_to_wait() -> None:
    with StandIn(script=[ErrorReply(status=429, retry_after=1.5)]) as server:
        status, headers, _ = post(server, "chat/completions", {"messages": ASKED})

    assert (status, headers["retry-after"]) == (429, "1.5")


def test_several_clients_are_served_at_once() -> None:
    with StandIn("one two", pause=0.02) as server:
        connections = [http.client.HTTPConnection(urlsplit(server.url).netloc) for _ in range(8)]
        for connection in connections:
            body = json.dumps({"messages": ASKED, "stream": True})
            connection.request("POST", "/v1/chat/completions", body, {"Authorization": f"Bearer {server.key}"})
        answers = [connection.getresponse().read() for connection in connections]
        for connection in connections:
            connection.close()

    assert len({answer.count(b"data:") for answer in answers}) == 1


def test_closing_it_cuts_the_connections_that_are_open() -> None:
    with StandIn(pause=30) as server:
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
        body = json.dumps({"messages": ASKED, "stream": True})
        connection.request("POST", "/v1/chat/completions", body, {"Authorization": f"Bearer {server.key}"})
        answer = connection.getresponse()
        server.close()
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
        connection.close()
