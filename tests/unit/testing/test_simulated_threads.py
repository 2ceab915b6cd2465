"""Threads in a simulated world take turns, and so repeat."""

import asyncio
import threading
from typing import Any

import pytest

from stepwell import Context, Event, StartEvent, StopEvent, Workflow, step
from stepwell.errors import SimulationFailure, StepTimeoutError
from stepwell.testing import Faults, SimulatedRun, simulate
from stepwell.testing import _simulated_threads as threads


class Item(Event):
    number: int


class Done(Event):
    number: int


class Threads(Workflow):
    """Three threads that read and write the same place."""

    @step
    async def split(self, ev: StartEvent) -> list[Item]:
        return [Item(number=number) for number in range(3)]

    @step
    def work(self, ctx: Context, ev: Item) -> Done:
        ctx.write_event_to_stream(ev)
        count = ctx.call(ctx.store.get("count", 0))
        ctx.call(ctx.sleep(1))
        ctx.call(ctx.store.set("count", count + 1))
        return Done(number=ev.number)

    @step
    async def join(self, ctx: Context, done: list[Done]) -> StopEvent:
        return StopEvent(result=[one.number for one in done])


def lived(**options: Any) -> list[tuple[Any, ...]]:
    runs: list[tuple[Any, ...]] = []

    def note(run: SimulatedRun) -> None:
        shown = tuple(event.number for event in run.events if isinstance(event, Item))
        runs.append((run.status, run.result, shown, run.facts))

    simulate(Threads, check=note, **options)
    return runs


def test_a_seed_with_threads_is_always_the_same_run() -> None:
    faults = Faults(step_failure=0.1, slow_step=0.1, cancel=0.1)

    assert lived(seeds=15, faults=faults) == lived(seeds=15, faults=faults)


def test_threads_go_on_in_any_order() -> None:
    runs = lived(seeds=40)

    assert len({tuple(result) for _, result, _, _ in runs}) > 2


def test_what_threads_lose_between_them_is_found() -> None:
    def counted(run: SimulatedRun) -> None:
        assert run.ctx.store.snapshot().count == 3

    with pytest.raises(SimulationFailure, match="AssertionError"):
        simulate(Threads, check=counted)


def test_jobs_of_the_default_executor_take_turns() -> None:
    class Jobs(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            order: list[int] = []
            await asyncio.gather(*(asyncio.to_thread(order.append, number) for number in range(4)))
            return StopEvent(result=tuple(order))

    orders: list[Any] = []
    simulate(Jobs, seeds=20, check=lambda run: orders.append(run.result))
    again: list[Any] = []
    simulate(Jobs, seeds=20, check=lambda run: again.append(run.result))

    assert orders == again
    assert len(set(orders)) > 2


def test_the_exception_of_a_job_reaches_who_awaits_it() -> None:
    class Job(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            with pytest.raises(ValueError, match="no number"):
                await asyncio.to_thread(int, "no number")
            return StopEvent()

    assert simulate(Job, seeds=2).endings == {"completed": 2}


def test_a_thread_is_held_up_in_virtual_time() -> None:
    class Late(Workflow):
        @step(timeout=2)
        def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    seen: set[type] = set()
    simulate(Late, seeds=60, faults=Faults(slow_step=0.6), check=lambda run: seen.add(type(run.exception)))

    assert seen == {type(None), StepTimeoutError}


def test_a_thread_that_waits_for_what_the_loop_cannot_see_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "PATIENCE_SECONDS", 0.02)

    class Meeting(Workflow):
        """Its two threads wait for each other."""

        def __init__(self) -> None:
            super().__init__()
            self.barrier = threading.Barrier(2)

        @step
        async def split(self, ev: StartEvent) -> list[Item]:
            return [Item(number=number) for number in range(2)]

        @step
        def meet(self, ctx: Context, ev: Item) -> Done:
            self.barrier.wait(5)
            ctx.write_event_to_stream(ev)
            return Done(number=ev.number)

        @step
        async def join(self, done: list[Done]) -> StopEvent:
            return StopEvent(result=len(done))

    results: set[Any] = set()
    simulate(Meeting, seeds=3, check=lambda run: results.add((run.status, run.result)))

    assert results == {("completed", 2)}
