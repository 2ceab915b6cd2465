"""Streams: any number of consumers, cursors, latecomers, the bounded buffer, internal events, and always an end."""

import asyncio
from typing import Any

import pytest
from tests.unit.runtime.virtual_loop import virtually

from stepwell import (
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    StreamGap,
    Workflow,
    step,
)
from stepwell.errors import NotAnEventError, StepOptionError, StreamCursorError
from stepwell.flow import (
    InternalDispatchEvent,
    StepState,
    StepStateChanged,
    UnhandledEvent,
    WorkflowCancelledEvent,
    WorkflowFailedEvent,
    WorkflowIdleEvent,
    WorkflowTimedOutEvent,
)
from stepwell.runtime import WorkflowHandler


class Tick(Event):
    number: int


class Question(InputRequiredEvent):
    number: int = 0


class Answer(HumanResponseEvent):
    pass


class Ticker(Workflow):
    """Shows as many ticks as it is told, one a second (or all at once)."""

    @step
    async def tick(self, ctx: Context, ev: StartEvent) -> StopEvent:
        for number in range(ev.get("count", 3)):
            ctx.write_event_to_stream(Tick(number=number))
            if ev.get("pause", True):
                await asyncio.sleep(1)
        return StopEvent("end")


def shown(events: list[Any]) -> list[Any]:
    return [event.number if isinstance(event, Tick) else type(event).__name__ for event in events]


async def read(handler: WorkflowHandler[Any], **options: Any) -> list[Any]:
    return shown([event async for event in handler.stream_events(**options)])


ALL = [0, 1, 2, "StopEvent"]


@virtually
async def test_a_stream_yields_what_is_written_in_order_and_ends_with_the_stop_event() -> None:
    assert await read(Ticker().run()) == ALL


@virtually
async def test_an_event_is_there_before_the_next_is_written() -> None:
    handler = Ticker().run()
    start = asyncio.get_running_loop().time()

    times = [round(asyncio.get_running_loop().time() - start, 3) async for _ in handler.stream_events()]

    assert times == [0, 1, 2, 3]


@virtually
async def test_each_consumer_of_a_stream_gets_everything() -> None:
    handler = Ticker().run()

    together = await asyncio.gather(*(read(handler) for _ in range(3)))

    assert together == [ALL] * 3


@virtually
async def test_a_consumer_that_comes_late_starts_at_the_first_event() -> None:
    handler = Ticker().run()
    await asyncio.sleep(1.5)
    early = await read(handler)

    assert await read(handler) == early == ALL


@virtually
async def test_a_consumer_that_breaks_off_disturbs_no_other() -> None:
    handler = Ticker().run()

    async for _ in handler.stream_events():
        break

    assert await read(handler) == ALL


@virtually
async def test_a_consumer_that_is_cancelled_disturbs_neither_run_nor_other_consumers() -> None:
    handler = Ticker().run()
    reader = asyncio.create_task(read(handler))
    await asyncio.sleep(1.5)

    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)

    assert await read(handler) == ALL


@virtually
async def test_the_context_s_stream_is_the_handler_s() -> None:
    handler = Ticker().run()

    assert shown([event async for event in handler.ctx.stream_events()]) == ALL


@virtually
async def test_a_cursor_takes_up_where_a_consumer_stopped() -> None:
    handler = Ticker().run()
    cursor = None
    async for item in handler.stream():
        cursor = item.cursor
        if isinstance(item.event, Tick) and item.event.number == 1:
            break

    assert await read(handler, after=cursor) == [2, "StopEvent"]
    assert await read(handler, after=-1) == ALL
    assert [item.cursor async for item in handler.stream(after=cursor)] == [2, 3]


@pytest.mark.parametrize("cursor", [-2, 4, 99, "1", True, 1.0])
@virtually
async def test_what_is_no_cursor_of_the_stream_is_refused(cursor: Any) -> None:
    handler = Ticker().run()
    await handler

    with pytest.raises(StreamCursorError, match="is no cursor of this stream, whose cursors go from -1 to 3"):
        await read(handler, after=cursor)


@virtually
async def test_nothing_is_written_when_the_event_is_none() -> None:
    class Nothing(Workflow):
        @step
        async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            ctx.write_event_to_stream(None)
            return StopEvent()

    assert await read(Nothing().run()) == ["StopEvent"]


@pytest.mark.parametrize("what", [{"a": 1}, "text", Tick, 0])
@virtually
async def test_only_events_can_be_written(what: Any) -> None:
    class Wrong(Workflow):
        @step
        async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            ctx.write_event_to_stream(what)
            return StopEvent()

    with pytest.raises(NotAnEventError, match="write_event_to_stream takes an instance of an Event subclass"):
        await Wrong().run()


@virtually
async def test_a_stop_event_written_by_a_step_does_not_end_the_stream() -> None:
    class Early(Workflow):
        @step
        async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            ctx.write_event_to_stream(StopEvent("not yet"))
            await asyncio.sleep(1)
            ctx.write_event_to_stream(Tick(number=7))
            return StopEvent("now")

    handler = Early().run()

    assert await read(handler) == ["StopEvent", 7, "StopEvent"]
    assert await handler == "now"


class Ending(Workflow):
    """Ends in the way it is told, after one tick."""

    @step
    async def only(self, ctx: Context, ev: StartEvent) -> StopEvent | None:
        ctx.write_event_to_stream(Tick(number=0))
        await asyncio.sleep(1)
        if ev.how == "failed":
            raise ValueError("told to")
        if ev.how == "stalled":
            return None
        await asyncio.sleep(1_000)
        return StopEvent()


@pytest.mark.parametrize(
    ("how", "last"),
    [
        ("failed", WorkflowFailedEvent),
        ("stalled", WorkflowFailedEvent),
        ("timed out", WorkflowTimedOutEvent),
        ("cancelled", WorkflowCancelledEvent),
    ],
)
@virtually
async def test_a_stream_ends_however_the_run_ends(how: str, last: type[Event]) -> None:
    handler = Ending(timeout=10).run(how=how)
    reader = asyncio.create_task(read(handler))
    await asyncio.sleep(2)
    if how == "cancelled":
        await handler.cancel_run()

    events = await reader

    assert events == [0, last.__name__]
    assert await read(handler) == events
    handler.exception()


@virtually
async def test_the_last_event_is_there_only_when_the_run_is_over() -> None:
    handler = Ticker().run()

    async for event in handler.stream_events():
        if isinstance(event, StopEvent):
            assert handler.is_done()


class Small(Ticker):
    def __init__(self, stream_buffer: int | None) -> None:
        super().__init__(timeout=None, stream_buffer=stream_buffer)


@virtually
async def test_a_consumer_behind_the_edge_gets_one_gap_that_says_how_much_it_missed() -> None:
    handler = Small(10).run(count=100, pause=False)
    items = handler.stream()
    await handler

    events = [item.event async for item in items]

    assert len(events) == 10
    assert shown(events)[-3:] == [98, 99, "StopEvent"]


@virtually
async def test_a_slow_consumer_gets_one_gap_and_goes_on_behind_it() -> None:
    handler = Small(10).run(count=30)
    events: list[Any] = []

    async for event in handler.stream_events():
        events.append(event)
        if len(events) == 1:
            await handler

    assert shown(events) == [0, "StreamGap", *range(21, 30), "StopEvent"]
    assert isinstance(events[1], StreamGap)
    assert events[1].missed == 20


@virtually
async def test_gaps_add_up_however_slow_a_consumer_is() -> None:
    handler = Small(5).run(count=60)
    seen = missed = 0

    async for event in handler.stream_events():
        if isinstance(event, StreamGap):
            missed += event.missed
        else:
            seen += 1
        await asyncio.sleep(7)

    assert seen + missed == 61
    assert missed > 20


@virtually
async def test_without_a_limit_everything_is_kept() -> None:
    handler = Small(None).run(count=70_000, pause=False)
    await handler

    assert len(await read(handler)) == 70_001


@pytest.mark.parametrize("limit", [0, -1, 1.5, "10", True])
def test_the_stream_buffer_must_be_a_count(limit: Any) -> None:
    with pytest.raises(StepOptionError, match="stream_buffer must be an integer greater than 0 or None"):
        Small(limit)


class Questions(Workflow):
    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        for number in range(40):
            event = Question(number=number) if number % 10 == 0 else Tick(number=number)
            ctx.write_event_to_stream(event)
            await asyncio.sleep(1)
        return StopEvent()

    @step
    async def listen(self, ev: Answer) -> StopEvent:
        return StopEvent()


@virtually
async def test_input_requests_are_never_dropped() -> None:
    handler = Questions(stream_buffer=5, timeout=None).run()
    await handler

    late = [event async for event in handler.stream_events()]

    assert [event.number for event in late if isinstance(event, Question)] == [0, 10, 20, 30]


@virtually
async def test_a_slow_consumer_gets_the_input_requests_behind_its_gap() -> None:
    handler = Questions(stream_buffer=5, timeout=None).run()
    events: list[Any] = []

    async for event in handler.stream_events():
        events.append(event)
        if len(events) == 1:
            await handler

    assert [event.number for event in events if isinstance(event, Question)] == [0, 10, 20, 30]
    (gap,) = [event for event in events if isinstance(event, StreamGap)]
    assert gap.missed + len(events) - 1 == 41


@virtually
async def test_a_question_returned_by_a_step_is_shown() -> None:
    class Asks(Workflow):
        @step
        async def ask(self, ev: StartEvent) -> Question:
            return Question(number=5)

        @step
        async def listen(self, ev: Answer) -> StopEvent:
            return StopEvent("heard")

    handler = Asks().run()
    events: list[Any] = []
    async for event in handler.stream_events():
        events.append(event)
        if isinstance(event, Question):
            await handler.send_event(Answer())

    assert [type(event).__name__ for event in events] == ["Question", "StopEvent"]


class Inner(Event):
    pass


class Unheard(Event):
    pass


class Chain(Workflow):
    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> Inner:
        ctx.send_event(Unheard())
        await asyncio.sleep(2)
        return Inner()

    @step
    async def finish(self, ev: Inner) -> StopEvent:
        return StopEvent()


@virtually
async def test_internal_events_tell_of_each_attempt_from_start_to_end() -> None:
    handler = Chain().run(run_id="r1")

    events = [event async for event in handler.stream_events(expose_internal=True)]

    changes = [event for event in events if isinstance(event, StepStateChanged)]
    assert [(one.name, one.step_state) for one in changes] == [
        ("begin", StepState.RUNNING),
        ("begin", StepState.NOT_RUNNING),
        ("finish", StepState.RUNNING),
        ("finish", StepState.NOT_RUNNING),
    ]
    began, ended, next_one, _ = changes
    assert {one.run_id for one in changes} == {"r1"}
    assert (began.attempt, began.number, began.cause, began.worker_id) == (ended.attempt, 1, None, "0")
    assert next_one.cause == began.attempt != next_one.attempt
    assert (began.input_event_name, ended.output_event_name, ended.outcome) == ("StartEvent", "Inner", "ok")
    assert (ended.at - began.at).total_seconds() == pytest.approx(2)
    assert ended.elapsed_seconds == pytest.approx(2)


@virtually
async def test_internal_events_tell_of_an_event_that_nobody_takes() -> None:
    events = [event async for event in Chain().run().stream_events(expose_internal=True)]

    (unhandled,) = [event for event in events if isinstance(event, UnhandledEvent)]
    assert unhandled.event_type == "Unheard"
    assert unhandled.qualified_name.endswith(".Unheard")


@virtually
@pytest.mark.parametrize("step_name", [None, "join"])
async def test_internal_events_tell_of_an_event_for_a_join_from_outside_of_all_fan_outs(step_name: str | None) -> None:
    class Item(Event): ...

    class Made(Event): ...

    class Joins(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> list[Item]:
            ctx.send_event(Made(), step_name)
            return [Item(), Item()]

        @step
        async def make(self, ctx: Context, ev: Item) -> Made:
            return Made()

        @step
        async def join(self, evs: list[Made]) -> StopEvent:
            return StopEvent(len(evs))

    handler = Joins().run()
    events = [event async for event in handler.stream_events(expose_internal=True)]

    assert [event.event_type for event in events if isinstance(event, UnhandledEvent)] == ["Made"]
    assert await handler == 2


@virtually
async def test_internal_events_tell_of_a_run_that_has_nothing_to_do() -> None:
    class Silent(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent | None:
            return None

    handler = Silent().run()
    events = [event async for event in handler.stream_events(expose_internal=True)]
    handler.exception()

    assert [type(event) for event in events if isinstance(event, WorkflowIdleEvent)] == [WorkflowIdleEvent]


class Asking(Workflow):
    """Asks twice, and has a second step that is busy for a second meanwhile."""

    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> Inner | StopEvent:
        ctx.send_event(Inner())
        for _ in range(2):
            await ctx.wait_for_event(Answer)
        return StopEvent()

    @step
    async def work(self, ev: Inner) -> None:
        await asyncio.sleep(1)


@virtually
async def test_internal_events_tell_once_each_time_when_only_waits_are_left() -> None:
    handler = Asking().run()
    begun = asyncio.get_running_loop().time()
    idle = []

    async for event in handler.stream_events(expose_internal=True):
        if isinstance(event, WorkflowIdleEvent):
            idle.append(round(asyncio.get_running_loop().time() - begun, 3))
            await asyncio.sleep(5)
            handler.ctx.send_event(Answer())

    assert idle == [1, 6]


@virtually
async def test_internal_events_tell_who_comes_later_that_a_run_waits() -> None:
    handler = Asking().run()
    await asyncio.sleep(10)

    events = handler.stream_events(expose_internal=True)

    kinds = [type(await anext(events)).__name__ for _ in range(2)]
    assert kinds == ["StepStateChanged", "WorkflowIdleEvent"]
    await handler.cancel_run()


@virtually
async def test_internal_events_are_for_those_who_ask() -> None:
    handler = Chain().run()

    with_them, without = await asyncio.gather(read(handler, expose_internal=True), read(handler))

    assert "StepStateChanged" in with_them
    assert without == ["StopEvent"]
    assert not [item async for item in handler.stream() if isinstance(item.event, InternalDispatchEvent)]


@virtually
async def test_whoever_asks_later_for_internal_events_is_told_of_the_attempts_in_flight() -> None:
    handler = Chain().run()
    await asyncio.sleep(1)

    events = [event async for event in handler.stream_events(expose_internal=True)]

    assert (events[0]["name"], events[0]["step_state"]) == ("begin", StepState.RUNNING)
