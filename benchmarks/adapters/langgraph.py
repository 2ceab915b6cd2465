"""langgraph: a graph of nodes over one state, moved in supersteps."""

import asyncio
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt

from benchmarks.contract import WORKERS, Hook, moments

IMPORTS = "from langgraph.graph import END, START, StateGraph"
LEFT_OUT: Mapping[str, str] = {}


class ChainState(TypedDict):
    number: int
    until: int


async def loop(state: ChainState) -> Command[Literal["loop", "last"]]:
    number = state["number"] + 1
    return Command(update={"number": number}, goto="last" if number == state["until"] else "loop")


async def last(state: ChainState) -> dict[str, int]:
    moments.last_step()
    return {}


def chain_graph() -> Any:
    graph = StateGraph(ChainState)
    graph.add_node("loop", loop)
    graph.add_node("last", last)
    graph.add_edge(START, "loop")
    graph.add_edge("last", END)
    return graph.compile()


CHAIN = chain_graph()


async def chain(steps: int) -> int:
    state = await CHAIN.ainvoke({"number": 0, "until": steps}, {"recursion_limit": steps + 10})
    return int(state["number"])


class ShortState(TypedDict):
    number: int


async def add_one(state: ShortState) -> dict[str, int]:
    return {"number": state["number"] + 1}


def short_graph() -> Any:
    graph = StateGraph(ShortState)
    names = ("one", "two", "three")
    for name, before in zip(names, (START, *names), strict=False):
        graph.add_node(name, add_one)
        graph.add_edge(before, name)
    graph.add_edge(names[-1], END)
    return graph.compile()


SHORT = short_graph()


async def short_run(number: int) -> int:
    state = await SHORT.ainvoke({"number": number})
    return int(state["number"])


class FanState(TypedDict):
    size: int
    doubled: Annotated[list[int], operator.add]
    total: int


class Item(TypedDict):
    number: int


async def fan(state: FanState) -> list[Send]:
    # Not a plain def: langgraph would run that in a thread.
    return [Send("work", {"number": number}) for number in range(state["size"])]


async def work(item: Item) -> dict[str, list[int]]:
    await asyncio.sleep(0)
    return {"doubled": [item["number"] * 2]}


async def join(state: FanState) -> dict[str, int]:
    return {"total": sum(state["doubled"])}


async def after_join(state: FanState) -> dict[str, int]:
    moments.last_step()
    return {}


def fan_graph() -> Any:
    graph = StateGraph(FanState)
    graph.add_node("work", work)
    graph.add_node("join", join)
    graph.add_node("after_join", after_join)
    graph.add_conditional_edges(START, fan, ["work"])
    graph.add_edge("work", "join")
    graph.add_edge("join", "after_join")
    graph.add_edge("after_join", END)
    return graph.compile()


FAN = fan_graph()


async def fan_out(items: int) -> int:
    state = await FAN.ainvoke({"size": items, "doubled": []}, {"max_concurrency": WORKERS})
    return int(state["total"])


class StreamState(TypedDict):
    events: int
    pause: int
    written: int


async def write(state: StreamState) -> dict[str, int]:
    send = get_stream_writer()
    for number in range(state["events"]):
        send({"number": number})
        if state["pause"] and number % state["pause"] == state["pause"] - 1:
            await asyncio.sleep(0)
    return {"written": state["events"]}


def stream_graph() -> Any:
    graph = StateGraph(StreamState)
    graph.add_node("write", write)
    graph.add_edge(START, "write")
    graph.add_edge("write", END)
    return graph.compile()


STREAM = stream_graph()


async def stream(events: int, pause: int, on_event: Callable[[int], None]) -> int:
    state: dict[str, int] = {}
    async for mode, part in STREAM.astream({"events": events, "pause": pause}, stream_mode=["custom", "values"]):
        if mode == "custom":
            on_event(part["number"])
        else:
            state = part
    return state["written"]


class WaitingState(TypedDict):
    number: int


async def ask(state: WaitingState) -> dict[str, int]:
    return {"number": interrupt("number?")}


def waiting_graph() -> Any:
    graph = StateGraph(WaitingState)
    graph.add_node("ask", ask)
    graph.add_edge(START, "ask")
    graph.add_edge("ask", END)
    return graph.compile(checkpointer=InMemorySaver())


async def waiting(runs: int, at_rest: Hook) -> Sequence[int]:
    graph = waiting_graph()
    threads = [{"configurable": {"thread_id": str(number)}} for number in range(runs)]
    for thread in threads:
        await graph.ainvoke({"number": -1}, thread)
    at_rest()
    states = [await graph.ainvoke(Command(resume=number), thread) for number, thread in enumerate(threads)]
    return [int(state["number"]) for state in states]
