"""Write an essay with a model, and show every word as it comes."""

# mypy: ignore-errors

import asyncio

from llama_index.llms.openai import OpenAI
from llama_index.utils.workflow import draw_all_possible_flows
from workflows import Context, Workflow, step
from workflows.events import Event, StartEvent, StopEvent


class Outline(Event):
    topic: str


class Essay(Event):
    text: str


class Progress(Event):
    msg: str


class EssayWorkflow(Workflow):
    llm = OpenAI(model="gpt-4o-mini")

    @step
    async def plan(self, ctx: Context, ev: StartEvent) -> Outline:
        ctx.write_event_to_stream(Progress(msg="planning\n"))
        return Outline(topic=ev.topic)

    @step
    async def write(self, ctx: Context, ev: Outline) -> Essay:
        generator = await self.llm.astream_complete(f"Write about {ev.topic}.")
        async for response in generator:
            ctx.write_event_to_stream(Progress(msg=response.delta))
        return Essay(text=str(response))

    @step
    async def finish(self, ctx: Context, ev: Essay) -> StopEvent:
        ctx.write_event_to_stream(Progress(msg="\ndone\n"))
        return StopEvent(result=ev.text)


async def main():
    w = EssayWorkflow(timeout=30)
    handler = w.run(topic="stepwells")
    async for ev in handler.stream_events():
        if isinstance(ev, Progress):
            print(ev.msg, end="", flush=True)
    final_result = await handler
    print("Final result", final_result)
    draw_all_possible_flows(EssayWorkflow, filename="essay.html")


if __name__ == "__main__":
    asyncio.run(main())
