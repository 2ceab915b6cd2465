"""Answers that are the JSON of a model class."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from stepwell.errors import StructuredAnswerError
from stepwell.llms import ChatMessage, ChatResponse, PromptTemplate, StandIn, StructuredReply, TextReply
from stepwell.llms._structured import ask_for
from stepwell.llms.openai import OpenAI

Connect = Callable[..., OpenAI]
PROMPT = PromptTemplate("Tell me about {city}.")


class City(BaseModel):
    name: str
    people: int


async def test_an_answer_that_fits_is_returned_after_one_call(connect: Connect) -> None:
    async with StandIn(script=[StructuredReply(value=City(name="Ulm", people=1))]) as server:
        city = await connect(server).astructured_predict(City, PROMPT, city="Ulm")

    assert city == City(name="Ulm", people=1)
    assert server.calls[0].request["response_format"]["json_schema"]["schema"]["required"] == ["name", "people"]
    assert server.calls[0].request["messages"][0]["content"] == "Tell me about Ulm."


async def test_an_answer_that_does_not_fit_is_sent_back_with_what_is_wrong(connect: Connect) -> None:
    script = [StructuredReply(value={"name": "Ulm"}), StructuredReply(value={"name": "Ulm", "people": 2})]
    async with StandIn(script=script) as server:
        city = await connect(server).astructured_predict(City, PROMPT, city="Ulm")

    assert city.people == 2
    _, answered, repair = server.calls[1].request["messages"]
    assert answered == {"role": "assistant", "content": '{"name": "Ulm"}'}
    assert "people: Field required" in repair["content"]


async def test_a_second_answer_that_does_not_fit_is_an_error_that_carries_it(connect: Connect) -> None:
    async with StandIn(script=[TextReply(text="Ulm is nice"), TextReply(text="really")]) as server:
        with pytest.raises(StructuredAnswerError, match="is no City") as caught:
            await connect(server).astructured_predict(City, PROMPT, city="Ulm")

    assert caught.value.text == "really"
    assert len(server.calls) == 2


def test_a_program_without_a_loop_gets_one_as_well(connect: Connect) -> None:
    with StandIn(script=[StructuredReply(value=City(name="Ulm", people=1))]) as server:
        assert connect(server).structured_predict(City, PROMPT, city="Ulm").name == "Ulm"


@pytest.mark.parametrize(
    "text",
    ['```json\n{"name":"Ulm","people":1}\n```', '```\n{"name":"Ulm","people":1}```', ' {"name":"Ulm","people":1}\n'],
)
async def test_json_in_a_fence_is_read(text: str) -> None:
    async def ask(*_: Any) -> ChatResponse:
        return ChatResponse(ChatMessage(text, role="assistant"))

    assert (await ask_for(City, [], ask)).name == "Ulm"


async def test_a_refusal_is_not_asked_again() -> None:
    asked = []

    async def ask(*_: Any) -> ChatResponse:
        asked.append(1)
        return ChatResponse(ChatMessage(role="assistant"), additional_kwargs={"refusal": "I will not."})

    with pytest.raises(StructuredAnswerError, match="the model refused") as caught:
        await ask_for(City, [], ask)

    assert caught.value.is_refusal
    assert caught.value.text == "I will not."
    assert asked == [1]


async def test_an_answer_cut_off_at_the_limit_says_so(connect: Connect) -> None:
    async with StandIn(script=lambda _: StructuredReply(value={"name": "Ulm and more", "people": 1})) as server:
        with pytest.raises(StructuredAnswerError, match="cut off at the limit of tokens"):
            await connect(server, max_tokens=2).astructured_predict(City, PROMPT, city="Ulm")
