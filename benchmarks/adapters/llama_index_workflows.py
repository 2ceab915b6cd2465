"""llama-index-workflows: the peer whose calls stepwell keeps."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from workflows import Context, Workflow, step
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

from benchmarks.contract import WORKERS, Hook, moments

IMPORTS = """
from workflows import Context, Workflow, step
from workflows.events import Event, StartEvent, StopEvent
"""
LEFT_OUT: Mapping[str, str] = {}


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
