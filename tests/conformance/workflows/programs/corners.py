"""Where several parts of the interface meet."""

# mypy: ignore-errors

import asyncio
import contextlib
import contextvars
from typing import List, Optional, Union  # noqa: UP035  # the old spellings are the point

from engine import (
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StepFailedEvent,
    StopEvent,
    Workflow,
    WorkflowCancelledByUser,
    WorkflowRuntimeError,
    WorkflowTimeoutError,
    catch_error,
    retry_policy,
    step,
    stop_after_attempt,
    wait_fixed,
)
from observing import ending_of, observed, program, refused

VARIABLE = contextvars.ContextVar("VARIABLE", default="unset")
TWICE = retry_policy(wait=wait_fixed(0.001), stop=stop_after_attempt(2))


class Topic(Event):
    text: str = ""


class Small(Topic):
    pass


class Draft(Event):
    text: str = ""


class Note(Event):
    text: str


class Final(StopEvent):
    text: str = "final"


class Early(StartEvent):
    word: str = "early"


class Reply(HumanResponseEvent):
    text: str


class Question(InputRequiredEvent):
    prompt: str = "?"


@program
async def a_step_returns_a_subclass_of_what_it_declares():
    class Narrow(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Topic | Small:
            return Small(text="small")

        @step
        async def general(self, ev: Topic) -> StopEvent:
            return StopEvent(result="general")

        @step
        async def special(self, ev: Small) -> StopEvent:
            return StopEvent(result="special")

    return await observed(Narrow().run())


@program
async def a_subclass_that_no_step_accepts_exactly():
    class Narrow(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Topic:
            return Small(text="small")

        @step
        async def general(self, ev: Topic) -> StopEvent:
            return StopEvent(result="general")

    return await ending_of(Narrow(timeout=0.3).run(), WorkflowTimeoutError)


@program
async def a_stop_event_of_a_subclass_where_the_base_is_declared():
    class Ends(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return Final(text="subclass")

    return await observed(Ends().run())


@program
async def a_start_event_of_a_subclass_where_the_base_is_accepted():
    class Begins(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result=type(ev).__name__)

    return await ending_of(Begins(timeout=0.3).run(start_event=Early()), WorkflowTimeoutError)


@program
async def annotations_in_the_old_spellings():
    class Old(Workflow):
        @step
        async def begin(self, ev: Union[StartEvent, Draft]) -> Optional[Union[Topic, Draft]]:  # noqa: UP007, UP045
            return Topic(text="t")

        @step
        async def split(self, ev: Topic) -> List[Note]:  # noqa: UP006
            return [Note(text="a"), Note(text="b")]

        @step
        async def join(self, evs: List[Note]) -> StopEvent:  # noqa: UP006
            return StopEvent(result=sorted(ev.text for ev in evs))

    return await observed(Old().run())


@program
async def parameters_in_any_order_and_under_any_name():
    class Any_(Workflow):
        @step
        async def begin(self, given: StartEvent, things: Context) -> Topic:
            await things.store.set("a", 1)
            return Topic(text=given.word)

        @step
        async def finish(this, the_topic: Topic) -> StopEvent:
            return StopEvent(result=the_topic.text)

    return await observed(Any_().run(word="w"))


@program
async def a_static_method_is_a_step():
    class Static(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Topic:
            return Topic(text="static")

        @staticmethod
        @step
        async def finish(ev: Topic) -> StopEvent:
            return StopEvent(result=ev.text)

    return await refused(lambda: ending_of(Static().run()), Exception)


@program
async def a_step_added_to_a_base_is_in_its_heirs():
    class Base(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Topic:
            return Topic(text="base")

    @step(workflow=Base)
    async def finish(ev: Topic) -> StopEvent:
        return StopEvent(result=f"{ev.text} added")

    class Heir(Base):
        pass

    return await refused(lambda: ending_of(Heir().run()), Exception)


@program
async def a_step_added_after_a_run_takes_part_in_the_next():
    class Grows(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Topic | StopEvent:
            return Topic(text="t") if ev.grown else StopEvent(result="small")

        @step
        async def take(self, ev: Topic) -> StopEvent:
            await asyncio.sleep(0.02)
            return StopEvent(result="taken")

    workflow = Grows()
    first = await workflow.run(grown=False)
    seen = []

    @step(workflow=Grows)
    async def also(ev: Topic) -> None:
        seen.append("also")

    return [first, await workflow.run(grown=True), seen, await Grows().run(grown=True), seen]


@program
async def what_a_failed_attempt_did_stays_done():
    numbers = []

    class Again(Workflow):
        @step(retry_policy=TWICE)
        async def begin(self, ctx: Context, ev: StartEvent) -> Topic | None:
            number = ctx.retry_info().retry_number
            ctx.write_event_to_stream(Note(text=f"attempt {number}"))
            ctx.send_event(Topic(text=str(number)))
            await ctx.store.set(f"attempt{number}", True)
            if number == 0:
                raise ValueError("first")

        @step(num_workers=1)
        async def take(self, ctx: Context, ev: Topic) -> StopEvent | None:
            numbers.append(ev.text)
            return StopEvent(result=numbers) if len(numbers) == 2 else None

    return await observed(Again().run())


@program
async def a_handler_of_errors_ends_a_run_from_within_a_branch():
    class Caught(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Topic]:
            return [Topic(text=str(number)) for number in range(3)]

        @step
        async def work(self, ev: Topic) -> Draft:
            if ev.text == "1":
                raise ValueError("one")
            await asyncio.sleep(0.05)
            return Draft(text=ev.text)

        @catch_error(for_steps=["work"])
        async def handle(self, ev: StepFailedEvent) -> StopEvent:
            return StopEvent(result=f"ended by {ev.input_event.text}")

        @step
        async def join(self, evs: list[Draft]) -> StopEvent:
            return StopEvent(result="joined")

    return await observed(Caught().run())


@program
async def one_branch_ends_the_run():
    seen = []

    class First(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Topic]:
            return [Topic(text=str(number)) for number in range(3)]

        @step
        async def work(self, ev: Topic) -> Draft | StopEvent:
            if ev.text == "1":
                return StopEvent(result="from a branch")
            await asyncio.sleep(0.05)
            seen.append(ev.text)
            return Draft(text=ev.text)

        @step
        async def join(self, evs: list[Draft]) -> StopEvent:
            return StopEvent(result="joined")

    return {**await observed(First().run()), "seen": seen}


@program
async def events_sent_in_a_branch_are_no_members_of_its_join():
    class Sends(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Topic]:
            return [Topic(text=str(number)) for number in range(2)]

        @step
        async def work(self, ctx: Context, ev: Topic) -> Draft:
            ctx.send_event(Draft(text=f"sent {ev.text}"))
            return Draft(text=f"returned {ev.text}")

        @step
        async def join(self, evs: list[Draft]) -> StopEvent:
            return StopEvent(result=sorted(ev.text for ev in evs))

    return await observed(Sends(timeout=0.5).run(), WorkflowTimeoutError)


@program
async def an_event_sent_to_a_join_of_a_list():
    class Sends(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Topic]:
            return [Topic(text=str(number)) for number in range(2)]

        @step
        async def work(self, ctx: Context, ev: Topic) -> Draft:
            ctx.send_event(Draft(text=f"sent {ev.text}"), step="join")
            return Draft(text=f"returned {ev.text}")

        @step
        async def join(self, evs: list[Draft]) -> StopEvent:
            return StopEvent(result=sorted(ev.text for ev in evs))

    return await ending_of(Sends(timeout=0.5).run(), WorkflowRuntimeError)


@program
async def context_variables_of_the_caller_are_seen_by_steps():
    seen = []

    class Reads(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Topic:
            seen.append(VARIABLE.get())
            VARIABLE.set("by a step")
            return Topic()

        @step
        def in_a_thread(self, ev: Topic) -> StopEvent:
            seen.append(VARIABLE.get())
            return StopEvent()

    token = VARIABLE.set("by the caller")
    await Reads().run()
    seen.append(VARIABLE.get())
    VARIABLE.reset(token)
    return seen


@program
async def a_background_task_of_a_step_writes_to_the_stream():
    class Background(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Topic:
            async def later():
                await asyncio.sleep(0.03)
                ctx.write_event_to_stream(Note(text="later"))

            self.task = asyncio.create_task(later())
            return Topic()

        @step
        async def finish(self, ev: Topic) -> StopEvent:
            await asyncio.sleep(0.1)
            return StopEvent()

    return await observed(Background().run())


@program
async def a_run_is_cancelled_before_its_first_step():
    seen = []

    class Never(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            seen.append("began")
            await asyncio.sleep(1)
            return StopEvent()

    handler = Never().run()
    await handler.cancel_run()
    return await ending_of(handler, WorkflowCancelledByUser)


@program
async def a_failed_run_fails_each_time_it_is_awaited():
    class Fails(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            raise ValueError("always")

    handler = Fails().run()
    return [await ending_of(handler), await ending_of(handler), handler.is_done()]


@program
async def an_event_that_a_wait_takes_also_goes_to_its_step():
    seen = []

    class Both(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
            reply = await ctx.wait_for_event(Reply, waiter_event=Question())
            await asyncio.sleep(0.05)
            return StopEvent(result=reply.text)

        @step
        async def listen(self, ev: Reply) -> None:
            seen.append(ev.text)

    handler = Both(timeout=1).run()
    async for event in handler.stream_events():
        if isinstance(event, Question):
            handler.ctx.send_event(Reply(text="hello"))
    return [await ending_of(handler), seen]


@program
async def an_answer_comes_before_the_question():
    class Asks(Workflow):
        @step
        async def ask(self, ev: StartEvent) -> Question:
            await asyncio.sleep(0.05)
            return Question()

        @step
        async def take(self, ev: Reply) -> StopEvent:
            return StopEvent(result=ev.text)

    handler = Asks(timeout=1).run()
    await asyncio.sleep(0.01)
    handler.ctx.send_event(Reply(text="early"))
    return await observed(handler)


@program
async def a_retried_step_that_waits_is_answered_once():
    attempts = []

    class Waits(Workflow):
        @step(retry_policy=TWICE)
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            reply = await ctx.wait_for_event(Reply, waiter_event=Question(), waiter_id="q", timeout=0.3)
            attempts.append(reply.text)
            if len(attempts) == 1:
                raise ValueError("after the answer")
            return StopEvent(result=attempts)

    handler = Waits(timeout=1).run()
    questions = 0
    async for event in handler.stream_events():
        if isinstance(event, Question):
            questions += 1
            handler.ctx.send_event(Reply(text=f"answer {questions}"))
    return {"questions": questions, "ending": await ending_of(handler, TimeoutError)}


@program
async def texts_of_events_and_handlers():
    class Quick(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result="text")

    handler = Quick().run()
    await handler
    return {
        "stop": str(StopEvent(result="text")),
        "event": repr(Topic(text="t")),
        "event_text": str(Topic(text="t")),
        "stop_repr": repr(StopEvent(result=3)),
    }


@program
async def a_time_limit_that_is_none():
    class Quick(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result="quick")

    async def act():
        return await Quick(timeout=-1).run()

    return await refused(act, ValueError)


@program
async def many_events_through_a_chain_keep_their_order():
    class Chain(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Topic | None:
            for number in range(50):
                ctx.send_event(Topic(text=str(number)))

        @step(num_workers=1)
        async def middle(self, ev: Topic) -> Draft:
            return Draft(text=ev.text)

        @step(num_workers=1)
        async def end(self, ctx: Context, ev: Draft) -> StopEvent | None:
            ctx.write_event_to_stream(Note(text=ev.text))
            return StopEvent() if ev.text == "49" else None

    return [event.text async for event in Chain().run().stream_events() if isinstance(event, Note)]


@program
async def one_workflow_runs_another_inside_a_step():
    class Inner(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
            ctx.write_event_to_stream(Note(text="inner"))
            await ctx.store.set("inner", True)
            return StopEvent(result=ev.number * 2)

    class Outer(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(result=await Inner().run(number=ev.number))

    return await observed(Outer().run(number=21))


@program
async def a_step_is_a_function_that_can_be_called():
    class Plain(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result=ev.word)

    event = await Plain().begin(StartEvent(word="called"))
    return [event.result, Plain.begin.__name__]


@program
async def a_question_nobody_answers_waits_for_the_time_limit_or_for_ever():
    class Asks(Workflow):
        @step
        async def ask(self, ev: StartEvent) -> Question:
            return Question()

        @step
        async def take(self, ev: Reply) -> StopEvent:
            return StopEvent(result=ev.text)

    handler = Asks(timeout=0.1).run()
    await asyncio.sleep(0.2)
    done = handler.is_done()
    if not done:
        await handler.cancel_run()
    return [done, await ending_of(handler, WorkflowTimeoutError)]


@program
async def an_event_is_the_same_object_all_the_way():
    seen = []

    class Same(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Topic:
            topic = Topic(text="t")
            seen.append(topic)
            ctx.write_event_to_stream(topic)
            return topic

        @step
        async def finish(self, ev: Topic) -> StopEvent:
            seen.append(ev)
            return StopEvent()

    stream = [event async for event in Same().run().stream_events()]
    return [seen[0] is seen[1], stream[0] is seen[0]]


@program
async def the_deprecated_calls_of_a_handler_still_tell():
    class Quick(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            if ev.fail:
                raise ValueError("asked to")
            return StopEvent()

    good, bad = Quick().run(fail=False), Quick().run(fail=True)
    await asyncio.gather(good, bad, return_exceptions=True)
    return [good.done(), good.cancelled(), good.exception(), type(bad.exception()).__name__]


@program
async def a_reader_goes_on_after_a_wait_that_was_cancelled():
    class Late(Workflow):
        @step
        async def show(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(0.05)
            ctx.write_event_to_stream(Topic(text="late"))
            return StopEvent(result="end")

    handler = Late(timeout=1).run()
    events = handler.stream_events()
    waiting = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    seen = [type(event).__name__ async for event in events]
    return {"seen": seen, "result": await handler}
