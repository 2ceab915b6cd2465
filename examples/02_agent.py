"""An agent: a model asks for tools, they work side by side, and a person must allow what is dangerous.

Offline a stand-in plays the model's part from a script; with OPENAI_API_KEY set, the real service is asked.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from stepwell import (
    Collect,
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    Workflow,
    step,
)
from stepwell.llms import (
    LLM,
    ChatMessage,
    StandIn,
    TextReply,
    ToolCallBlock,
    ToolCallsReply,
    ToolOutput,
    call_tool,
    tool_message,
)
from stepwell.llms.openai import OpenAI


def depth(well: str) -> float:
    """Say how many meters of water stand in a well."""
    return {"Chand Baori": 19.5, "Agrasen ki Baoli": 4.0}[well]


def open_sluice(well: str, liters: int) -> str:
    """Let water out of a well. It cannot be put back."""
    return f"{liters} liters let out of {well}"


class Question(StartEvent):
    text: str


class Turn(Event):
    number: int
    said: list[ChatMessage]


class Call(Event):
    turn: Turn
    wanted: ToolCallBlock


class Called(Event):
    turn: Turn
    output: ToolOutput


class Word(Event):
    text: str


class MayI(InputRequiredEvent):
    call_id: str | None
    prefix: str


class Decision(HumanResponseEvent):
    call_id: str | None
    response: str


class Agent(Workflow):
    tools = (depth, open_sluice)
    dangerous = frozenset({"open_sluice"})
    max_turns = 5

    def __init__(self, llm: LLM) -> None:
        super().__init__()
        self.llm = llm

    @step
    async def begin(self, question: Question) -> Turn:
        return Turn(number=1, said=[ChatMessage(question.text)])

    @step
    async def ask(self, ctx: Context, turn: Turn) -> list[Call] | StopEvent:
        async for chunk in await self.llm.astream_chat(turn.said, tools=self.tools):
            ctx.write_event_to_stream(Word(text=chunk.delta))
        calls = chunk.message.tool_calls
        if not calls:
            return StopEvent(result=chunk.text)
        if turn.number == self.max_turns:
            raise RuntimeError(f"no answer in {self.max_turns} turns: the model still asks for tools")
        said = [*turn.said, chunk.message]
        return [Call(turn=Turn(number=turn.number + 1, said=said), wanted=call) for call in calls]

    @step(num_workers=4)
    async def use(self, ctx: Context, call: Call) -> Called:
        if await self.allowed(ctx, call.wanted):
            output = await call_tool(self.tools, call.wanted)
        else:
            output = refusal(call.wanted)
        done = Called(turn=call.turn, output=output)
        ctx.write_event_to_stream(done)
        return done

    @step
    async def tell(self, called: Annotated[list[Called], Collect(ordered=True)]) -> Turn:
        turn = called[0].turn
        return Turn(number=turn.number, said=[*turn.said, *(tool_message(one.output) for one in called)])

    async def allowed(self, ctx: Context, call: ToolCallBlock) -> bool:
        if call.tool_name not in self.dangerous:
            return True
        question = MayI(call_id=call.tool_call_id, prefix=f"May I call {call.tool_name} with {call.tool_kwargs}? ")
        answer = await ctx.wait_for_event(Decision, question, requirements={"call_id": call.tool_call_id})
        return answer.response.strip().lower() in {"y", "yes"}


def refusal(call: ToolCallBlock) -> ToolOutput:
    return ToolOutput(content="A person did not allow it.", tool_name=call.tool_name, tool_call_id=call.tool_call_id)


SCRIPT = [
    ToolCallsReply(
        text="I look at both wells.",
        calls=[("depth", {"well": "Chand Baori"}), ("depth", {"well": "Agrasen ki Baoli"})],
    ),
    ToolCallsReply(calls=[("open_sluice", {"well": "Chand Baori", "liters": 500})]),
    TextReply(text="Chand Baori is the deeper one, and the sluice is dealt with as you decided."),
]


@asynccontextmanager
async def model() -> AsyncIterator[LLM]:
    if "OPENAI_API_KEY" in os.environ:
        yield OpenAI()
        return
    async with StandIn(script=SCRIPT, pause=0.02) as server:
        print(server.describe())
        yield OpenAI(api_base=server.url, api_key=server.key)


async def main() -> None:
    async with model() as llm:
        handler = Agent(llm).run(text="Which is deeper, Chand Baori or Agrasen ki Baoli? Let 500 liters out of it.")
        async for event in handler.stream_events():
            if isinstance(event, Word):
                print(event.text, end="", flush=True)
            elif isinstance(event, Called):
                print(f"\n[{event.output.tool_name}: {event.output}]")
            elif isinstance(event, MayI):
                print(f"\n{event.prefix}", end="", flush=True)
                answer = await asyncio.to_thread(sys.stdin.readline)
                await handler.send_event(Decision(call_id=event.call_id, response=answer))
        print(f"\nThe result: {await handler}")


if __name__ == "__main__":
    asyncio.run(main())
