"""stepwell, from the checkout, through its public interface only."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from benchmarks.contract import WORKERS, Hook, moments
from stepwell import (
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    Workflow,
    step,
)

IMPORTS = "from stepwell import Context, Event, StartEvent, StopEvent, Workflow, step"
# What a workload cannot do without; one that the checkout does not have yet leaves the row out.
NEEDS = {
    "fan_out_collected": "collect_events",
    "waiting_in_step": "wait_for_event",
    "store_set": "store",
    "snapshot": "to_dict",
}
LEFT_OUT: Mapping[str, str] = {
    workload: f"not built yet: Context.{name}" for workload, name in NEEDS.items() if not hasattr(Context, name)
}


class ChainStart(StartEvent):
    until: int


class Link(Event):
    number: int
    until: int


class Last(Event):
    number: int


class Chain(Workflow):
    @step
    async def begin(self, ev: ChainStart) -> Link:
        return Link(number=0, until=ev.until)

    @step
    async def loop(self, ev: Link) -> Link | Last:
        number = ev.number + 1
        return Last(number=number) if number == ev.until else Link(number=number, until=ev.until)

    @step
    async def last(self, ev: Last) -> StopEvent:
        moments.last_step()
        return StopEvent(result=ev.number)


CHAIN = Chain(timeout=None)


async def chain(steps: int) -> int:
    return await CHAIN.run(start_event=ChainStart(until=steps))


class ShortStart(StartEvent):
    number: int


class First(Event):
    number: int


class Second(Event):
    number: int


class Short(Workflow):
    @step
    async def one(self, ev: ShortStart) -> First:
        return First(number=ev.number + 1)

    @step
    async def two(self, ev: First) -> Second:
        return Second(number=ev.number + 1)

    @step
    async def three(self, ev: Second) -> StopEvent:
        return StopEvent(result=ev.number + 1)


SHORT = Short(timeout=None)


async def short_run(number: int) -> int:
    return await SHORT.run(start_event=ShortStart(number=number))


class FanStart(StartEvent):
    size: int


class Item(Event):
    number: int


class Doubled(Event):
    number: int


class Joined(Event):
    total: int


class Fan(Workflow):
    @step
    async def fan(self, ev: FanStart) -> list[Item]:
        return [Item(number=number) for number in range(ev.size)]

    @step(num_workers=WORKERS)
    async def work(self, ev: Item) -> Doubled:
        await asyncio.sleep(0)
        return Doubled(number=ev.number * 2)

    @step
    async def join(self, evs: list[Doubled]) -> Joined:
        return Joined(total=sum(ev.number for ev in evs))

    @step
    async def after_join(self, ev: Joined) -> StopEvent:
        moments.last_step()
        return StopEvent(result=ev.total)


FAN = Fan(timeout=None)


async def fan_out(items: int) -> int:
    return await FAN.run(start_event=FanStart(size=items))


class StreamStart(StartEvent):
    events: int
    pause: int


class Word(Event):
    number: int


class Stream(Workflow):
    @step
    async def write(self, ctx: Context, ev: StreamStart) -> StopEvent:
        for number in range(ev.events):
            ctx.write_event_to_stream(Word(number=number))
            if ev.pause and number % ev.pause == ev.pause - 1:
                await asyncio.sleep(0)
        return StopEvent(result=ev.events)


STREAM = Stream(timeout=None)


async def stream(events: int, pause: int, on_event: Callable[[int], None]) -> int:
    handler = STREAM.run(start_event=StreamStart(events=events, pause=pause))
    async for event in handler.stream_events():
        if isinstance(event, Word):
            on_event(event.number)
    return await handler


class Ask(InputRequiredEvent):
    pass


class Answer(HumanResponseEvent):
    number: int


class Waiting(Workflow):
    @step
    async def ask(self, ev: StartEvent) -> Ask:
        return Ask()

    @step
    async def take(self, ev: Answer) -> StopEvent:
        return StopEvent(result=ev.number)


WAITING = Waiting(timeout=None)


async def waiting(runs: int, at_rest: Hook) -> Sequence[int]:
    return await answered(WAITING, runs, at_rest)


async def answered(workflow: Workflow, runs: int, at_rest: Hook) -> Sequence[int]:
    handlers = [workflow.run() for _ in range(runs)]
    for handler in handlers:
        async for _ in handler.stream_events():
            break
    at_rest()
    for number, handler in enumerate(handlers):
        handler.ctx.send_event(Answer(number=number))
    return [await handler for handler in handlers]


class CountedItem(Event):
    number: int
    size: int


class CountedDoubled(Event):
    number: int
    size: int


@cache
def expected(size: int) -> list[type[Event]]:
    """The same list for every call: making a list of thousands for each item would be what is measured."""
    return [CountedDoubled] * size


class CollectingFan(Workflow):
    @step
    async def fan(self, ctx: Context, ev: FanStart) -> CountedItem | None:
        for number in range(ev.size):
            ctx.send_event(CountedItem(number=number, size=ev.size))
        return None

    @step(num_workers=WORKERS)
    async def work(self, ev: CountedItem) -> CountedDoubled:
        await asyncio.sleep(0)
        return CountedDoubled(number=ev.number * 2, size=ev.size)

    @step
    async def join(self, ctx: Context, ev: CountedDoubled) -> Joined | None:
        doubled = ctx.collect_events(ev, expected(ev.size))
        return None if doubled is None else Joined(total=sum(each.number for each in doubled))

    @step
    async def after_join(self, ev: Joined) -> StopEvent:
        moments.last_step()
        return StopEvent(result=ev.total)


COLLECTING_FAN = CollectingFan(timeout=None)


async def fan_out_collected(items: int) -> int:
    return await COLLECTING_FAN.run(start_event=FanStart(size=items))


class WaitingInStep(Workflow):
    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        answer = await ctx.wait_for_event(Answer, waiter_event=Ask())
        return StopEvent(result=answer.number)


WAITING_IN_STEP = WaitingInStep(timeout=None)


async def waiting_in_step(runs: int, at_rest: Hook) -> Sequence[int]:
    return await answered(WAITING_IN_STEP, runs, at_rest)


class StateStart(StartEvent):
    size: int
    times: int


class StoreSet(Workflow):
    @step
    async def write(self, ctx: Context, ev: StateStart) -> StopEvent:
        for number in range(ev.size):
            await ctx.store.set(f"key{number}", number)
        moments.work_begins()
        for number in range(ev.times):
            await ctx.store.set("key0", ev.size + number + 1)
        moments.work_ends()
        return StopEvent(result=await ctx.store.get("key0"))


STORE_SET = StoreSet(timeout=None)


async def store_set(keys: int, times: int) -> int:
    """One run with ``keys`` keys in its store sets one of them ``times`` times; return what it then holds."""
    return await STORE_SET.run(start_event=StateStart(size=keys, times=times))


class Snapshot(Workflow):
    @step
    async def write(self, ctx: Context, ev: StateStart) -> Ask:
        for number in range(ev.size):
            await ctx.store.set(f"key{number}", number)
        return Ask()

    @step
    async def take(self, ev: Answer) -> StopEvent:
        return StopEvent(result=ev.number)


SNAPSHOT = Snapshot(timeout=None)


async def snapshot(keys: int, times: int) -> int:
    """A waiting run with ``keys`` keys in its store is snapshotted ``times`` times, then answered."""
    handler = SNAPSHOT.run(start_event=StateStart(size=keys, times=times))
    async for _ in handler.stream_events():
        break
    moments.work_begins()
    for _ in range(times):
        taken = handler.ctx.to_dict()
    moments.work_ends()
    await Context.from_dict(SNAPSHOT, taken).store.get(f"key{keys - 1}")
    handler.ctx.send_event(Answer(number=keys + times))
    return await handler
