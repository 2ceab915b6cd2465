"""People in a run: questions and answers, by events and by ``wait_for_event``."""

# mypy: ignore-errors

import asyncio

from engine import (
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    Workflow,
    WorkflowIdleEvent,
    WorkflowTimeoutError,
    step,
)
from observing import ending_of, observed, program, shown, stream_of


class Reply(HumanResponseEvent):
    text: str
    user: str = "ann"


class Question(InputRequiredEvent):
    prompt: str


class Work(Event):
    name: str


class Done(Event):
    text: str


async def answered(handler, *answers):
    """Listen, and send one of ``answers`` for each question; the stream, the ending."""
    stream = []
    waiting = list(answers)
    async for event in handler.stream_events():
        stream.append(shown(event))
        if isinstance(event, InputRequiredEvent) and waiting:
            handler.ctx.send_event(waiting.pop(0))
    return {"stream": stream, "ending": await ending_of(handler)}


@program
async def a_question_returned_by_a_step_is_streamed_and_answered():
    class Asks(Workflow):
        @step
        async def ask(self, ev: StartEvent) -> InputRequiredEvent:
            return InputRequiredEvent(prefix="Name? ")

        @step
        async def greet(self, ev: HumanResponseEvent) -> StopEvent:
            return StopEvent(result=f"Hello {ev.response}")

    return await answered(Asks().run(), HumanResponseEvent(response="Ann"))


@program
async def questions_and_answers_have_classes_of_their_own():
    class Asks(Workflow):
        @step
        async def ask(self, ev: StartEvent) -> Question:
            return Question(prompt="Which?")

        @step
        async def take(self, ev: Reply) -> StopEvent:
            return StopEvent(result=[type(ev).__name__, ev.text, ev.user])

    return await answered(Asks().run(), Reply(text="this"))


@program
async def questions_are_asked_one_after_the_other():
    class Asks(Workflow):
        @step
        async def ask(self, ev: StartEvent) -> Question:
            return Question(prompt="First?")

        @step
        async def take(self, ctx: Context, ev: Reply) -> Question | StopEvent:
            texts = [*(await ctx.store.get("texts", default=[])), ev.text]
            await ctx.store.set("texts", texts)
            return StopEvent(result=texts) if len(texts) == 3 else Question(prompt=f"After {ev.text}?")

    return await answered(Asks().run(), Reply(text="a"), Reply(text="b"), Reply(text="c"))


@program
async def a_step_waits_for_an_event_and_asks_for_it():
    class Waits(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            reply = await ctx.wait_for_event(Reply, waiter_event=Question(prompt="Well?"), waiter_id="q")
            return StopEvent(result=[type(reply).__name__, reply.text])

    return await answered(Waits().run(), Reply(text="yes"))


@program
async def what_stands_before_a_wait_happens_how_often():
    times = []

    class Waits(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            times.append("before")
            ctx.write_event_to_stream(Work(name="before"))
            reply = await ctx.wait_for_event(Reply, waiter_event=Question(prompt="Well?"))
            times.append("after")
            return StopEvent(result=reply.text)

    return {**await answered(Waits().run(), Reply(text="yes")), "times": times}


@program
async def a_wait_takes_only_an_event_that_meets_its_requirements():
    class Waits(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            reply = await ctx.wait_for_event(
                Reply, waiter_event=Question(prompt="Well?"), requirements={"user": "bob", "text": "yes"}
            )
            return StopEvent(result=[reply.user, reply.text])

    handler = Waits(timeout=2).run()
    stream = []
    async for event in handler.stream_events():
        stream.append(shown(event))
        if isinstance(event, Question):
            for reply in (
                Reply(text="yes"),
                Reply(text="no", user="bob"),
                HumanResponseEvent(text="yes", user="bob"),
                Reply(text="yes", user="bob"),
            ):
                handler.ctx.send_event(reply)
    return {"stream": stream, "ending": await ending_of(handler)}


@program
async def a_wait_runs_out():
    class Waits(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            try:
                await ctx.wait_for_event(Reply, waiter_event=Question(prompt="Well?"), timeout=0.05)
            except TimeoutError as error:
                return StopEvent(result=["timed out", "Reply" in str(error), isinstance(error, asyncio.TimeoutError)])
            return StopEvent(result="answered")

    return await observed(Waits().run())


@program
async def a_wait_that_runs_out_uncaught_fails_the_run():
    class Waits(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.wait_for_event(Reply, timeout=0.05)
            return StopEvent()

    return await ending_of(Waits().run(), TimeoutError)


@program
async def one_step_waits_twice():
    class Waits(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            first = await ctx.wait_for_event(Reply, waiter_event=Question(prompt="one?"), waiter_id="one")
            second = await ctx.wait_for_event(Reply, waiter_event=Question(prompt="two?"), waiter_id="two")
            return StopEvent(result=[first.text, second.text])

    return await answered(Waits().run(), Reply(text="1"), Reply(text="2"))


@program
async def two_steps_wait_at_once_for_what_each_requires():
    class Waits(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Work | None:
            for name in ("ann", "bob"):
                ctx.send_event(Work(name=name))

        @step
        async def ask(self, ctx: Context, ev: Work) -> Done:
            reply = await ctx.wait_for_event(
                Reply,
                waiter_event=Question(prompt=ev.name),
                waiter_id=f"ask {ev.name}",
                requirements={"user": ev.name},
            )
            return Done(text=f"{ev.name}: {reply.text}")

        @step
        async def join(self, ctx: Context, ev: Done) -> StopEvent | None:
            both = ctx.collect_events(ev, [Done, Done])
            return None if both is None else StopEvent(result=sorted(one.text for one in both))

    handler = Waits(timeout=2).run()
    prompts = []
    async for event in handler.stream_events():
        if isinstance(event, Question):
            prompts.append(event.prompt)
            if len(prompts) == 2:
                handler.ctx.send_event(Reply(text="from bob", user="bob"))
                handler.ctx.send_event(Reply(text="from ann", user="ann"))
    return {"prompts": sorted(prompts), "ending": await ending_of(handler)}


@program
async def two_branches_ask_the_same_question_without_an_id():
    class Waits(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> list[Work]:
            return [Work(name="one"), Work(name="two")]

        @step
        async def ask(self, ctx: Context, ev: Work) -> Done:
            reply = await ctx.wait_for_event(Reply, waiter_event=Question(prompt="name?"))
            return Done(text=reply.text)

        @step
        async def join(self, evs: list[Done]) -> StopEvent:
            return StopEvent(result=sorted(ev.text for ev in evs))

    handler = Waits(timeout=0.5).run()
    asked = 0
    async for event in handler.stream_events():
        if isinstance(event, Question):
            asked += 1
            if asked == 1:
                await asyncio.sleep(0.05)
                handler.ctx.send_event(Reply(text="a"))
                await asyncio.sleep(0.05)
                if not handler.is_done():
                    handler.ctx.send_event(Reply(text="b"))
    return {"asked": asked, "ending": await ending_of(handler)}


@program
async def a_step_that_waits_lets_others_use_its_worker():
    seen = []

    class Waits(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Work | None:
            for name in ("waits", "works"):
                ctx.send_event(Work(name=name))

        @step(num_workers=1)
        async def work(self, ctx: Context, ev: Work) -> StopEvent | None:
            if ev.name == "works":
                seen.append("worked meanwhile")
                return None
            reply = await ctx.wait_for_event(Reply, waiter_event=Question(prompt="?"))
            return StopEvent(result=reply.text)

    handler = Waits(timeout=1).run()
    async for event in handler.stream_events():
        if isinstance(event, Question):
            await asyncio.sleep(0.05)
            seen.append("answer")
            handler.ctx.send_event(Reply(text="ok"))
    return {"seen": seen, "ending": await ending_of(handler)}


@program
async def an_event_for_a_wait_may_come_from_another_step():
    class Waits(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Work:
            reply = await ctx.wait_for_event(Reply, waiter_event=Question(prompt="?"), timeout=1)
            return Work(name=reply.text)

        @step
        async def helper(self, ctx: Context, ev: Done) -> Reply:
            return Reply(text=f"{ev.text} by a step")

        @step
        async def finish(self, ev: Work) -> StopEvent | Done:
            return StopEvent(result=ev.name)

    handler = Waits(timeout=1, disable_validation=True).run()
    async for event in handler.stream_events():
        if isinstance(event, Question):
            handler.ctx.send_event(Done(text="answered"))
    return await ending_of(handler)


@program
async def a_run_that_waits_says_that_it_is_idle():
    class Waits(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            reply = await ctx.wait_for_event(Reply, waiter_event=Question(prompt="?"))
            return StopEvent(result=reply.text)

    handler = Waits(timeout=1).run()
    seen = []
    async for event in handler.stream_events(expose_internal=True):
        if isinstance(event, WorkflowIdleEvent):
            seen.append("idle")
            handler.ctx.send_event(Reply(text="ok"))
    return [seen, await ending_of(handler)]


@program
async def time_in_which_a_person_thinks():
    class Waits(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            reply = await ctx.wait_for_event(Reply, waiter_event=Question(prompt="?"))
            return StopEvent(result=reply.text)

    handler = Waits(timeout=0.1).run()
    await asyncio.sleep(0.25)
    if not handler.is_done():
        handler.ctx.send_event(Reply(text="after a while"))
    return await ending_of(handler, WorkflowTimeoutError)


@program
async def an_answer_of_the_wrong_class_is_not_taken():
    class Waits(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            reply = await ctx.wait_for_event(Reply, waiter_event=Question(prompt="?"), timeout=0.1)
            return StopEvent(result=reply.text)

    handler = Waits(timeout=1).run()
    async for event in handler.stream_events():
        if isinstance(event, Question):
            handler.ctx.send_event(HumanResponseEvent(text="general"))
    return await ending_of(handler, TimeoutError)


@program
async def validation_tells_whether_people_take_part():
    class Asks(Workflow):
        @step
        async def ask(self, ev: StartEvent) -> Question:
            return Question(prompt="?")

        @step
        async def take(self, ev: Reply) -> StopEvent:
            return StopEvent()

    class Alone(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    return [Asks().validate(), Alone().validate()]


@program
async def a_question_is_streamed_before_its_answer_is_taken():
    class Asks(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> Question:
            ctx.write_event_to_stream(Work(name="first"))
            return Question(prompt="?")

        @step
        async def take(self, ctx: Context, ev: Reply) -> StopEvent:
            ctx.write_event_to_stream(Work(name="second"))
            return StopEvent()

    handler = Asks().run()
    await asyncio.sleep(0.05)
    await handler.send_event(Reply(text="x"))
    return await stream_of(handler)


@program
async def how_long_a_wait_lasts_unless_told():
    import inspect

    return inspect.signature(Context.wait_for_event).parameters["timeout"].default


@program
async def two_branches_wait_for_different_answers_without_an_id():
    class Waits(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> list[Work]:
            return [Work(name="ann"), Work(name="bob")]

        @step
        async def ask(self, ctx: Context, ev: Work) -> Done:
            reply = await ctx.wait_for_event(
                Reply, waiter_event=Question(prompt="name?"), requirements={"user": ev.name}
            )
            return Done(text=f"{ev.name}: {reply.text}")

        @step
        async def join(self, evs: list[Done]) -> StopEvent:
            return StopEvent(result=sorted(ev.text for ev in evs))

    handler = Waits(timeout=0.5).run()
    asked = 0

    async def answer():
        await asyncio.sleep(0.1)
        handler.ctx.send_event(Reply(text="from ann", user="ann"))
        handler.ctx.send_event(Reply(text="from bob", user="bob"))

    answering = asyncio.create_task(answer())
    async for event in handler.stream_events():
        asked += isinstance(event, Question)
    await answering
    return {"asked": asked, "ending": await ending_of(handler, WorkflowTimeoutError)}


@program
async def two_waits_of_one_step_with_one_waiter_id():
    class Waits(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            replies = [
                await ctx.wait_for_event(Reply, waiter_event=Question(prompt=name), waiter_id="same") for name in "ab"
            ]
            return StopEvent(result=[reply.text for reply in replies])

    return await answered(Waits(timeout=0.5).run(), Reply(text="1"), Reply(text="2"))


@program
async def an_answer_may_come_before_its_wait():
    class Waits(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(0.05)
            reply = await ctx.wait_for_event(Reply, timeout=0.2)
            return StopEvent(result=reply.text)

    handler = Waits(timeout=1).run()
    await asyncio.sleep(0.01)
    handler.ctx.send_event(Reply(text="early"))
    return await ending_of(handler, TimeoutError)
