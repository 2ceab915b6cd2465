"""How events find their steps, and how a run begins and ends."""

# mypy: ignore-errors

import asyncio

from engine import Context, Event, StartEvent, StopEvent, Workflow, WorkflowRuntimeError, step
from observing import ending_of, error_seen, observed, program, refused


class Topic(Event):
    text: str


class Small(Topic):
    pass


class Draft(Event):
    text: str


class Note(Event):
    text: str


class Ask(StartEvent):
    question: str
    depth: int = 2


class Answer(StopEvent):
    text: str
    score: float = 0.5


@program
async def three_steps_in_a_row():
    class Essay(Workflow):
        @step
        async def plan(self, ctx: Context, ev: StartEvent) -> Topic:
            ctx.write_event_to_stream(Note(text="planning"))
            return Topic(text=ev.topic)

        @step
        async def write(self, ctx: Context, ev: Topic) -> Draft:
            for word in ev.text.split():
                ctx.write_event_to_stream(Note(text=word))
            return Draft(text=ev.text.upper())

        @step
        async def finish(self, ctx: Context, ev: Draft) -> StopEvent:
            ctx.write_event_to_stream(Note(text="done"))
            return StopEvent(result=ev.text)

    return await observed(Essay().run(topic="wells of stone"))


@program
async def a_step_takes_a_union_and_loops_until_it_is_done():
    class Review(Workflow):
        @step
        async def write(self, ev: StartEvent | Topic) -> Draft:
            return Draft(text=f"{ev.text}.")

        @step
        async def judge(self, ev: Draft) -> Topic | StopEvent:
            return StopEvent(result=ev.text) if len(ev.text) > 5 else Topic(text=ev.text)

    return await observed(Review().run(text="ab"))


@program
async def two_steps_that_accept_the_same_event_both_run():
    seen = []

    class Both(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Topic:
            return Topic(text="t")

        @step
        async def one(self, ev: Topic) -> None:
            seen.append("one")

        @step
        async def two(self, ev: Topic) -> StopEvent:
            await asyncio.sleep(0.02)
            seen.append("two")
            return StopEvent(result="two")

    return {**await observed(Both().run()), "seen": sorted(seen)}


@program
async def an_event_of_a_subclass_goes_only_to_the_step_of_exactly_that_class():
    seen = []

    class Exact(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Topic | Small | None:
            ctx.send_event(Small(text="s"))
            ctx.send_event(Topic(text="t"))

        @step
        async def general(self, ev: Topic) -> StopEvent:
            seen.append(["general", type(ev).__name__])
            await asyncio.sleep(0.02)
            return StopEvent(result=ev.text)

        @step
        async def special(self, ev: Small) -> None:
            seen.append(["special", type(ev).__name__])

    return {**await observed(Exact().run()), "seen": sorted(seen)}


@program
async def a_step_that_accepts_subclasses_gets_them_too():
    seen = []

    class Open(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Topic | Small | None:
            ctx.send_event(Small(text="s"))
            ctx.send_event(Topic(text="t"))

        @step(accept_event_subclasses=True)
        async def general(self, ctx: Context, ev: Topic) -> StopEvent | None:
            seen.append(type(ev).__name__)
            return StopEvent(result="all") if len(seen) == 2 else None

    return {**await observed(Open().run()), "seen": sorted(seen)}


@program
async def a_targeted_event_goes_only_to_its_step():
    seen = []

    class Aimed(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Topic | None:
            ctx.send_event(Topic(text="for two"), step="two")

        @step
        async def one(self, ev: Topic) -> None:
            seen.append("one")

        @step
        async def two(self, ev: Topic) -> StopEvent:
            seen.append("two")
            await asyncio.sleep(0.02)
            return StopEvent(result=ev.text)

    return {**await observed(Aimed().run()), "seen": seen}


@program
async def a_targeted_event_to_a_step_that_is_not_there_or_does_not_take_it_is_refused():
    told = []

    class Aimed(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Topic:
            for target in ("nope", "finish"):
                try:
                    ctx.send_event(Note(text="x"), step=target)
                except WorkflowRuntimeError as error:
                    phrase = {
                        "nope": "Step nope does not exist",
                        "finish": "Step finish does not accept event of type",
                    }[target]
                    told.append(error_seen(error, WorkflowRuntimeError, phrase))
            return Topic(text="go on")

        @step
        async def finish(self, ev: Topic) -> StopEvent:
            return StopEvent(result=ev.text)

    return {**await observed(Aimed().run()), "told": told}


@program
async def a_start_event_of_an_own_class_is_made_from_fields_with_defaults():
    class Asked(Workflow):
        @step
        async def answer(self, ev: Ask) -> StopEvent:
            return StopEvent(result=[type(ev).__name__, ev.question, ev.depth])

    workflow = Asked()
    return {
        "classes": [workflow.start_event_class.__name__, workflow.stop_event_class.__name__],
        "first": await observed(workflow.run(question="why")),
        "second": await observed(workflow.run(question="how", depth=5)),
        "given": await observed(workflow.run(start_event=Ask(question="who", depth=9))),
    }


@program
async def fields_that_do_not_make_the_start_event_are_refused():
    class Asked(Workflow):
        @step
        async def answer(self, ev: Ask) -> StopEvent:
            return StopEvent()

    workflow = Asked()
    return [
        await refused(
            lambda: workflow.run(wrong="why"), WorkflowRuntimeError, "Failed creating a start event of type 'Ask'"
        ),
        await refused(lambda: workflow.run(question=[1]), WorkflowRuntimeError, "Failed creating a start event"),
        await refused(lambda: workflow.run(start_event=Topic(text="x")), ValueError, "start_event", "instance of"),
    ]


@program
async def further_fields_of_a_start_event_of_an_own_class_are_kept():
    class Asked(Workflow):
        @step
        async def answer(self, ev: Ask) -> StopEvent:
            return StopEvent(result=[ev.question, ev.extra, ev.get("none", "default")])

    return await observed(Asked().run(question="why", extra={"deep": [1, 2]}))


@program
async def a_stop_event_of_an_own_class_is_the_result_itself():
    class Asked(Workflow):
        @step
        async def answer(self, ev: StartEvent) -> Answer:
            return Answer(text="because", score=0.75)

    workflow = Asked()
    handler = workflow.run()
    seen = await observed(handler)
    event = await handler.stop_event_result()
    return {**seen, "class": workflow.stop_event_class.__name__, "event": [type(event).__name__, event.text]}


@program
async def a_result_may_be_nothing_or_any_object():
    class Thing:
        pass

    thing = Thing()

    class Any_(Workflow):
        @step
        async def answer(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result=ev.give)

    return [
        await ending_of(Any_().run(give=None)),
        await ending_of(Any_().run(give=(1, {2: "two"}))),
        (await Any_().run(give=thing)) is thing,
    ]


@program
async def the_first_stop_event_wins_and_the_other_steps_are_cancelled():
    seen = []

    class Race(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Topic | Draft | None:
            ctx.send_event(Topic(text="fast"))
            ctx.send_event(Draft(text="slow"))

        @step
        async def fast(self, ev: Topic) -> StopEvent:
            await asyncio.sleep(0.03)
            return StopEvent(result="fast")

        @step
        async def slow(self, ev: Draft) -> StopEvent:
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                seen.append("slow was cancelled")
                raise
            return StopEvent(result="slow")

    return {**await observed(Race().run()), "seen": seen}


@program
async def a_step_sends_many_events_and_returns_nothing():
    seen = []

    class Burst(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Topic | None:
            for number in range(5):
                ctx.send_event(Topic(text=str(number)))

        @step(num_workers=1)
        async def take(self, ev: Topic) -> StopEvent | None:
            seen.append(ev.text)
            return StopEvent(result=list(seen)) if len(seen) == 5 else None

    return await observed(Burst().run())


@program
async def an_inherited_step_runs_and_an_overridden_one_is_replaced():
    class Base(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Topic:
            return Topic(text="base")

        @step
        async def finish(self, ev: Topic) -> StopEvent:
            return StopEvent(result=f"{ev.text} finished")

    class Heir(Base):
        @step
        async def begin(self, ev: StartEvent) -> Topic:
            return Topic(text="heir")

    return [await ending_of(Base().run()), await ending_of(Heir().run())]
