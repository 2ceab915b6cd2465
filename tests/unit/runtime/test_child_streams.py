"""What a child shows and what is sent to it: streams go up with their origin, events from outside go down."""

import asyncio

import pytest
from tests.unit.runtime.child_workflows import Answer, Ask, Question, Runs
from tests.unit.runtime.virtual_loop import passed_since, virtually

from stepwell import Context, Event, HumanResponseEvent, StartEvent, StopEvent, Workflow, step
from stepwell.errors import TooManyHeldEventsError, WorkflowStalledError
from stepwell.flow import InternalDispatchEvent, StepStateChanged, StreamGap


class Shown(Event):
    text: str


class News(Event):
    text: str = ""
    kind: str = ""


class Talks(Workflow):
    """Shows two events, a second apart, and ends."""

    @step
    async def talk(self, ctx: Context, ev: StartEvent) -> StopEvent:
        ctx.write_event_to_stream(Shown(text=f"{ev.name} begins"))
        await asyncio.sleep(1)
        ctx.write_event_to_stream(Shown(text=f"{ev.name} ends"))
        return StopEvent(ev.name)


class AskByStep(Workflow):
    """Asks a person by a step's result, and takes the answer by another step."""

    @step
    async def ask(self, ev: StartEvent) -> Question:
        return Question(about="step")

    @step
    async def hear(self, ev: Answer) -> StopEvent:
        return StopEvent(ev.text)


def texts(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Shown)]


@virtually
async def test_what_a_child_shows_is_shown_by_its_run_when_it_happens() -> None:
    handler = Runs(Talks(), {"name": "child"}).run()
    start = asyncio.get_running_loop().time()

    seen = [(event.get("text"), passed_since(start)) async for event in handler.stream_events()]

    assert seen == [("child begins", 0), ("child ends", 1), (None, 1)]


async def test_who_listens_hears_of_a_childs_event_before_its_next_step_begins() -> None:
    heard: list[str] = []

    class TwoSteps(Workflow):
        @step
        async def one(self, ctx: Context, ev: StartEvent) -> News:
            ctx.write_event_to_stream(Shown(text="one"))
            return News()

        @step
        async def two(self, ev: News) -> StopEvent:
            return StopEvent(list(heard))

    handler = Runs(TwoSteps()).run()
    async for event in handler.stream_events():
        heard += [event.text] if isinstance(event, Shown) else []

    assert await handler == ["one"]


@virtually
async def test_the_end_of_a_child_is_not_shown() -> None:
    handler = Runs(Talks(), {"name": "child"}).run()

    events = [event async for event in handler.stream_events()]

    assert [type(event) for event in events] == [Shown, Shown, StopEvent]


@virtually
async def test_an_item_names_the_step_the_workflow_and_the_run_that_it_comes_from() -> None:
    handler = Runs(Talks(), {"name": "child", "run_id": "run-of-child"}).run()

    items = [item async for item in handler.stream()]

    assert [item.origin for item in items] == [(("outer", "Talks", "run-of-child"),)] * 2 + [()]
    assert items[0].origin[0].workflow == "Talks"


@virtually
async def test_an_item_of_a_child_of_a_child_names_both_outermost_first() -> None:
    inner = Runs(Talks(), {"name": "child", "run_id": "c"})
    handler = Runs(inner, {"run_id": "b"}).run(run_id="a")

    items = [item async for item in handler.stream()]

    assert items[0].origin == (("outer", "Runs", "b"), ("outer", "Talks", "c"))


@virtually
async def test_a_child_is_named_after_the_run_above_and_the_wait_of_its_step() -> None:
    handler = Runs(Talks(), {"name": "child"}).run(run_id="above")

    items = [item async for item in handler.stream()]

    assert items[0].origin[-1].run_id == "above.1.0"


@virtually
async def test_children_at_once_are_told_apart_by_their_origin() -> None:
    class Two(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await asyncio.gather(ctx.run_child(Talks(), name="x"), ctx.run_child(Talks(), name="y"))
            return StopEvent()

    items = [item async for item in Two().run().stream()]

    said: dict[str, list[str]] = {item.origin[-1].run_id: [] for item in items[:-1]}
    for item in items[:-1]:
        said[item.origin[-1].run_id] += texts([item.event])
    assert list(said.values()) == [["x begins", "x ends"], ["y begins", "y ends"]]


@virtually
async def test_a_slow_consumer_gets_the_origin_of_what_is_swept_meanwhile() -> None:
    class Talks(Workflow):
        @step
        async def talk(self, ctx: Context, ev: StartEvent) -> StopEvent:
            for number in range(10):
                ctx.write_event_to_stream(Shown(text=str(number)))
            return StopEvent()

    class Above(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.run_child(Talks())
            await asyncio.sleep(1)
            for number in range(100):
                ctx.write_event_to_stream(Shown(text=str(number)))
            return StopEvent()

    items = Above(stream_buffer=20).run().stream()
    first = [await anext(items) for _ in range(3)]
    await asyncio.sleep(2)
    rest = [await anext(items) for _ in range(7)]

    assert [len(item.origin) for item in (*first, *rest)] == [1] * 10


@virtually
async def test_a_late_consumer_gets_what_a_child_showed_with_its_origin() -> None:
    handler = Runs(Talks(), {"name": "child"}).run()
    await handler

    items = [item async for item in handler.stream()]

    assert [len(item.origin) for item in items] == [1, 1, 0]


class Chatty(Workflow):
    """Shows many events at once."""

    @step
    async def talk(self, ctx: Context, ev: StartEvent) -> StopEvent:
        ctx.write_event_to_stream(Question(about="first"))
        for number in range(ev.count):
            ctx.write_event_to_stream(Shown(text=str(number)))
        return StopEvent()


async def test_a_childs_events_count_against_the_buffer_of_the_run_above() -> None:
    handler = Runs(Chatty(stream_buffer=None), {"count": 1_000}, stream_buffer=10).run()
    await handler

    items = [item async for item in handler.stream()]

    assert len(items) == 11
    assert isinstance(items[0].event, Question)
    assert [len(item.origin) for item in items] == [1] * 10 + [0]


async def test_a_consumer_overtaken_by_a_child_gets_one_gap() -> None:
    handler = Runs(Chatty(stream_buffer=None), {"count": 1_000}, stream_buffer=10).run()
    await handler

    events = [event async for event in handler.stream_events(after=-1)]

    gaps = [event for event in events if isinstance(event, StreamGap)]
    assert [gap.missed for gap in gaps] == [991]


async def test_origins_of_dropped_events_are_forgotten() -> None:
    handler = Runs(Chatty(), {"count": 10_000}, stream_buffer=10).run()
    await handler

    assert len(handler._run.stream._origins) <= 20


@virtually
async def test_internal_events_of_a_child_come_to_who_asks_for_them_only() -> None:
    handler = Runs(Talks(), {"name": "child"}).run()

    async def read(*, internal: bool) -> list[Event]:
        return [event async for event in handler.stream_events(expose_internal=internal)]

    inside, outside = await asyncio.gather(read(internal=True), read(internal=False))

    names = [event.name for event in inside if isinstance(event, StepStateChanged)]
    assert names == ["outer", "talk", "talk", "outer"]
    assert not any(isinstance(event, InternalDispatchEvent) for event in outside)


@virtually
async def test_internal_events_of_an_open_child_come_once_they_are_asked_for() -> None:
    handler = Runs(Runs(Talks(), {"name": "child"})).run()
    await asyncio.sleep(0.5)

    items = [item async for item in handler.stream(expose_internal=True)]

    states = [item for item in items if isinstance(item.event, StepStateChanged)]
    assert [(item.event.get("name"), len(item.origin)) for item in states] == [
        ("outer", 0),
        ("outer", 1),
        ("talk", 2),
        ("talk", 2),
        ("outer", 1),
        ("outer", 0),
    ]


# What is sent to a run reaches its children.


@virtually
async def test_an_answer_sent_to_the_run_reaches_the_wait_of_a_child() -> None:
    handler = Runs(Runs(Ask())).run()
    async for event in handler.stream_events():
        if isinstance(event, Question):
            handler.ctx.send_event(Answer(text="yes"))

    assert await handler == "yes"


@virtually
async def test_an_answer_sent_to_the_run_reaches_the_step_of_a_child() -> None:
    handler = Runs(AskByStep()).run()
    async for event in handler.stream_events():
        if isinstance(event, Question):
            await handler.send_event(Answer(text="yes"))

    assert await handler == "yes"


@virtually
async def test_an_event_of_any_class_reaches_the_child_that_waits_for_it() -> None:
    class Reads(Workflow):
        @step
        async def read(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent((await ctx.wait_for_event(News, requirements={"kind": "good"})).text)

    handler = Runs(Reads()).run()
    await asyncio.sleep(1)
    handler.ctx.send_event(News(text="bad", kind="bad"))
    handler.ctx.send_event(News(text="good", kind="good"))

    assert await handler == "good"


@virtually
async def test_an_event_goes_to_the_steps_of_the_run_and_to_all_children_that_accept_it() -> None:
    class Both(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            runs = [ctx.run_child(Ask()), ctx.run_child(AskByStep()), ctx.run_child(Runs(Ask()))]
            return StopEvent(await asyncio.gather(*runs))

        @step
        async def hear(self, ctx: Context, ev: Answer) -> None:
            ctx.write_event_to_stream(Shown(text=f"heard {ev.text}"))

    handler = Both().run()
    await asyncio.sleep(1)

    handler.ctx.send_event(Answer(text="yes"))

    assert texts([event async for event in handler.stream_events()]) == ["heard yes"]
    assert await handler == ["yes", "yes", "yes"]


@virtually
async def test_an_event_that_a_step_sends_stays_in_its_run() -> None:
    class Sends(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            waiting = ctx.create_task(ctx.run_child(Ask()))
            await asyncio.sleep(1)
            ctx.send_event(Answer(text="from inside"))
            return StopEvent(await waiting)

    handler = Sends().run()
    await asyncio.sleep(2)
    handler.ctx.send_event(Answer(text="from outside"))

    assert await handler == "from outside"


@virtually
async def test_an_event_that_a_step_sent_and_nobody_took_is_not_given_to_a_child() -> None:
    class Sends(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            ctx.send_event(Answer(text="from inside"))
            return StopEvent(await ctx.run_child(Ask()))

    handler = Sends().run()
    await asyncio.sleep(1)
    handler.ctx.send_event(Answer(text="from outside"))

    assert await handler == "from outside"


@virtually
async def test_an_answer_that_came_before_the_child_asked_is_kept_for_it() -> None:
    handler = Runs(Runs(Ask())).run()

    handler.ctx.send_event(Answer(text="early"))

    assert await handler == "early"
    assert not handler.ctx.waits_for_outside


@virtually
async def test_an_early_answer_is_taken_once() -> None:
    class Twice(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent([await ctx.run_child(Ask()), await ctx.run_child(Ask())])

    handler = Twice().run()
    handler.ctx.send_event(Answer(text="early"))
    await asyncio.sleep(1)
    handler.ctx.send_event(Answer(text="later"))

    assert await handler == ["early", "later"]


@virtually
async def test_an_event_sent_to_one_step_is_for_that_step_only() -> None:
    class Both(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(await ctx.run_child(Ask()))

        @step
        async def hear(self, ev: Answer) -> None:
            return None

    handler = Both().run()
    await asyncio.sleep(1)
    handler.ctx.send_event(Answer(text="for the step"), step="hear")
    await asyncio.sleep(1)
    handler.ctx.send_event(Answer(text="for all"))

    assert await handler == "for all"


@virtually
async def test_a_start_event_sent_to_the_run_does_not_start_its_children_again() -> None:
    starts: list[int] = []

    class Counts(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
            starts.append(1)
            return StopEvent(await ctx.wait_for_event(News))

    handler = Runs(Counts()).run()
    await asyncio.sleep(1)
    handler.ctx.send_event(StartEvent())
    await asyncio.sleep(1)

    assert len(starts) == 2  # the run's own step, which took it, ran a second child
    await handler.cancel_run()


async def test_what_no_child_takes_is_held_and_limited_as_ever() -> None:
    handler = Runs(Ask()).run()
    await asyncio.sleep(0)

    for _ in range(1_000):
        handler.ctx.send_event(News())

    with pytest.raises(TooManyHeldEventsError):
        handler.ctx.send_event(News())

    await handler.cancel_run()


@virtually
async def test_what_a_child_takes_is_not_held_by_the_run() -> None:
    class Hears(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.wait_for_event(Answer)
            return StopEvent()

        @step
        async def hear(self, ev: News) -> None:
            return None

    handler = Runs(Hears(disable_validation=True)).run()
    await asyncio.sleep(1)

    for _ in range(1_500):
        handler.ctx.send_event(News())
        await asyncio.sleep(0)

    await handler.cancel_run()


# Who waits for whom.


@virtually
async def test_awaited_events_and_waits_for_outside_see_through_children() -> None:
    handler = Runs(Runs(Ask())).run()
    before = handler.ctx.waits_for_outside

    await asyncio.sleep(1)

    assert (before, handler.ctx.waits_for_outside) == (False, True)
    assert handler.ctx.awaited_events == (Answer,)
    await handler.cancel_run()


@virtually
async def test_a_run_whose_child_sleeps_does_not_wait_for_the_outside() -> None:
    class Naps(Workflow):
        @step
        async def nap(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.sleep(10)
            return StopEvent()

    handler = Runs(Naps()).run()
    await asyncio.sleep(1)

    assert not handler.ctx.waits_for_outside
    await handler


@virtually
async def test_a_run_whose_child_asks_a_person_is_not_stalled() -> None:
    handler = Runs(AskByStep()).run()

    await asyncio.sleep(10_000)

    assert not handler.is_done()
    handler.ctx.send_event(Answer(text="at last"))
    assert await handler == "at last"


@virtually
async def test_a_question_of_a_child_may_be_answered_to_a_step_of_the_run_above_after_the_childs_end() -> None:
    class Posts(Workflow):
        @step
        async def post(self, ctx: Context, ev: StartEvent) -> StopEvent:
            ctx.write_event_to_stream(Question(about="left open"))
            return StopEvent()

    class Hears(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> Shown:
            await ctx.run_child(Posts())
            await ctx.wait_for_event(Answer)
            await ctx.run_child(Posts())
            return Shown(text="asked twice")

        @step
        async def rest(self, ev: Shown) -> None:
            return None

        @step
        async def hear(self, ev: Answer) -> StopEvent | None:
            return StopEvent(ev.text) if ev.text == "second" else None

    handler = Hears().run()
    await asyncio.sleep(1)
    handler.ctx.send_event(Answer(text="first"))
    await asyncio.sleep(100)

    handler.ctx.send_event(Answer(text="second"))

    assert await handler == "second"


@virtually
async def test_a_question_that_a_child_got_answered_leaves_no_answer_possible() -> None:
    class Hears(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> None:
            await ctx.run_child(Ask())

        @step
        async def hear(self, ev: Answer) -> StopEvent | None:
            return StopEvent() if ev.text == "stop" else None

    handler = Hears(timeout=None).run()
    await asyncio.sleep(1)

    handler.ctx.send_event(Answer(text="go on"))

    with pytest.raises(WorkflowStalledError):
        await handler


@virtually
async def test_an_answer_that_only_a_child_takes_closes_the_question_of_the_run_above_too() -> None:
    class Reply(HumanResponseEvent):
        pass

    class Hears(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> None:
            await ctx.run_child(Ask())

        @step
        async def hear(self, ev: Reply) -> StopEvent:
            return StopEvent()

    handler = Hears(timeout=None).run()
    await asyncio.sleep(1)

    handler.ctx.send_event(Answer(text="go on"))

    with pytest.raises(WorkflowStalledError):
        await handler


@virtually
async def test_with_external_events_a_child_with_nothing_to_do_waits_like_its_run() -> None:
    class Hears(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> None:
            return None

        @step
        async def hear(self, ev: News) -> StopEvent:
            return StopEvent(ev.text)

    handler = Runs(Hears(disable_validation=True)).run(external_events=True)
    await asyncio.sleep(100)

    handler.ctx.send_event(News(text="heard"))

    assert await handler == "heard"


@virtually
async def test_verbose_prints_a_childs_steps_with_the_childs_name(capsys: pytest.CaptureFixture[str]) -> None:
    await Runs(Runs(Talks(), {"name": "x"}), verbose=True).run()

    lines = capsys.readouterr().err.splitlines()
    assert [line.split("]")[0] + "]" for line in lines] == [
        "[outer:0]",
        "[outer:0]",
        "[Runs.outer:0]",
        "[Runs.outer:0]",
        "[Runs.Talks.talk:0]",
        "[Runs.Talks.talk:0]",
        "[Runs.Talks.run]",
        "[Runs.outer:0]",
        "[Runs.outer:0]",
        "[Runs.run]",
        "[outer:0]",
        "[outer:0]",
        "[run]",
    ]


@virtually
async def test_a_verbose_child_prints_inside_a_quiet_run(capsys: pytest.CaptureFixture[str]) -> None:
    await Runs(Talks(verbose=True), {"name": "x"}).run()

    assert "[Talks.talk:0] started from StartEvent" in capsys.readouterr().err
