"""What callbacks are told of model calls."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from stepwell.callbacks import BaseCallbackHandler, CallbackManager, CBEventType, EventPayload
from stepwell.errors import BrokenStreamError, CallbackVeto, RateLimitedError
from stepwell.llms import (
    ChatMessage,
    ErrorReply,
    PromptTemplate,
    StandIn,
    StructuredReply,
    TextReply,
    ToolCallBlock,
    ToolCallsReply,
    ToolLoop,
    call_tool,
)
from stepwell.llms.openai import OpenAI, OpenAIEmbedding

Connect = Callable[..., OpenAI]


class Notes(BaseCallbackHandler):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__([], [])
        self.starts: list[tuple[CBEventType, dict[Any, Any], str]] = []
        self.ends: list[tuple[CBEventType, dict[Any, Any]]] = []
        self.parents: dict[CBEventType, str] = {}

    def on_event_start(
        self, event_type: CBEventType, payload: Any = None, event_id: str = "", parent_id: str = "", **_: Any
    ) -> str:
        self.starts.append((event_type, payload or {}, event_id))
        self.parents[event_type] = parent_id
        return event_id

    def on_event_end(self, event_type: CBEventType, payload: Any = None, event_id: str = "", **_: Any) -> None:
        self.ends.append((event_type, payload or {}))

    def start_trace(self, trace_id: str | None = None) -> None: ...
    def end_trace(self, trace_id: str | None = None, trace_map: Any = None) -> None: ...

    def end_of(self, kind: CBEventType) -> dict[Any, Any]:
        [payload] = [payload for event_type, payload in self.ends if event_type is kind]
        return payload

    def start_of(self, kind: CBEventType) -> dict[Any, Any]:
        [payload] = [payload for event_type, payload, _ in self.starts if event_type is kind]
        return payload


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def told(connect: Connect, notes: Notes) -> Connect:
    def connected(server: StandIn, **settings: Any) -> OpenAI:
        return connect(server, callback_manager=CallbackManager([notes]), **settings)

    return connected


async def test_a_completion_is_one_event_with_prompt_answer_and_usage(told: Connect, notes: Notes) -> None:
    async with StandIn("one two") as server:
        answer = await told(server, temperature=0.5).acomplete("go on", seed=7)

    start, end = notes.start_of(CBEventType.LLM), notes.end_of(CBEventType.LLM)
    assert start[EventPayload.PROMPT] == "go on"
    assert start[EventPayload.MODEL_NAME] == "any"
    assert start[EventPayload.ADDITIONAL_KWARGS] == {"seed": 7}
    assert start[EventPayload.SERIALIZED]["temperature"] == 0.5
    assert end[EventPayload.PROMPT] == "go on"
    assert end[EventPayload.COMPLETION] is answer
    assert end["usage"]["total_tokens"] == 4
    assert end["finish_reason"] == "stop"


async def test_a_chat_is_one_event_with_messages_and_response(told: Connect, notes: Notes) -> None:
    messages = [ChatMessage("be brief", role="system"), ChatMessage("go")]
    async with StandIn("one two") as server:
        response = await told(server).achat(messages)

    assert notes.start_of(CBEventType.LLM)[EventPayload.MESSAGES] == messages
    assert notes.end_of(CBEventType.LLM)[EventPayload.RESPONSE] is response


async def test_a_stream_is_one_event_with_the_time_of_its_first_chunk(told: Connect, notes: Notes) -> None:
    async with StandIn("one two three", pause=0.01) as server:
        chunks = [chunk async for chunk in await told(server).astream_complete("go")]

    end = notes.end_of(CBEventType.LLM)
    assert end[EventPayload.COMPLETION] is chunks[-1]
    assert 0.01 <= end["time_to_first_chunk"] < 5
    assert end["chunk_count"] == 3
    assert end["usage"]["completion_tokens"] == 3


async def test_a_stream_whose_reader_stops_is_told_as_cancelled_with_what_had_arrived(
    told: Connect, notes: Notes
) -> None:
    async with StandIn("one two three", pause=0.01) as server, await told(server).astream_complete("go") as stream:
        await anext(stream)

    end = notes.end_of(CBEventType.LLM)
    assert end["status"] == "cancelled"
    assert end[EventPayload.COMPLETION].text == "one "


async def test_a_call_whose_task_is_cancelled_is_told_as_cancelled(told: Connect, notes: Notes) -> None:
    async with StandIn(pause=10) as server:
        asking = asyncio.create_task(told(server).acomplete("go"))
        await asyncio.to_thread(server.wait_for_call)
        asking.cancel()
        await asyncio.wait([asking])

    assert notes.end_of(CBEventType.LLM)["status"] == "cancelled"


async def test_a_failed_call_is_told_with_its_error(told: Connect, notes: Notes) -> None:
    async with StandIn(script=[ErrorReply(status=429)]) as server:
        with pytest.raises(RateLimitedError) as caught:
            await told(server).acomplete("go")

    assert notes.end_of(CBEventType.LLM)[EventPayload.EXCEPTION] is caught.value


async def test_a_broken_stream_is_told_with_its_error_and_what_had_arrived(told: Connect, notes: Notes) -> None:
    async with StandIn(script=[TextReply(text="one two", break_after=1)]) as server:
        with pytest.raises(BrokenStreamError) as caught:
            [chunk async for chunk in await told(server).astream_chat([ChatMessage("go")])]

    end = notes.end_of(CBEventType.LLM)
    assert end[EventPayload.EXCEPTION] is caught.value
    assert end[EventPayload.RESPONSE].text == "one "


async def test_a_veto_at_the_start_keeps_the_request_from_being_sent(connect: Connect) -> None:
    class Guard(Notes):
        def on_event_start(self, *_: Any, **__: Any) -> str:
            raise CallbackVeto("not today")

    async with StandIn() as server:
        llm = connect(server, callback_manager=CallbackManager([Guard()]))
        for ask in (llm.acomplete, llm.astream_complete):
            with pytest.raises(CallbackVeto, match="not today"):
                await ask("go")

    assert server.calls == []


async def test_no_payload_holds_a_key_or_the_headers_of_a_call(connect: Connect, notes: Notes) -> None:
    secret = "sk-very-secret-and-long"
    manager = CallbackManager([notes])
    async with StandIn("one", key=secret) as server:
        await connect(server, callback_manager=manager).acomplete("go", extra_headers={"X-Token": secret})
        with pytest.raises(PermissionError):
            await connect(server, callback_manager=manager, api_key=secret + "x").acomplete("go")

    assert len(notes.ends) == 2
    assert secret not in repr([notes.starts, notes.ends])


async def test_a_filled_prompt_is_told_before_the_call(told: Connect, notes: Notes) -> None:
    async with StandIn("one") as server:
        await told(server).apredict(PromptTemplate("About {topic}."), topic="wells")

    assert [kind for kind, _, _ in notes.starts] == [CBEventType.TEMPLATING, CBEventType.LLM]
    start = notes.start_of(CBEventType.TEMPLATING)
    assert start == {EventPayload.TEMPLATE: "About {topic}.", EventPayload.TEMPLATE_VARS: {"topic": "wells"}}


class City(BaseModel):
    name: str


async def test_a_repaired_answer_is_two_calls(told: Connect, notes: Notes) -> None:
    script = [TextReply(text="Ulm"), StructuredReply(value=City(name="Ulm"))]
    async with StandIn(script=script) as server:
        await told(server).astructured_predict(City, PromptTemplate("a city"))

    assert [kind for kind, _ in notes.ends] == [CBEventType.TEMPLATING, CBEventType.LLM, CBEventType.LLM]


def add(one: int, other: int) -> int:
    """Add."""
    return one + other


async def test_a_tool_call_is_told_with_its_arguments_and_output(told: Connect, notes: Notes) -> None:
    script = [ToolCallsReply(calls=[("add", {"one": 1, "other": 2})]), TextReply(text="3")]
    async with StandIn(script=script) as server:
        await ToolLoop(told(server), [add]).arun("go")

    start, end = notes.start_of(CBEventType.FUNCTION_CALL), notes.end_of(CBEventType.FUNCTION_CALL)
    assert start[EventPayload.TOOL].name == "add"
    assert start[EventPayload.FUNCTION_CALL] == {"one": 1, "other": 2}
    assert end[EventPayload.FUNCTION_OUTPUT] == "3"


async def test_a_failed_tool_call_is_told_with_its_error(notes: Notes) -> None:
    call = ToolCallBlock(tool_name="add", tool_kwargs={"one": "x"})

    output = await call_tool([add], call, callback_manager=CallbackManager([notes]))

    assert notes.end_of(CBEventType.FUNCTION_CALL)[EventPayload.EXCEPTION] is output.exception


async def test_each_batch_of_embeddings_is_an_event(notes: Notes) -> None:
    async with StandIn() as server:
        model = OpenAIEmbedding(
            api_base=server.url,
            api_key=server.key,
            embed_batch_size=2,
            num_workers=1,
            callback_manager=CallbackManager([notes]),
        )
        vectors = await model.aget_text_embedding_batch(["a", "b", "c"])

    assert [payload[EventPayload.CHUNKS] for _, payload in notes.ends] == [["a", "b"], ["c"]]
    assert notes.ends[1][1][EventPayload.EMBEDDINGS] == vectors[2:]


async def test_a_client_without_a_manager_tells_that_of_the_trace_around_it(connect: Connect, notes: Notes) -> None:
    async with StandIn("one") as server:
        with CallbackManager([notes]).as_trace("inside_a_trace"):
            await connect(server).acomplete("go")
        await connect(server).acomplete("go")

    assert [kind for kind, _ in notes.ends] == [CBEventType.LLM]


def test_a_blocking_call_is_told_under_the_event_around_it(told: Connect, notes: Notes) -> None:
    manager = CallbackManager([notes])
    with StandIn("one") as server, manager.as_trace("query"), manager.event(CBEventType.QUERY) as around:
        told(server).complete("go")

    assert notes.parents[CBEventType.LLM] == around.event_id
