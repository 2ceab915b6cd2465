"""Calling the tools a model asks for."""

import asyncio
from collections.abc import Callable

import pytest

from stepwell.errors import ToolArgumentsError, ToolLoopError, UnknownToolError
from stepwell.llms import (
    ChatMessage,
    FunctionTool,
    StandIn,
    TextReply,
    ToolCallBlock,
    ToolCallsReply,
    ToolLoop,
    call_tool,
)
from stepwell.llms.openai import OpenAI

Connect = Callable[..., OpenAI]


def add(one: int, other: int) -> int:
    """Add."""
    return one + other


def fail() -> None:
    """Fail."""
    raise ZeroDivisionError("no")


async def test_the_model_is_told_the_results_and_answers(connect: Connect) -> None:
    script = [ToolCallsReply(calls=[("add", {"one": 1, "other": 2})]), TextReply(text="It is 3.")]
    async with StandIn(script=script) as server:
        run = await ToolLoop(connect(server), [add]).arun("what is 1 + 2?")

    assert str(run) == "It is 3."
    assert run.rounds == 1
    assert [said.role.value for said in run.messages] == ["user", "assistant", "tool", "assistant"]
    assert server.calls[1].request["messages"][-1] == {"role": "tool", "content": "3", "tool_call_id": "call_1_0"}
    assert run.usage.total_tokens > (run.response.usage.total_tokens if run.response.usage else 0)


async def test_tools_asked_for_together_run_at_the_same_time(connect: Connect) -> None:
    both_there = asyncio.Barrier(2)

    async def meet(name: str) -> str:
        await both_there.wait()
        return name

    script = [ToolCallsReply(calls=[("meet", {"name": "a"}), ("meet", {"name": "b"})]), TextReply(text="done")]
    async with StandIn(script=script) as server:
        run = await ToolLoop(connect(server), [meet]).arun([ChatMessage("go")])

    assert [output.content for output in run.outputs] == ["a", "b"]


async def test_a_model_that_never_answers_is_stopped(connect: Connect) -> None:
    async with StandIn(script=lambda _: ToolCallsReply(calls=[("add", {"one": 1, "other": 2})])) as server:
        with pytest.raises(ToolLoopError, match="after 2 rounds") as caught:
            await ToolLoop(connect(server), [add], max_rounds=2).arun("go")

    assert len(server.calls) == 3
    assert caught.value.wanted == ("add",)
    assert len(caught.value.messages) == 6


async def test_a_tool_that_fails_is_told_to_the_model(connect: Connect) -> None:
    script = [ToolCallsReply(calls=[("fail", {})]), TextReply(text="sorry")]
    async with StandIn(script=script) as server:
        run = await ToolLoop(connect(server), [fail]).arun("go")

    assert run.outputs[0].is_error
    assert isinstance(run.outputs[0].exception, ZeroDivisionError)
    assert server.calls[1].request["messages"][-1]["content"] == "ZeroDivisionError: no"


async def test_an_unknown_tool_is_told_with_those_there_are() -> None:
    output = await call_tool([add, fail], ToolCallBlock(tool_name="sub"))

    assert isinstance(output.exception, UnknownToolError)
    assert "the tools are: add, fail" in output.content


async def test_unreadable_arguments_are_told() -> None:
    output = await call_tool([FunctionTool(add)], ToolCallBlock(tool_name="add", tool_kwargs='{"one": '))

    assert isinstance(output.exception, ToolArgumentsError)


async def test_cancelling_the_loop_cancels_its_tools(connect: Connect) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with StandIn(script=[ToolCallsReply(calls=[("wait", {})])]) as server:
        running = asyncio.create_task(ToolLoop(connect(server), [wait]).arun("go"))
        await begun.wait()
        running.cancel()
        await asyncio.wait([running])

    assert ended.is_set()
    assert running.cancelled()


def test_a_program_without_a_loop_runs_one_as_well(connect: Connect) -> None:
    with StandIn("hello") as server:
        assert str(ToolLoop(connect(server), []).run("go")) == "hello"
