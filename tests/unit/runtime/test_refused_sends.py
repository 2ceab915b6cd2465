"""Events that a run refuses because it holds too many: refused again when the body runs again, never made up for."""

import asyncio

import pytest
from tests.unit.runtime.snapshot_helpers import put_away, settle, shown, take_up
from tests.unit.runtime.virtual_loop import virtually

from stepwell import Context, Event, HumanResponseEvent, StartEvent, StopEvent, Workflow, step
from stepwell.errors import TooManyHeldEventsError


class Stray(Event):
    number: int


class Work(Event):
    number: int


class Told(Event):
    text: str


class Go(HumanResponseEvent):
    pass


def try_to_send(ctx: Context, number: int) -> str:
    """Send an event that nobody takes; return whether there was room."""
    try:
        ctx.send_event(Stray(number=number))
    except TooManyHeldEventsError:
        return "refused"
    return "held"


class Crowded(Workflow):
    """Sends into a full run, makes room, sends again; sends real work before, between and after."""

    in_task = False

    @step
    async def fill(self, ctx: Context, ev: StartEvent) -> StopEvent | Work:
        for number in range(999):
            ctx.send_event(Stray(number=number))
        work = self.crowd(ctx)
        seen = await (ctx.create_task(work) if self.in_task else work)
        return StopEvent(result=seen)

    async def crowd(self, ctx: Context) -> list[str]:
        seen = [try_to_send(ctx, 999), try_to_send(ctx, 1000)]
        ctx.send_event(Work(number=1))
        await ctx.wait_for_event(Stray, requirements={"number": 5})
        seen.append(try_to_send(ctx, 1001))
        ctx.send_event(Work(number=2))
        seen.append(try_to_send(ctx, 1002))
        ctx.send_event(Work(number=3))
        await ctx.wait_for_event(Go)
        ctx.send_event(Work(number=4))
        await ctx.wait_for_event(Go)
        return seen

    @step
    async def work(self, ctx: Context, ev: Work) -> None:
        ctx.write_event_to_stream(Told(text=f"work {ev.number}"))


class CrowdedByATask(Crowded):
    in_task = True


CROWDED: dict[bool, type[Crowded]] = {False: Crowded, True: CrowdedByATask}
EXPECTED = ["held", "refused", "held", "refused"]


@pytest.mark.parametrize("in_task", [False, True])
@pytest.mark.parametrize("lives", [1, 2])
@virtually
async def test_a_refused_send_is_refused_again_and_no_other_is_lost_or_doubled(in_task: bool, lives: int) -> None:
    handler = CROWDED[in_task](timeout=None).run()
    await settle()
    for _ in range(lives):
        handler = take_up(CROWDED[in_task](timeout=None), await put_away(handler))
        await settle()

    handler.ctx.send_event(Go())
    await settle()
    handler.ctx.send_event(Go())

    assert await asyncio.wait_for(handler, 10) == EXPECTED
    assert [told.text for told in await shown(handler, Told)] == ["work 4"]


class Roomy(Workflow):
    """Is refused, and asks for room only then."""

    @step
    async def fill(self, ctx: Context, ev: StartEvent) -> StopEvent | Work:
        seen = [try_to_send(ctx, number) for number in range(1_001)]
        ctx.send_event(Work(number=1))
        await ctx.wait_for_event(Stray, requirements={"number": 5})
        await ctx.wait_for_event(Go)
        return StopEvent(result=seen.count("refused"))

    @step
    async def work(self, ctx: Context, ev: Work) -> None:
        ctx.write_event_to_stream(Told(text=f"work {ev.number}"))


@virtually
async def test_a_send_that_was_refused_is_refused_again_though_there_is_room_by_now() -> None:
    handler = Roomy(timeout=None).run()
    await settle()

    again = take_up(Roomy(timeout=None), await put_away(handler))
    await settle()
    again.ctx.send_event(Go())

    assert await asyncio.wait_for(again, 10) == 1
    assert await shown(again, Told) == []
