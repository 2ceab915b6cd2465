"""Random trees of child runs: whatever fails, is cancelled or gives up, every run ends and leaves nothing behind."""

import asyncio
import contextlib
from random import Random
from typing import Any

import pytest

from stepwell import Context, Event, HumanResponseEvent, StartEvent, StopEvent, Workflow, step
from stepwell.errors import RunOverError, WorkflowCancelledByUser, WorkflowTimeoutError
from stepwell.runtime.records import record_of
from stepwell.testing import virtual_time

SEEDS = range(60)


class Mark(Event):
    depth: int
    run: str


class Answer(HumanResponseEvent):
    pass


class Broken(Exception):
    pass


class Node(Workflow):
    """Runs itself a few times, at once or one after the other, and does something else in between."""

    def __init__(self, random: Random, started: list[str], **options: Any) -> None:
        super().__init__(**options)
        self.random = random
        self.started = started

    @step(num_workers=2)
    async def grow(self, ctx: Context, ev: StartEvent) -> StopEvent:
        self.started.append(ctx.run_id)
        ctx.write_event_to_stream(Mark(depth=ev.depth, run=ctx.run_id))
        await self.pass_the_time(ctx)
        if ev.depth < 3:
            await self.have_children(ctx, ev.depth + 1)
        await self.pass_the_time(ctx)
        return StopEvent(ev.depth)

    async def pass_the_time(self, ctx: Context) -> None:
        match self.random.choice(["nothing", "work", "sleep", "wait", "fail", "task"]):
            case "work":
                await asyncio.sleep(self.random.randint(0, 3))
            case "sleep":
                await ctx.sleep(self.random.randint(0, 3))
            case "wait":
                with contextlib.suppress(TimeoutError):
                    await ctx.wait_for_event(Answer, timeout=self.random.randint(1, 4))
            case "fail" if self.random.random() < 0.3:
                raise Broken(ctx.run_id)
            case "task":
                ctx.create_task(asyncio.sleep(self.random.randint(0, 2)))
            case _:
                pass

    async def have_children(self, ctx: Context, depth: int) -> None:
        runs = [self.child(ctx, depth) for _ in range(self.random.randint(0, 3))]
        match self.random.choice(["one by one", "at once", "at once", "first", "impatient"]):
            case "at once":
                await asyncio.gather(*runs)
            case "first" if runs:
                done, rest = await asyncio.wait(
                    [asyncio.ensure_future(run) for run in runs], return_when="FIRST_COMPLETED"
                )
                for task in rest:
                    task.cancel()
                await asyncio.gather(*done, *rest, return_exceptions=True)
            case "impatient":
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self.random.randint(0, 4)):
                        await asyncio.gather(*runs)
                for run in runs:
                    run.close()
            case _:
                try:
                    while runs:
                        await runs.pop(0)
                finally:
                    for run in runs:
                        run.close()

    async def child(self, ctx: Context, depth: int) -> None:
        try:
            timeout = self.random.choice([None, 5.0])
            places = self.random.choice([None, None, 1])
            workflow = Node(self.random, self.started, timeout=timeout, num_concurrent_runs=places)
            assert await ctx.run_child(self.random.choice([workflow, self]), depth=depth) == depth
        except Broken:
            if self.random.random() < 0.5:
                raise
        except WorkflowTimeoutError:
            pass


@pytest.mark.parametrize("seed", SEEDS)
@virtual_time
async def test_a_tree_of_runs_comes_to_its_end_and_leaves_nothing(seed: int) -> None:
    random = Random(seed)
    started: list[str] = []
    handler = Node(random, started, timeout=random.choice([None, 30.0])).run(depth=0)
    for _ in range(random.randint(0, 6)):
        await asyncio.sleep(random.randint(0, 2))
        with contextlib.suppress(RunOverError):
            handler.ctx.send_event(Answer())
    if random.random() < 0.3:
        await handler.cancel_run()

    items = [item async for item in handler.stream()]
    with contextlib.suppress(Broken, WorkflowTimeoutError, WorkflowCancelledByUser):
        assert await handler == 0

    record = record_of(handler)
    marks = [(item.event, item.origin) for item in items if isinstance(item.event, Mark)]
    assert not handler._run.host.runs
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert [mark.run for mark, _ in marks] == started
    assert all(len(origin) == mark.depth for mark, origin in marks)
    assert all(not origin or origin[-1].run_id == mark.run for mark, origin in marks)
    assert not record.open
    assert all(child.closed_at is not None and not child.open for child in record.children)
    begun = sum(one.consumed.get(("grow", "stepwell.flow._events.StartEvent"), 0) for one in record.totals)
    assert len(started) - 1 <= begun <= sum(one.runs for one in record.totals)
    assert not any(one.open for one in record.totals)
