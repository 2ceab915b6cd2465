"""The yardstick: hand-written asyncio doing the same work.

A dispatcher task with an inbox queue per run, one task per step, pydantic events, a dictionary from event
type to step; the stream is a queue; a fan-out goes through worker tasks on one queue. No retries, no limits,
no validation, no endings but the good one: what an engine adds on top of this is its price.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from pydantic import BaseModel

from benchmarks.contract import WORKERS, Hook, moments

IMPORTS = "import asyncio\nfrom pydantic import BaseModel"
LEFT_OUT: Mapping[str, str] = {}


class Event(BaseModel):
    pass


class Stop(Event):
    result: int


class Run:
    """One run: an inbox, a stream, a dispatcher, and the tasks of the steps that are running."""

    def __init__(self, steps: "Steps") -> None:
        self.steps = steps
        self.inbox: asyncio.Queue[Event] = asyncio.Queue()
        self.stream: asyncio.Queue[Event] = asyncio.Queue()
        self.tasks: set[asyncio.Task[None]] = set()
        self.workers: list[asyncio.Task[None]] = []
        self.joins: dict[type[Event], tuple[int, list[Event]]] = {}
        self.done: asyncio.Task[int] = asyncio.create_task(self.dispatch())

    async def dispatch(self) -> int:
        while True:
            event = await self.inbox.get()
            if isinstance(event, Stop):
                self.stream.put_nowait(event)
                return event.result
            if type(event) in self.joins:
                self.collect(event)
            else:
                self.begin(self.steps[type(event)], event)

    def collect(self, event: Event) -> None:
        wanted, arrived = self.joins[type(event)]
        arrived.append(event)
        if len(arrived) == wanted:
            del self.joins[type(event)]
            self.begin(self.steps[type(event)], arrived)

    def join(self, kind: type[Event], wanted: int) -> None:
        """Let the step that takes ``kind`` begin with ``wanted`` of them at once."""
        self.joins[kind] = (wanted, [])

    def begin(self, step: "Step", event: Any) -> None:
        self.tasks.add(asyncio.create_task(self.attempt(step, event)))

    async def attempt(self, step: "Step", event: Any) -> None:
        result = await step(self, event)
        if result is not None:
            self.inbox.put_nowait(result)
        self.tasks.discard(cast("asyncio.Task[None]", asyncio.current_task()))


Step: TypeAlias = Callable[[Run, Any], Awaitable[Event | None]]
Steps: TypeAlias = Mapping[type[Event], Step]


def start(steps: Steps, event: Event) -> Run:
    run = Run(steps)
    run.inbox.put_nowait(event)
    return run


class ChainStart(Event):
    until: int


class Link(Event):
    number: int
    until: int


class Last(Event):
    number: int


async def begin_chain(run: Run, event: ChainStart) -> Event:
    return Link(number=0, until=event.until)


async def loop(run: Run, event: Link) -> Event:
    number = event.number + 1
    return Last(number=number) if number == event.until else Link(number=number, until=event.until)


async def last(run: Run, event: Last) -> Event:
    moments.last_step()
    return Stop(result=event.number)


CHAIN: Steps = {ChainStart: begin_chain, Link: loop, Last: last}


async def chain(steps: int) -> int:
    return await start(CHAIN, ChainStart(until=steps)).done


class ShortStart(Event):
    number: int


class First(Event):
    number: int


class Second(Event):
    number: int


async def one(run: Run, event: ShortStart) -> Event:
    return First(number=event.number + 1)


async def two(run: Run, event: First) -> Event:
    return Second(number=event.number + 1)


async def three(run: Run, event: Second) -> Event:
    return Stop(result=event.number + 1)


SHORT: Steps = {ShortStart: one, First: two, Second: three}


async def short_run(number: int) -> int:
    return await start(SHORT, ShortStart(number=number)).done


class FanStart(Event):
    size: int


class Item(Event):
    number: int


class Doubled(Event):
    number: int


class Joined(Event):
    total: int


async def fan(run: Run, event: FanStart) -> None:
    """Put the items on one queue; worker tasks empty it and send what they made to the inbox."""
    queue: asyncio.Queue[Item] = asyncio.Queue()

    async def work() -> None:
        while True:
            item = await queue.get()
            await asyncio.sleep(0)
            run.inbox.put_nowait(Doubled(number=item.number * 2))

    run.workers = [asyncio.create_task(work()) for _ in range(WORKERS)]
    run.join(Doubled, event.size)
    for number in range(event.size):
        queue.put_nowait(Item(number=number))


async def join(run: Run, events: list[Doubled]) -> Event:
    for worker in run.workers:
        worker.cancel()
    return Joined(total=sum(event.number for event in events))


async def after_join(run: Run, event: Joined) -> Event:
    moments.last_step()
    return Stop(result=event.total)


FAN: Steps = {FanStart: fan, Doubled: join, Joined: after_join}


async def fan_out(items: int) -> int:
    return await start(FAN, FanStart(size=items)).done


class StreamStart(Event):
    events: int
    pause: int


class Word(Event):
    number: int


async def write(run: Run, event: StreamStart) -> Event:
    for number in range(event.events):
        run.stream.put_nowait(Word(number=number))
        if event.pause and number % event.pause == event.pause - 1:
            await asyncio.sleep(0)
    return Stop(result=event.events)


STREAM: Steps = {StreamStart: write}


async def stream(events: int, pause: int, on_event: Callable[[int], None]) -> int:
    run = start(STREAM, StreamStart(events=events, pause=pause))
    while not isinstance(event := await run.stream.get(), Stop):
        if isinstance(event, Word):
            on_event(event.number)
    return await run.done


class AskStart(Event):
    pass


class Question(Event):
    pass


class Answer(Event):
    number: int


async def ask(run: Run, event: AskStart) -> None:
    run.stream.put_nowait(Question())


async def take(run: Run, event: Answer) -> Event:
    return Stop(result=event.number)


WAITING: Steps = {AskStart: ask, Answer: take}


async def waiting(runs: int, at_rest: Hook) -> Sequence[int]:
    started = [start(WAITING, AskStart()) for _ in range(runs)]
    for run in started:
        await run.stream.get()
    at_rest()
    for number, run in enumerate(started):
        run.inbox.put_nowait(Answer(number=number))
    return [await run.done for run in started]
