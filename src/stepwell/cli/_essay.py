"""The essay workflow of ``stepwell demo``: three steps, of which the second streams a model's words.

It is the workflow of ``examples/01_essay.py``, word for word; a test holds the two together.
"""

from stepwell import Context, Event, StartEvent, StopEvent, Workflow, step
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
