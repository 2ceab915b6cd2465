"""Model calls for programs without an event loop."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from contextvars import ContextVar

import pytest

from stepwell.errors import BlockingCallError, KeyRefusedError
from stepwell.llms import ChatMessage, PromptTemplate, StandIn, TextReply, ToolCallsReply, ToolLoop
from stepwell.llms._blocking import run_blocking
from stepwell.llms.openai import OpenAI

Connect = Callable[..., OpenAI]
WHERE: ContextVar[str] = ContextVar("WHERE", default="nowhere")


def test_each_way_to_ask_has_its_blocking_twin(connect: Connect) -> None:
    with StandIn("one two") as server:
        llm = connect(server)

        assert llm.complete("go").text == "one two"
        assert llm.chat([ChatMessage("go")]).message.content == "one two"
        assert [chunk.delta for chunk in llm.stream_complete("go")] == ["one ", "two", ""]
        assert [chunk.delta for chunk in llm.stream_chat([ChatMessage("go")])] == ["one ", "two", ""]
        assert llm.predict(PromptTemplate("{x}"), x="go") == "one two"


def test_leaving_a_blocking_stream_closes_the_connection(connect: Connect) -> None:
    with StandIn(pause=0.05) as server:
        with connect(server).stream_complete("go") as stream:
            next(stream)

        assert server.calls[0].wait_until_ended()
        assert server.calls[0].ended == "hung up"


def test_an_error_comes_through(connect: Connect) -> None:
    with StandIn() as server, pytest.raises(KeyRefusedError):
        connect(server, api_key="other").complete("go")


async def test_a_blocking_call_works_inside_a_running_loop(connect: Connect) -> None:
    with StandIn("one two") as server:
        assert connect(server).complete("go").text == "one two"


def test_a_blocking_call_runs_in_the_callers_context_variables() -> None:
    async def where() -> str:
        return WHERE.get()

    WHERE.set("here")

    assert run_blocking(where()) == "here"


def test_the_same_client_works_in_one_loop_after_another(connect: Connect) -> None:
    with StandIn("one two") as server:
        llm = connect(server)

        async def ask() -> str:
            return (await llm.acomplete("go")).text

        assert [asyncio.run(ask()) for _ in range(3)] == ["one two"] * 3
        assert len(llm._clients._kept) == 1


def test_ctrl_c_stops_the_call_and_not_only_the_waiting(connect: Connect) -> None:
    with StandIn(pause=10) as server:

        def interrupt() -> None:
            server.wait_for_call()
            os.kill(os.getpid(), signal.SIGINT)

        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
        threading.Thread(target=interrupt).start()
        try:
            with pytest.raises(KeyboardInterrupt):
                connect(server).complete("go")
        finally:
            signal.signal(signal.SIGINT, before)

        assert server.calls[0].wait_until_ended()
        assert server.calls[0].ended == "hung up"


def test_a_blocking_call_inside_a_blocking_call_is_refused_and_not_a_deadlock(connect: Connect) -> None:
    with StandIn(script=[ToolCallsReply(calls=[("ask", {})]), TextReply(text="done")]) as server:
        llm = connect(server)

        async def ask() -> str:
            return llm.complete("go").text

        run = ToolLoop(llm, [ask]).run("go")

    assert isinstance(run.outputs[0].exception, BlockingCallError)
    assert "acomplete" in run.outputs[0].content


def test_a_forked_process_has_a_loop_of_its_own(connect: Connect) -> None:
    with StandIn("one") as server:
        assert connect(server).complete("go").text == "one"
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writer, connect(server).complete("go").text.encode())
            os._exit(0)
        os.waitpid(child, 0)
        os.close(writer)
        with os.fdopen(reader) as told:
            assert told.read() == "one"
