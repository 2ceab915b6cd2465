"""Readers: a wait that is cancelled, one that is left, and internal events beside those of the stream."""

import asyncio
from typing import Any

from tests.unit.runtime.virtual_loop import virtually

from stepwell import Context, Event, StartEvent, StopEvent, StreamGap, Workflow, step
from stepwell.flow import InternalDispatchEvent, StepStateChanged


class Tick(Event):
    number: int


class Piece(Event):
    number: int


class Done(Event):
    number: int


class Ticker(Workflow):
    """Shows three ticks, one a second."""

    @step
    async def tick(self, ctx: Context, ev: StartEvent) -> StopEvent:
        for number in range(3):
            await asyncio.sleep(1)
            ctx.write_event_to_stream(Tick(number=number))
        return StopEvent("end")


class Busy(Workflow):
    """Shows five ticks, and has many attempts after that."""

    @step
    async def cut(self, ctx: Context, ev: StartEvent) -> list[Piece]:
        for number in range(5):
            ctx.write_event_to_stream(Tick(number=number))
        return [Piece(number=number) for number in range(40)]

    @step
    async def work(self, ev: Piece) -> Done:
        await asyncio.sleep(ev.number % 3)
        return Done(number=ev.number)

    @step
    async def join(self, evs: list[Done]) -> StopEvent:
        return StopEvent("end")


async def up_to(events: Any, count: int) -> Any:
    async for event in events:
        yield event
        count -= 1
        if not count:
            return


def named(events: list[Any]) -> list[Any]:
    return [event.number if isinstance(event, Tick) else type(event).__name__ for event in events]


@virtually
async def test_a_wait_for_the_next_event_that_ran_out_of_time_loses_nothing() -> None:
    events = Ticker().run().stream_events()
    seen: list[Any] = []

    while not any(isinstance(event, StopEvent) for event in seen):
        try:
            seen.append(await asyncio.wait_for(anext(events), 0.4))
        except TimeoutError:
            seen.append(None)

    assert named([event for event in seen if event is not None]) == [0, 1, 2, "StopEvent"]
    assert seen.count(None) > 3


@virtually
async def test_a_reader_can_be_left_and_taken_up_again() -> None:
    events = Ticker().run().stream_events()

    first = [event async for event in up_to(events, 1)]
    rest = [event async for event in events]

    assert (named(first), named(rest)) == ([0], [1, 2, "StopEvent"])


@virtually
async def test_a_reader_that_was_closed_gives_nothing_more() -> None:
    events: Any = Ticker().run().stream_events()
    await anext(events)

    await events.aclose()

    assert [event async for event in events] == []


@virtually
async def test_a_reader_that_is_left_leaves_no_task_behind() -> None:
    handler = Ticker().run()

    async for _ in handler.stream_events():
        break
    await asyncio.sleep(0)

    assert {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()} == {
        "tick",
        "stepwell runs",
    }


@virtually
async def test_internal_events_push_no_other_out_and_take_no_cursor() -> None:
    handler = Busy(stream_buffer=10).run()
    inward = [item async for item in handler.stream(expose_internal=True)]

    plain = [item async for item in handler.stream()]

    assert [(item.cursor, named([item.event])[0]) for item in plain] == [
        (0, 0),
        (1, 1),
        (2, 2),
        (3, 3),
        (4, 4),
        (5, "StopEvent"),
    ]
    assert [item for item in inward if not isinstance(item.event, InternalDispatchEvent)] == plain


class Watched(Workflow):
    """Ends a step between two ticks."""

    @step
    async def first(self, ctx: Context, ev: StartEvent) -> Piece:
        ctx.write_event_to_stream(Tick(number=1))
        await asyncio.sleep(1)
        return Piece(number=1)

    @step
    async def second(self, ctx: Context, ev: Piece) -> StopEvent:
        ctx.write_event_to_stream(Tick(number=2))
        return StopEvent("end")


def told(event: Event) -> object:
    if isinstance(event, StepStateChanged):
        return f"{event.name} {event.step_state.value}"
    return named([event])[0]


@virtually
async def test_internal_events_stand_where_they_happened() -> None:
    handler = Watched().run()
    lived = [told(event) async for event in handler.stream_events(expose_internal=True)]

    again = [told(event) async for event in handler.stream_events(expose_internal=True)]

    assert again == lived
    assert [one for one in lived if one != "first running"][:4] == [1, "first not_running", "second running", 2]


@virtually
async def test_a_cursor_takes_up_internal_events_behind_it() -> None:
    handler = Watched().run()
    whole = [item async for item in handler.stream(expose_internal=True)]
    second = next(item.cursor for item in whole if isinstance(item.event, Tick) and item.event.number == 2)

    rest = [item async for item in handler.stream(expose_internal=True, after=second)]

    assert rest == [item for item in whole if item.cursor >= second][1:]


@virtually
async def test_who_comes_late_gets_the_internal_events_that_are_still_there() -> None:
    handler = Busy(stream_buffer=10).run()
    handler.stream_events(expose_internal=True)
    await handler

    late = [event async for event in handler.stream_events(expose_internal=True)]

    assert sum(isinstance(event, InternalDispatchEvent) for event in late) == 10
    assert named([event for event in late if not isinstance(event, InternalDispatchEvent)]) == [
        0,
        1,
        2,
        3,
        4,
        "StopEvent",
    ]


@virtually
async def test_a_slow_reader_of_internal_events_is_told_how_many_it_missed() -> None:
    handler = Busy(stream_buffer=10).run()
    events = handler.stream_events(expose_internal=True)
    begun = [await anext(events)]
    await handler

    rest = [event async for event in events]

    [gap] = [event for event in rest if isinstance(event, StreamGap)]
    assert len([one for one in begun + rest if isinstance(one, InternalDispatchEvent)]) + gap.missed == 2 * 42
