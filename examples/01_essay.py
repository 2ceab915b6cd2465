"""Stream a model's words through a workflow of three steps; without OPENAI_API_KEY, from the offline stand-in."""

import asyncio
import os

from stepwell import Context, Event, StartEvent, StopEvent, Workflow, step
from stepwell.drawing import draw_all_possible_flows
from stepwell.llms import StandIn
from stepwell.llms.openai import OpenAI


class Begin(StartEvent):
    topic: str = "stepwells"
    model: str = "gpt-4o-mini"


class Outline(Event):
    topic: str
    model: str


class Essay(Event):
    text: str


class Progress(Event):
    msg: str


class EssayWorkflow(Workflow):
    """Write about a topic, and show each word as it arrives."""

    @step
    async def plan(self, ctx: Context, ev: Begin) -> Outline:
        ctx.write_event_to_stream(Progress(msg="planning\n"))
        return Outline(topic=ev.topic, model=ev.model)

    @step
    async def write(self, ctx: Context, ev: Outline) -> Essay:
        llm = OpenAI(model=ev.model, max_tokens=198)
        text = ""
        async for chunk in await llm.astream_complete(f"Write one paragraph about {ev.topic}."):
            ctx.write_event_to_stream(Progress(msg=chunk.delta))
            text = chunk.text
        return Essay(text=text)

    @step
    async def finish(self, ctx: Context, ev: Essay) -> StopEvent:
        ctx.write_event_to_stream(Progress(msg="\ndone\n"))
        return StopEvent(result=ev.text)


async def main() -> None:
    with StandIn(pause=0.02) as server:
        if "OPENAI_API_KEY" not in os.environ:
            print(server.describe())
            os.environ.update(OPENAI_API_KEY=server.key, OPENAI_BASE_URL=server.url)
        handler = EssayWorkflow(timeout=120).run(topic="stepwells")
        async for event in handler.stream_events():
            if isinstance(event, Progress):
                print(event.msg, end="", flush=True)
        print(await handler)
    draw_all_possible_flows(EssayWorkflow, filename="essay.html")


if __name__ == "__main__":
    asyncio.run(main())
