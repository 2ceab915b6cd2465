"""burr: a state machine; an application object is a run, its graph is shared."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from typing import Any

from burr.core import (
    Application,
    ApplicationBuilder,
    ApplicationContext,
    Condition,
    Graph,
    GraphBuilder,
    State,
    action,
)
from burr.core.action import streaming_action
from burr.core.parallelism import MapStates, RunnableGraph

from benchmarks.contract import WORKERS, Hook, moments

IMPORTS = "from burr.core import ApplicationBuilder, State, action"
LEFT_OUT: Mapping[str, str] = {}


def application(graph: Graph, entrypoint: str, **state: Any) -> Application[Any]:
    return ApplicationBuilder().with_graph(graph).with_entrypoint(entrypoint).with_state(**state).build()


@action(reads=["number"], writes=["number"])
async def loop(state: State) -> State:
    return state.update(number=state["number"] + 1)


@action(reads=[], writes=[])
async def last(state: State) -> State:
    moments.last_step()
    return state


again = Condition.lmda(lambda state: state["number"] < state["until"], ["number", "until"])
CHAIN = GraphBuilder().with_actions(loop, last).with_transitions(("loop", "loop", again), ("loop", "last")).build()


async def chain(steps: int) -> int:
    _, _, state = await application(CHAIN, "loop", number=0, until=steps).arun(halt_after=["last"])
    return int(state["number"])


@action(reads=["number"], writes=["number"])
async def add_one(state: State) -> State:
    return state.update(number=state["number"] + 1)


SHORT = (
    GraphBuilder()
    .with_actions(one=add_one, two=add_one, three=add_one)
    .with_transitions(("one", "two"), ("two", "three"))
    .build()
)


async def short_run(number: int) -> int:
    _, _, state = await application(SHORT, "one", number=number).arun(halt_after=["three"])
    return int(state["number"])


# The library has no limit on asynchronous workers: a semaphore holds them to as many as the others have.
LIMIT = asyncio.Semaphore(WORKERS)


@action(reads=["number"], writes=["number"])
async def work(state: State) -> State:
    async with LIMIT:
        await asyncio.sleep(0)
        return state.update(number=state["number"] * 2)


WORK = RunnableGraph.create(work)


class Work(MapStates):
    def is_async(self) -> bool:
        return True

    def states(self, state: State, context: ApplicationContext, inputs: dict[str, Any]) -> Generator[State, None, None]:
        for number in range(state["size"]):
            yield state.update(number=number)

    def action(self, state: State, inputs: dict[str, Any]) -> RunnableGraph:
        return WORK

    async def reduce(self, state: State, results: AsyncGenerator[State, None]) -> State:
        total = 0
        async for result in results:
            total += result["number"]
        return state.update(total=total)

    @property
    def reads(self) -> list[str]:
        return ["size"]

    @property
    def writes(self) -> list[str]:
        return ["total"]


FAN = GraphBuilder().with_actions(work=Work(), last=last).with_transitions(("work", "last")).build()


async def fan_out(items: int) -> int:
    _, _, state = await application(FAN, "work", size=items).arun(halt_after=["last"])
    return int(state["total"])


@streaming_action(reads=["events", "pause"], writes=["written"])
async def write(state: State) -> AsyncGenerator[tuple[dict[str, int], State | None], None]:
    for number in range(state["events"]):
        yield {"number": number}, None
        if state["pause"] and number % state["pause"] == state["pause"] - 1:
            await asyncio.sleep(0)
    yield {"number": -1}, state.update(written=state["events"])


STREAM = GraphBuilder().with_actions(write=write).build()


async def stream(events: int, pause: int, on_event: Callable[[int], None]) -> int:
    app = application(STREAM, "write", events=events, pause=pause)
    _, container = await app.astream_result(halt_after=["write"])
    async for part in container:
        on_event(part["number"])
    _, state = await container.get()
    return int(state["written"])


@action(reads=[], writes=[])
async def ask(state: State) -> State:
    return state


@action(reads=[], writes=["number"])
async def take(state: State, answer: int) -> State:
    return state.update(number=answer)


WAITING = GraphBuilder().with_actions(ask, take).with_transitions(("ask", "take")).build()


async def waiting(runs: int, at_rest: Hook) -> Sequence[int]:
    apps = [application(WAITING, "ask") for _ in range(runs)]
    for app in apps:
        await app.arun(halt_before=["take"])
    at_rest()
    states = [(await app.arun(halt_after=["take"], inputs={"answer": number}))[2] for number, app in enumerate(apps)]
    return [int(state["number"]) for state in states]
