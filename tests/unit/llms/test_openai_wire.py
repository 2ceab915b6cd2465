"""Requests in the protocol's words, and odd answers of other servers in ours."""

from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel

from stepwell.llms import ChatMessage, ImageBlock, ModelRequest, TextBlock, ToolCallBlock
from stepwell.llms._openai_wire import fragment_of, request_body


class Strict(BaseModel):
    name: str


class Loose(BaseModel):
    name: str = "x"


def test_the_answer_of_a_tool_names_its_call() -> None:
    asked = ChatMessage(
        role="assistant", blocks=[ToolCallBlock(tool_call_id="7", tool_name="add", tool_kwargs={"a": 1})]
    )
    answered = ChatMessage("3", role="tool", additional_kwargs={"tool_call_id": "7"})

    body = request_body(ModelRequest(messages=(asked, answered)))

    assert body["messages"] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "7", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}],
        },
        {"role": "tool", "content": "3", "tool_call_id": "7"},
    ]


def test_arguments_that_were_no_json_go_back_as_they_came() -> None:
    asked = ChatMessage(role="assistant", blocks=[ToolCallBlock(tool_name="add", tool_kwargs='{"a": ')])

    body = request_body(ModelRequest(messages=(asked,)))

    assert body["messages"][0]["tool_calls"][0]["function"]["arguments"] == '{"a": '


def test_texts_without_an_image_are_one_text() -> None:
    body = request_body(ModelRequest(messages=(ChatMessage([TextBlock(text="a"), TextBlock(text="b")]),)))

    assert body["messages"][0]["content"] == "a\nb"


def test_a_shape_is_asked_for_strictly_when_that_is_possible() -> None:
    bodies = [request_body(ModelRequest(messages=(), answer_class=shape)) for shape in (Strict, Loose)]

    assert [body["response_format"]["json_schema"]["strict"] for body in bodies] == [True, False]
    assert bodies[0]["response_format"]["json_schema"]["name"] == "Strict"


def test_an_image_alone_is_a_part() -> None:
    body = request_body(ModelRequest(messages=(ChatMessage([ImageBlock(url="https://x.org/a")]),)))

    assert body["messages"][0]["content"] == [{"type": "image_url", "image_url": {"url": "https://x.org/a"}}]


def test_a_chunk_without_choices_brings_no_text() -> None:
    assert fragment_of(ChatCompletionChunk.construct(choices=[])).text == ""
    assert fragment_of(ChatCompletionChunk.construct(choices=None)).text == ""


def test_a_choice_without_a_delta_brings_no_text() -> None:
    odd = ChatCompletionChunk.construct(choices=[{"index": 0, "finish_reason": "stop", "delta": None}])

    assert fragment_of(odd).finish_reason == "stop"


def test_other_choices_than_the_first_are_not_mixed_in() -> None:
    mixed = ChatCompletionChunk.construct(
        choices=[{"index": 1, "delta": {"content": "no"}}, {"index": 0, "delta": {"content": "yes"}}]
    )

    assert fragment_of(mixed).text == "yes"
