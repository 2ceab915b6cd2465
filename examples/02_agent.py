"""An agent: a model asks for tools, they work side by side, and it answers; without a key from a script."""

import asyncio
import os

from stepwell import Context, Event, StartEvent, StopEvent, Workflow, step
from stepwell.llms import ChatMessage, StandIn, TextReply, ToolCallBlock, ToolCallsReply, call_tool, tool_message
from stepwell.llms.openai import OpenAI

WELLS = {"Chand Baori": 19.5, "Agrasen ki Baoli": 4.0}
SCRIPT = [ToolCallsReply(calls=[("depth", {"well": well}) for well in WELLS]), TextReply(text="Chand Baori is.")]


def depth(well: str) -> float:
    """Say how many meters of water stand in a well."""
    return WELLS[well]


class Turn(StartEvent):
    said: list[ChatMessage]


class Call(Event):
    turn: Turn
    wanted: ToolCallBlock


class Called(Call):
    answer: ChatMessage


class Agent(Workflow):
    @step
    async def ask(self, turn: Turn) -> list[Call] | StopEvent:
        answer = (await OpenAI().achat(turn.said, tools=[depth])).message
        so_far = Turn(said=[*turn.said, answer])
        return [Call(turn=so_far, wanted=one) for one in answer.tool_calls] or StopEvent(result=answer.content)

    @step(num_workers=4)
    async def use(self, ctx: Context, call: Call) -> Called:
        output = await call_tool([depth], call.wanted)
        ctx.write_event_to_stream(Event(msg=f"{output.tool_name}: {output}"))
        return Called(turn=call.turn, wanted=call.wanted, answer=tool_message(output))

    @step
    async def tell(self, called: list[Called]) -> Turn:
        return Turn(said=[*called[0].turn.said, *(one.answer for one in called)])


async def main() -> None:
    with StandIn(script=SCRIPT) as server:
        if "OPENAI_API_KEY" not in os.environ:
            print(server.describe())
            os.environ.update(OPENAI_API_KEY=server.key, OPENAI_BASE_URL=server.url)
        async for event in Agent().run(said=[ChatMessage(f"Which well is the deepest: {[*WELLS]}?")]).stream_events():
            print(event.result if isinstance(event, StopEvent) else event.msg)


asyncio.run(main())
