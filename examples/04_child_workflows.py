"""Survey several wells at once, each in a child workflow; one of them asks the person in front of the terminal."""

import asyncio
import sys

from stepwell import Context, Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent, Workflow, step


class Progress(Event):
    msg: str


class Well(StartEvent):
    name: str
    depth: float | None = None


class Measured(StopEvent):
    name: str
    depth: float


class SurveyWell(Workflow[Well, Measured]):
    """Measure one well; ask where nobody has written the depth down."""

    @step
    async def measure(self, ctx: Context, ev: Well) -> Measured:
        ctx.write_event_to_stream(Progress(msg=f"measuring {ev.name}"))
        depth = ev.depth
        while depth is None:
            question = InputRequiredEvent(prefix=f"How deep is {ev.name}, in meters? ", about=ev.name)
            answer = await ctx.wait_for_event(HumanResponseEvent, waiter_event=question)
            depth = float(answer.response)
        return Measured(name=ev.name, depth=depth)


class SurveyAll(Workflow):
    @step
    async def survey(self, ctx: Context, ev: StartEvent) -> StopEvent:
        wells = await asyncio.gather(*[ctx.run_child(SurveyWell(), well) for well in ev.wells])
        return StopEvent(result=max(wells, key=lambda well: well.depth))


async def main() -> None:
    wells = [Well(name="Chand Baori", depth=19.5), Well(name="Rani ki Vav"), Well(name="Agrasen ki Baoli", depth=15.0)]
    handler = SurveyAll().run(wells=wells)
    async for item in handler.stream():
        if isinstance(item.event, Progress):
            print(f"[{' > '.join(one.workflow for one in item.origin)}] {item.event.msg}")
        elif isinstance(item.event, InputRequiredEvent):
            print(item.event.prefix, end="", flush=True)
            said = await asyncio.to_thread(sys.stdin.readline)
            handler.ctx.send_event(HumanResponseEvent(response=said.strip() or "24"))
    deepest = await handler
    print(f"the deepest is {deepest.name}: {deepest.depth:g} m")


if __name__ == "__main__":
    asyncio.run(main())
