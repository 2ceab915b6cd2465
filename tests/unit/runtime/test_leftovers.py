"""Background tasks that ignore their cancellation do not hold a run up."""

import asyncio
import logging
from typing import Annotated

import pytest
from tests.unit.runtime.virtual_loop import virtually

from stepwell import Collect, Context, Event, StartEvent, StepFailedEvent, StopEvent, Workflow, step


class Item(Event):
    number: int


class Done(Event):
    pass


class Stubborn(Workflow):
    """One branch of a fan-out fails, and leaves a task that does not end when it is told to."""

    def __init__(self) -> None:
        super().__init__(timeout=None)

    @step
    async def begin(self, ev: StartEvent) -> list[Item]:
        return [Item(number=number) for number in range(2)]

    @step
    async def branch(self, ctx: Context, ev: Item) -> Done:
        if ev.number == 1:
            ctx.create_task(ignores(), name="deaf")
            await asyncio.sleep(1)
            raise ValueError("the branch with the task fails")
        return Done()

    @step
    async def join(self, evs: Annotated[list[Done | StepFailedEvent], Collect(errors="collect")]) -> StopEvent:
        return StopEvent(len(evs))


async def ignores() -> None:
    for _ in range(100):
        try:
            await asyncio.sleep(3_600)
        except asyncio.CancelledError:
            continue


@virtually
async def test_a_task_that_ignores_the_end_of_its_branch_is_given_up_after_the_grace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()

    with caplog.at_level(logging.WARNING):
        await Stubborn().run()

    assert 5 <= loop.time() - begun < 60
    assert "background task 'deaf' ignores its cancellation and was given up after 5 seconds" in caplog.text
