"""After many runs of every kind nothing is left: no run, task, timer, file or memory, and no thread but the pool's."""

import asyncio
import contextlib
import gc
import logging
import os
import threading
import tracemalloc
import weakref
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from stepwell import (
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    Resource,
    StartEvent,
    StepFailedEvent,
    StopEvent,
    Workflow,
    WorkflowHandler,
    catch_error,
    step,
)
from stepwell.callbacks import CallbackManager, RecordingHandler
from stepwell.retry_policy import retry_policy, stop_after_attempt, wait_none
from stepwell.runtime._watchdog import WATCHDOG

ROUNDS = 30
GROWTH_BYTES = 20_000
"""What all kinds of runs may leave after ROUNDS rounds: caches of the interpreter, and no run (2.6 kB at least)."""


class Item(Event):
    payload: bytes = b""


class Ask(InputRequiredEvent):
    pass


class Answer(HumanResponseEvent):
    pass


class State(BaseModel):
    items: list[bytes] = []


async def make() -> Any:
    yield bytes(1_000)


class Kinds(Workflow):
    """Does what the start event says."""

    @step
    async def begin(
        self, ctx: Context[State], ev: StartEvent, made: Annotated[bytes, Resource(make, scope="run")]
    ) -> Item | Ask | list[Item] | StopEvent:
        await ctx.store.set("items", [bytes(1_000)])
        for number in range(3):
            ctx.write_event_to_stream(Item(payload=bytes(number)))
        match ev.kind:
            case "completed" | "thread" | "failed" | "retried":
                return Item(payload=ev.kind.encode())
            case "fanned out":
                return [Item(payload=b"") for _ in range(3)]
            case "waits":
                await ctx.wait_for_event(Answer)
            case "asks":
                return Ask()
            case "sleeps":
                await ctx.sleep(3_600)
            case "background":
                ctx.create_task(asyncio.sleep(3_600))
                await asyncio.sleep(3_600)
            case "child":
                await ctx.run_child(Kinds(timeout=None), kind="completed")
        return StopEvent(made)

    @step(retry_policy=retry_policy(wait=wait_none(), stop=stop_after_attempt(2)))
    async def follow(self, ctx: Context[State], ev: Item) -> StopEvent:
        if ev.payload == b"failed" or (ev.payload == b"retried" and ctx.attempt == 1):
            raise ValueError(ev.payload.decode())
        return StopEvent(ev.payload)

    @step
    async def answered(self, ev: Answer) -> StopEvent:
        return StopEvent()


class Threaded(Workflow):
    @step
    def begin(self, ctx: Context[State], ev: StartEvent) -> StopEvent:
        ctx.write_event_to_stream(Item())
        return StopEvent(ctx.call(ctx.store.get("items")))


class Stalls(Workflow):
    @step
    async def begin(self, ev: StartEvent) -> StopEvent | None:
        return None


class Mends(Workflow):
    @step
    async def begin(self, ev: StartEvent) -> StopEvent:
        raise KeyError("mended")

    @catch_error
    async def mend(self, ev: StepFailedEvent) -> StopEvent:
        return StopEvent()


async def ended(handler: WorkflowHandler[Any]) -> None:
    with contextlib.suppress(Exception):
        await handler


async def cancelled(handler: WorkflowHandler[Any]) -> None:
    await asyncio.sleep(0)
    await handler.cancel_run()


async def abandoned(handler: WorkflowHandler[Any]) -> None:
    """Read a little of the stream, leave it, and never ask what became of the run."""
    async for _ in handler.stream_events(expose_internal=True):
        break
    await cancelled(handler)


async def read_by_two(handler: WorkflowHandler[Any]) -> None:
    async def read() -> None:
        async for _ in handler.stream_events():
            pass

    await asyncio.gather(read(), read())
    await ended(handler)


async def timed_out(workflow: Workflow) -> None:
    await ended(workflow.run(kind="background"))


QUICK = Kinds(timeout=0.005)
KIND = Kinds(timeout=None)
SCENES: dict[str, Callable[[], Awaitable[None]]] = {
    "completed": lambda: ended(KIND.run(kind="completed")),
    "failed": lambda: ended(KIND.run(kind="failed")),
    "retried": lambda: ended(KIND.run(kind="retried")),
    "mended": lambda: ended(Mends().run()),
    "stalled": lambda: ended(Stalls().run()),
    "timed out": lambda: timed_out(QUICK),
    "cancelled": lambda: cancelled(KIND.run(kind="sleeps")),
    "cancelled with background tasks": lambda: cancelled(KIND.run(kind="background")),
    "waiting and cancelled": lambda: cancelled(KIND.run(kind="waits")),
    "asking and cancelled": lambda: cancelled(KIND.run(kind="asks")),
    "fanned out": lambda: ended(KIND.run(kind="fanned out")),
    "child": lambda: ended(KIND.run(kind="child")),
    "streamed and abandoned": lambda: abandoned(KIND.run(kind="waits")),
    "streamed by two": lambda: read_by_two(KIND.run(kind="completed")),
    "in a thread": lambda: ended(Threaded().run()),
    "told to callbacks": lambda: ended(
        Kinds(timeout=None, callback_manager=CallbackManager([RecordingHandler(max_records=1)])).run(kind="completed")
    ),
}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)  # what is logged of a failure is kept by pytest, with its traceback
    yield
    logging.disable(logging.NOTSET)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if os.path.isdir("/proc/self/fd") else 0


@pytest.mark.parametrize("scene", SCENES)
async def test_a_run_leaves_nothing_behind(scene: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from stepwell.runtime import _run

    runs: list[weakref.ref[Any]] = []
    begin = _run.Run.begin

    def begun(run: Any, event: Any) -> None:
        runs.append(weakref.ref(run))
        begin(run, event)

    loop: Any = asyncio.get_running_loop()
    await SCENES[scene]()  # threads and caches come into being
    monkeypatch.setattr(_run.Run, "begin", begun)
    tasks, threads, files = asyncio.all_tasks(), set(threading.enumerate()), open_files()

    for _ in range(3):
        await SCENES[scene]()
    for _ in range(5):
        await asyncio.sleep(0)
    gc.collect()

    assert runs
    assert [run() for run in runs if run() is not None] == []
    assert not WATCHDOG._watched[id(loop)].runs
    assert asyncio.all_tasks() == tasks
    assert [timer for timer in loop._scheduled if not timer.cancelled()] == []
    assert {thread.name for thread in set(threading.enumerate()) - threads} <= {"stepwell-step", "stepwell-watchdog"}
    assert open_files() <= files


async def test_memory_does_not_grow_with_the_number_of_runs() -> None:
    async def round_of_all() -> None:
        for scene in SCENES.values():
            await scene()
        gc.collect()

    for _ in range(3):
        await round_of_all()
    tracemalloc.start()
    try:
        await round_of_all()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(ROUNDS):
            await round_of_all()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()

    assert grown < GROWTH_BYTES, f"{grown} bytes more after {ROUNDS} rounds of {len(SCENES)} runs"


async def test_failed_runs_leave_no_rings_for_the_garbage_collector() -> None:
    """A run goes when its last holder does, not at the next collection: what it holds may be large."""
    for _ in range(3):
        await ended(KIND.run(kind="completed"))
    gc.collect()
    gc.disable()
    try:
        handler = KIND.run(kind="completed")
        await handler
        kept = weakref.ref(handler._run)
        del handler
        await asyncio.sleep(0)

        assert kept() is None
    finally:
        gc.enable()
