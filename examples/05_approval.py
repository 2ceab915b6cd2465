"""Do many things at once, and ask a person before what cannot be undone: one question for each, in any order."""

import asyncio
import sys

from stepwell import Context, Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent, Workflow, step


class Opening(Event):
    well: str
    liters: int


class Opened(Event):
    report: str


class MayI(InputRequiredEvent):
    well: str


class Decision(HumanResponseEvent):
    well: str
    allowed: bool


class Sluices(Workflow):
    """Let water out of wells; more than 100 liters only when somebody allows it."""

    @step
    async def split(self, ev: StartEvent) -> list[Opening]:
        return [Opening(well=well, liters=liters) for well, liters in ev.wanted.items()]

    @step(num_workers=4)
    async def open(self, ctx: Context, ev: Opening) -> Opened:
        if ev.liters > 100:
            question = MayI(prefix=f"May I let {ev.liters} liters out of {ev.well}? ", well=ev.well)
            decision = await ctx.wait_for_event(Decision, question, requirements={"well": ev.well})
            if not decision.allowed:
                return Opened(report=f"{ev.well} stays closed")
        return Opened(report=f"{ev.liters} liters let out of {ev.well}")

    @step
    async def tell(self, opened: list[Opened]) -> StopEvent:
        return StopEvent(result=sorted(one.report for one in opened))


async def main() -> None:
    handler = Sluices().run(wanted={"Chand Baori": 500, "Rani ki Vav": 50, "Agrasen ki Baoli": 120})
    async for event in handler.stream_events():
        if isinstance(event, MayI):
            print(event.prefix, end="", flush=True)
            answer = await asyncio.to_thread(sys.stdin.readline)
            await handler.send_event(Decision(well=event.well, allowed=answer.strip().lower() in {"y", "yes"}))
    print("", *await handler, sep="\n")


if __name__ == "__main__":
    asyncio.run(main())
