"""After many runs of every kind nothing is left: no run, task, timer, file or memory, and no thread but the pool's."""

import asyncio
import contextlib
import gc
import logging
import os
import sys
import threading
import tracemalloc
import weakref
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from stepwell import (
    Collect,
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    Resource,
    StartEvent,
    StepFailedEvent,
    StopEvent,
    Take,
    Workflow,
    WorkflowHandler,
    catch_error,
    step,
)
from stepwell.callbacks import CallbackManager, RecordingHandler
from stepwell.retry_policy import retry_policy, stop_after_attempt, wait_none
from stepwell.runtime._watchdog import WATCHDOG

ROUNDS = 30
REPEATS = 60
"""How often one kind of run is tried: one object of each run would be more than the interpreter adds by itself."""

TRIES = 5
"""How often in a row it must grow: free lists of the interpreter fill up now and then, what leaks does so each time."""

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


class Gathers(Workflow):
    """Sends itself three events, and ends when they are collected; one more stays in the buffer."""

    @step
    async def begin(self, ctx: Context[State], ev: StartEvent) -> Item | None:
        for _ in range(4):
            ctx.send_event(Item(payload=bytes(1_000)))
        return None

    @step
    async def gather(self, ctx: Context[State], ev: Item) -> StopEvent | None:
        return None if ctx.collect_events(ev, [Item] * 3) is None else StopEvent()


class Patient(Workflow):
    """Asks, waits for the answer in a step with a time limit, and goes on from what it recorded."""

    @step(timeout=3_600)
    async def begin(self, ctx: Context[State], ev: StartEvent) -> StopEvent:
        await ctx.once("noted", bytes, 1_000)
        try:
            await ctx.wait_for_event(Answer, Ask(), timeout=ev.seconds)
        except TimeoutError:
            await ctx.sleep(0.0001)
        return StopEvent(bytes(1_000))


class Slow(Workflow):
    @step(timeout=0.001)
    async def begin(self, ev: StartEvent) -> StopEvent:
        await asyncio.sleep(3_600)
        return StopEvent()


class Holds(Workflow):
    """Keeps events that nobody takes, and a join that is half full."""

    @step
    async def begin(self, ctx: Context[State], ev: StartEvent) -> list[Item]:
        for _ in range(3):
            ctx.send_event(Answer())
        return [Item(), Item()]

    @step
    async def join(self, items: Annotated[list[Item], Collect(Take(3))]) -> StopEvent:
        return StopEvent()


class Nests(Workflow):
    @step
    async def begin(self, ctx: Context[State], ev: StartEvent) -> StopEvent:
        return StopEvent(await ctx.run_child(Kinds(timeout=None), kind="sleeps"))


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


async def answered(handler: WorkflowHandler[Any]) -> None:
    async for event in handler.stream_events():
        if isinstance(event, Ask):
            await handler.send_event(Answer())
    await ended(handler)


async def taken_up() -> None:
    """Put a run away while it waits, drop it, and take it up with its answer."""
    handler = PATIENT.run(seconds=3_600)
    async for event in handler.stream_events():
        if isinstance(event, Ask):
            break
    document = handler.ctx.to_dict()
    await handler.cancel_run()
    again = PATIENT.run(ctx=Context.from_dict(PATIENT, document))
    await again.send_event(Answer())
    await ended(again)


async def began_and_forgotten() -> None:
    """Let a run end while nobody has its handler."""
    KIND.run(kind="completed")
    for _ in range(20):
        await asyncio.sleep(0)


PATIENT = Patient(timeout=None)
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
    "collects": lambda: ended(Gathers().run()),
    "answered": lambda: answered(PATIENT.run(seconds=3_600)),
    "waits in vain": lambda: ended(PATIENT.run(seconds=0.0005)),
    "step timed out": lambda: ended(Slow().run()),
    "half full": lambda: ended(Holds(disable_validation=True).run()),
    "put away and taken up": taken_up,
    "child cancelled": lambda: cancelled(Nests().run()),
    "begun and forgotten": began_and_forgotten,
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


@pytest.mark.parametrize("scene", SCENES)
async def test_as_many_objects_and_blocks_are_there_after_many_runs_as_before(scene: str) -> None:
    def standing() -> tuple[int, int]:
        gc.collect()
        return len(gc.get_objects()), sys.getallocatedblocks()

    async def repeat(times: int) -> None:
        for _ in range(times):
            await SCENES[scene]()
        await asyncio.sleep(0)

    await repeat(REPEATS)
    standing()
    grown: list[tuple[int, int]] = []
    while len(grown) < TRIES and not (grown and max(grown[-1]) < REPEATS / 2):
        before = standing()
        await repeat(REPEATS)
        after = standing()
        grown.append((after[0] - before[0], after[1] - before[1]))

    assert max(grown[-1]) < REPEATS / 2, f"objects and blocks of each run are left: {grown}"


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
