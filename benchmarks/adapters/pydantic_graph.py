"""pydantic-graph: steps joined by a builder, with decisions, maps and joins."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_graph import GraphBuilder, StepContext, reduce_list_append

from benchmarks.contract import WORKERS, moments

IMPORTS = "from pydantic_graph import GraphBuilder, StepContext"
LEFT_OUT: Mapping[str, str] = {
    "stream": "a graph has no stream that a step writes to",
    "waiting": "a graph cannot wait for an outside event",
}


@dataclass
class Link:
    number: int
    until: int


@dataclass
class Last:
    number: int


async def begin_chain(ctx: StepContext[None, None, int]) -> Link:
    return Link(number=0, until=ctx.inputs)


async def loop(ctx: StepContext[None, None, Link]) -> Link | Last:
    number, until = ctx.inputs.number + 1, ctx.inputs.until
    return Last(number=number) if number == until else Link(number=number, until=until)


async def last(ctx: StepContext[None, None, Last]) -> int:
    moments.last_step()
    return ctx.inputs.number


def chain_graph() -> Any:
    builder = GraphBuilder(auto_instrument=False, input_type=int, output_type=int)
    first, again, end = builder.step(begin_chain), builder.step(loop), builder.step(last)
    choice = builder.decision().branch(builder.match(Link).to(again)).branch(builder.match(Last).to(end))
    builder.add(
        builder.edge_from(builder.start_node).to(first),
        builder.edge_from(first).to(again),
        builder.edge_from(again).to(choice),
        builder.edge_from(end).to(builder.end_node),
    )
    return builder.build()


CHAIN = chain_graph()


async def chain(steps: int) -> int:
    return int(await CHAIN.run(inputs=steps))


async def add_one(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs + 1


def short_graph() -> Any:
    builder = GraphBuilder(auto_instrument=False, input_type=int, output_type=int)
    one, two, three = (builder.step(add_one, node_id=name) for name in ("one", "two", "three"))
    builder.add(
        builder.edge_from(builder.start_node).to(one),
        builder.edge_from(one).to(two),
        builder.edge_from(two).to(three),
        builder.edge_from(three).to(builder.end_node),
    )
    return builder.build()


SHORT = short_graph()


async def short_run(number: int) -> int:
    return int(await SHORT.run(inputs=number))


@dataclass
class FanState:
    """The library has no limit on workers: a semaphore in the state is its manual's way."""

    limit: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(WORKERS))


async def fan(ctx: StepContext[FanState, None, int]) -> list[int]:
    return list(range(ctx.inputs))


async def work(ctx: StepContext[FanState, None, int]) -> int:
    async with ctx.state.limit:
        await asyncio.sleep(0)
        return ctx.inputs * 2


async def total(ctx: StepContext[FanState, None, list[int]]) -> int:
    return sum(ctx.inputs)


async def after_join(ctx: StepContext[FanState, None, int]) -> int:
    moments.last_step()
    return ctx.inputs


def fan_graph() -> Any:
    builder = GraphBuilder(auto_instrument=False, state_type=FanState, input_type=int, output_type=int)
    first, worker = builder.step(fan), builder.step(work)
    joined, end = builder.step(total), builder.step(after_join)
    join = builder.join(reduce_list_append, initial_factory=list[int])
    builder.add(
        builder.edge_from(builder.start_node).to(first),
        builder.edge_from(first).map().to(worker),
        builder.edge_from(worker).to(join),
        builder.edge_from(join).to(joined),
        builder.edge_from(joined).to(end),
        builder.edge_from(end).to(builder.end_node),
    )
    return builder.build()


FAN = fan_graph()


async def fan_out(items: int) -> int:
    return int(await FAN.run(state=FanState(), inputs=items))
