"""What the simulation found once, each as a small workflow of its own, under enough seeds to find it again."""

import asyncio
from typing import Annotated

from stepwell import (
    Collect,
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    Take,
    Workflow,
    step,
)
from stepwell.errors import StepTimeoutError
from stepwell.retry_policy import retry_policy, stop_after_attempt
from stepwell.testing import Faults, Outside, SimulatedRun, same_result, simulate


class SlowThread(Workflow):
    @step(timeout=1.0)
    def only(self, ev: StartEvent) -> StopEvent:
        return StopEvent(result="in time")


def in_time_or_timed_out(run: SimulatedRun) -> None:
    assert run.result == "in time" or isinstance(run.exception, StepTimeoutError)


def test_a_thread_that_ends_while_its_time_is_up_is_timed_out_once() -> None:
    faults = Faults(slow_step=0.9, slow_seconds=4.0)

    simulate(SlowThread, seeds=range(50, 120), faults=faults, check=in_time_or_timed_out)


class Item(Event):
    number: int


class Done(Event):
    number: int


class OneWins(Workflow):
    """Two branches: the first that is done cuts off the other, and itself."""

    @step
    async def split(self, ev: StartEvent) -> list[Item]:
        return [Item(number=number) for number in range(2)]

    @step
    async def join(self, ctx: Context, winner: Annotated[list[Done], Collect(Take(1, cancel=True))]) -> StopEvent:
        await asyncio.sleep(1)
        return StopEvent(result=winner[0].number)


class FirstWins(OneWins):
    """The loser's body is over, and a background task of it goes on until its branch is cut off."""

    @step
    async def work(self, ctx: Context, ev: Item) -> Done | None:
        if ev.number:
            await ctx.sleep(1)
            return Done(number=ev.number)
        ctx.create_task(asyncio.sleep(30))
        return None


def test_a_branch_that_is_cut_off_before_its_body_ran_again_lacks_no_tasks() -> None:
    simulate(FirstWins, seeds=150, faults=Faults(restore=1.0), check=same_result)


class Collects(Workflow):
    @step
    async def spread(self, ctx: Context, ev: StartEvent) -> Item | None:
        for number in range(3):
            ctx.send_event(Item(number=number))
        return None

    @step(num_workers=1, retry_policy=retry_policy(stop=stop_after_attempt(20)))
    async def collect(self, ctx: Context, ev: Item) -> StopEvent | None:
        items = ctx.collect_events(ev, [Item] * 3)
        if items is None:
            return None
        await asyncio.sleep(1)
        return StopEvent(result=sorted(item.to_dict()["number"] for item in items))


def test_what_was_collected_is_there_again_for_the_next_attempt() -> None:
    simulate(Collects, seeds=60, faults=Faults(step_failure=0.2, restore=0.3), check=same_result)


class Answered(Event):
    name: str


class SendsBeside(Workflow):
    """Body and background task send first and wait then; what the body sends at last ends the run."""

    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> Item | None:
        ctx.create_task(self.beside(ctx))
        ctx.send_event(Item(number=1))
        await ctx.wait_for_event(Answered, requirements={"name": "1"})
        ctx.send_event(Item(number=3))
        return None

    async def beside(self, ctx: Context) -> None:
        ctx.send_event(Item(number=2))
        await ctx.wait_for_event(Answered, requirements={"name": "2"})

    @step
    async def answer(self, ctx: Context, ev: Item) -> StopEvent | None:
        await asyncio.sleep(0.01)
        ctx.send_event(Answered(name=str(ev.number)))
        return StopEvent(result="all sent") if ev.number == 3 else None


def test_a_wait_that_was_answered_before_its_body_came_to_it_again_lets_the_tasks_of_the_body_go_first() -> None:
    simulate(SendsBeside, seeds=150, faults=Faults(restore=1.0), check=same_result)


class Never(Event): ...


class WinnerListens(OneWins):
    """The winner's branch is cut off with the others, while a background task of it waits for what never comes."""

    @step
    async def work(self, ctx: Context, ev: Item) -> Done:
        if ev.number:
            await ctx.sleep(1)
        ctx.create_task(self.listen(ctx))
        await asyncio.sleep(0)
        return Done(number=ev.number)

    async def listen(self, ctx: Context) -> None:
        try:
            await ctx.wait_for_event(Never)
        finally:
            await asyncio.sleep(0)

    @step
    async def join(self, ctx: Context, winner: Annotated[list[Done], Collect(Take(1, cancel=True))]) -> StopEvent:
        answer = await ctx.wait_for_event(HumanResponseEvent, InputRequiredEvent())
        return StopEvent(result=(winner[0].number, answer.response))


def test_a_background_task_that_was_told_to_stop_does_not_begin_again_from_a_snapshot() -> None:
    outside = Outside(answer=lambda question: HumanResponseEvent(response="yes"))

    simulate(WinnerListens, seeds=150, faults=Faults(restore=1.0), outside=outside, check=same_result)


class SlowToEnd(Workflow):
    @step
    async def hold(self, ctx: Context, ev: StartEvent) -> StopEvent:
        try:
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0.5)
        return StopEvent()


class CutsOffAChild(OneWins):
    """The loser waits for a child, which takes its time to end when the branch is cut off."""

    @step
    async def work(self, ctx: Context, ev: Item) -> Done:
        if ev.number:
            await ctx.run_child(SlowToEnd())
        else:
            await ctx.sleep(1)
        return Done(number=ev.number)


def test_a_child_that_is_being_cancelled_is_no_part_of_a_snapshot() -> None:
    simulate(CutsOffAChild, seeds=150, faults=Faults(restore=1.0), check=same_result)
