"""A run that was put away goes on where it stood: bodies, waits, retries, queues, joins, time."""

import asyncio
import threading
from typing import Annotated, Any

import pytest
from tests.unit.runtime.snapshot_helpers import document, put_away, settle, shown, take_up
from tests.unit.runtime.virtual_loop import passed_since, virtually

from stepwell import (
    Collect,
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StepFailedEvent,
    StopEvent,
    Take,
    Workflow,
    catch_error,
    step,
)
from stepwell.errors import EventWaitTimeout, RunNotBegunError, StepTimeoutError, WorkflowTimeoutError
from stepwell.retry_policy import retry_policy, stop_after_attempt, wait_fixed


class Item(Event):
    number: int = 0


class Done(Event):
    number: int = 0


class Left(Event):
    pass


class Right(Event):
    total: int = 0


class Note(Event):
    text: str = ""


class Ask(InputRequiredEvent):
    prefix: str = ""


class Answer(HumanResponseEvent):
    number: int = 0
    text: str | None = None


class Patient(Workflow):
    """Asks once, and answers with what it got."""

    calls: list[str]

    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        self.calls.append("body")
        ctx.write_event_to_stream(Note(text="before"))
        await ctx.store.set("seen", await ctx.store.get("seen", 0) + 1)
        answer = await ctx.wait_for_event(Answer, waiter_event=Ask(prefix="?"))
        ctx.write_event_to_stream(Note(text="after"))
        return StopEvent(result=(answer.number, await ctx.store.get("seen")))


def patient(**options: Any) -> Patient:
    workflow = Patient(**options)
    workflow.calls = []
    return workflow


@virtually
async def test_a_waiting_run_goes_on_with_the_answer() -> None:
    handler = patient().run()
    await settle()
    data = await put_away(handler)

    again = take_up(patient(), data)
    again.ctx.send_event(Answer(number=5))

    assert await again == (5, 1)


@virtually
async def test_a_run_that_is_taken_up_has_the_id_that_it_had() -> None:
    handler = patient().run(run_id="r1")
    await settle()

    again = take_up(patient(), await put_away(handler))

    assert again.run_id == "r1"
    await again.cancel_run()


@virtually
async def test_a_body_runs_again_and_what_it_did_takes_no_effect_again() -> None:
    handler = patient().run()
    await settle()
    workflow = patient()

    again = take_up(workflow, await put_away(handler))
    again.ctx.send_event(Answer(number=5))

    assert await shown(again, Note) == [Note(text="after")]
    assert workflow.calls == ["body"]
    assert (await again)[1] == 1


@virtually
async def test_cursors_of_the_stream_go_on() -> None:
    handler = patient().run()
    await settle()

    again = take_up(patient(), await put_away(handler))
    again.ctx.send_event(Answer())
    cursors = [item.cursor async for item in again.stream() if not isinstance(item.event, Ask)]

    assert cursors == [2, 3]


@virtually
async def test_an_open_question_is_shown_to_who_listens_after_it_was_taken_up() -> None:
    handler = patient().run()
    await settle()

    again = take_up(patient(), await put_away(handler))
    first = await anext(again.stream())

    assert (first.cursor, first.event) == (1, Ask(prefix="?"))
    await again.cancel_run()


@virtually
async def test_a_question_that_was_answered_is_not_shown_again() -> None:
    class Twice(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.wait_for_event(Answer, waiter_event=Ask(prefix="first"))
            await ctx.wait_for_event(Answer, waiter_event=Ask(prefix="second"))
            return StopEvent()

    handler = Twice().run()
    await settle()
    handler.ctx.send_event(Answer())
    await settle()

    again = take_up(Twice(), await put_away(handler))
    first = await anext(again.stream())

    assert first.event == Ask(prefix="second")
    await again.cancel_run()


@virtually
async def test_an_answer_with_other_values_than_required_leaves_the_wait_open() -> None:
    class Strict(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            answer = await ctx.wait_for_event(Answer, requirements={"number": 2})
            return StopEvent(result=answer.number)

    handler = Strict().run()
    await settle()

    again = take_up(Strict(), await put_away(handler))
    again.ctx.send_event(Answer(number=1))
    await settle()
    assert not again.is_done()
    again.ctx.send_event(Answer(number=2))

    assert await again == 2


@virtually
async def test_a_deadline_that_passed_meanwhile_is_over_at_once() -> None:
    class Hasty(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            try:
                await ctx.wait_for_event(Answer, timeout=60)
            except EventWaitTimeout:
                return StopEvent(result="too late")
            return StopEvent()

    handler = Hasty().run()
    await settle()
    data = await put_away(handler)
    data["run"]["suspended"][0]["open"][0]["at"] -= 3600
    start = asyncio.get_running_loop().time()

    again = take_up(Hasty(), data)

    assert await again == "too late"
    assert passed_since(start) == 0


@virtually
async def test_a_sleep_goes_on_for_the_rest_of_its_time() -> None:
    class Sleeper(Workflow):
        @step
        async def doze(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.sleep(10)
            return StopEvent()

    handler = Sleeper().run()
    await asyncio.sleep(4)
    data = document(handler)
    start = asyncio.get_running_loop().time()

    again = take_up(Sleeper(), data)
    await again

    assert passed_since(start) == 6
    await handler


@virtually
async def test_a_run_that_is_taken_up_has_the_time_that_was_left_of_its_limit() -> None:
    class Slow(Workflow):
        @step
        async def crawl(self, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(1000)
            return StopEvent()

    handler = Slow(timeout=30).run()
    await asyncio.sleep(20)
    data = await put_away(handler)
    start = asyncio.get_running_loop().time()

    with pytest.raises(WorkflowTimeoutError):
        await take_up(Slow(timeout=30), data)

    assert passed_since(start) == 10


@virtually
async def test_the_limit_of_a_run_that_only_waits_stands_still() -> None:
    handler = patient(timeout=30).run()
    await settle()
    data = await put_away(handler)

    again = take_up(patient(timeout=30), data)
    await asyncio.sleep(1000)
    again.ctx.send_event(Answer(number=1))

    assert (await again)[0] == 1


@virtually
async def test_a_body_that_runs_again_has_its_whole_time_limit() -> None:
    class Limited(Workflow):
        @step(timeout=10)
        async def crawl(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(8)
            await ctx.wait_for_event(Answer)
            await asyncio.sleep(8)
            return StopEvent()

    handler = Limited().run()
    await asyncio.sleep(9)
    data = await put_away(handler)
    start = asyncio.get_running_loop().time()

    again = take_up(Limited(), data)
    again.ctx.send_event(Answer())
    with pytest.raises(StepTimeoutError):
        await again

    assert passed_since(start) == 10


@virtually
async def test_a_body_that_was_timed_out_and_had_not_ended_has_failed() -> None:
    release = asyncio.Event()

    class Stubborn(Workflow):
        @step(timeout=1)
        async def cling(self, ev: StartEvent) -> StopEvent:
            try:
                await asyncio.sleep(1000)
            finally:
                await release.wait()
            return StopEvent()

    handler = Stubborn().run()
    await asyncio.sleep(2)
    data = document(handler)
    release.set()

    with pytest.raises(StepTimeoutError):
        await take_up(Stubborn(), data)
    with pytest.raises(StepTimeoutError):
        await handler


@virtually
async def test_a_retry_that_is_due_later_is_made_at_its_hour() -> None:
    class Flaky(Workflow):
        @step(retry_policy=retry_policy(wait=wait_fixed(60), stop=stop_after_attempt(3)))
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            if ctx.attempt == 1:
                raise ValueError("at first")
            info = ctx.retry_info()
            return StopEvent(result=(ctx.attempt, str(info.last_exception), type(info.last_exception)))

    handler = Flaky(timeout=None).run()
    await asyncio.sleep(20)
    data = await put_away(handler)
    start = asyncio.get_running_loop().time()

    result = await take_up(Flaky(timeout=None), data)

    assert result == (2, "at first", ValueError)
    assert passed_since(start) == 40


@virtually
async def test_queued_events_keep_their_order() -> None:
    class Queue(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> list[Item]:
            return [Item(number=number) for number in range(5)]

        @step(num_workers=1)
        async def work(self, ctx: Context, ev: Item) -> Done:
            await ctx.sleep(1 if ev.number == 0 else 0)
            await asyncio.sleep(1)
            return Done(number=ev.number)

        @step
        async def join(self, evs: list[Done]) -> StopEvent:
            return StopEvent(result=[ev.number for ev in evs])

    straight = await Queue(timeout=None).run()
    handler = Queue(timeout=None).run()
    await asyncio.sleep(2.5)

    again = take_up(Queue(timeout=None), await put_away(handler))

    assert await again == straight


@virtually
async def test_a_half_full_join_of_a_fan_out_is_filled() -> None:
    class Fan(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> list[Item]:
            return [Item(number=number) for number in range(4)]

        @step
        async def work(self, ctx: Context, ev: Item) -> Done:
            if ev.number % 2:
                await ctx.wait_for_event(Answer, requirements={"number": ev.number})
            return Done(number=ev.number)

        @step
        async def join(self, evs: Annotated[list[Done], Collect(ordered=True)]) -> StopEvent:
            return StopEvent(result=[ev.number for ev in evs])

    handler = Fan().run()
    await settle()

    again = take_up(Fan(), await put_away(handler))
    for number in (3, 1):
        again.ctx.send_event(Answer(number=number))

    assert await again == [0, 1, 2, 3]


@virtually
async def test_a_join_that_takes_the_first_few_is_filled_and_cancels_the_others() -> None:
    cancelled = []

    class Race(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> list[Item]:
            return [Item(number=number) for number in range(4)]

        @step
        async def work(self, ctx: Context, ev: Item) -> Done:
            try:
                if ev.number:
                    await ctx.wait_for_event(Answer, requirements={"number": ev.number})
            except asyncio.CancelledError:
                cancelled.append(ev.number)
                raise
            return Done(number=ev.number)

        @step
        async def join(self, ctx: Context, evs: Annotated[list[Done], Collect(Take(2), cancel=True)]) -> StopEvent:
            await asyncio.sleep(1)
            return StopEvent(result=[ev.number for ev in evs])

    handler = Race().run()
    await settle()
    data = await put_away(handler)
    cancelled.clear()

    again = take_up(Race(), data)
    again.ctx.send_event(Answer(number=3))

    assert await again == [0, 3]
    assert cancelled == [1, 2]


@virtually
async def test_a_join_over_two_parameters_keeps_the_first() -> None:
    class Pair(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Left:
            return Left()

        @step
        async def ask(self, ev: StartEvent) -> Ask:
            return Ask()

        @step
        async def answer(self, ev: Answer) -> Right:
            return Right()

        @step
        async def join(self, left: Left, right: Right) -> StopEvent:
            return StopEvent(result="both")

    handler = Pair().run()
    await settle()

    again = take_up(Pair(), await put_away(handler))
    again.ctx.send_event(Answer())

    assert await again == "both"


@virtually
async def test_what_collect_events_keeps_is_kept() -> None:
    class Gatherer(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Item | None:
            ctx.send_event(Item(number=1))
            await ctx.wait_for_event(Answer)
            return Item(number=2)

        @step
        async def collect(self, ctx: Context, ev: Item) -> StopEvent | None:
            both = ctx.collect_events(ev, [Item, Item])
            return None if both is None else StopEvent(result=[one["number"] for one in both])

    handler = Gatherer().run()
    await settle()

    again = take_up(Gatherer(), await put_away(handler))
    again.ctx.send_event(Answer())

    assert await again == [1, 2]


@virtually
async def test_a_body_that_had_collected_gets_the_same_list_again() -> None:
    class Gatherer(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Item:
            ctx.send_event(Item(number=1))
            return Item(number=2)

        @step(num_workers=1)
        async def collect(self, ctx: Context, ev: Item) -> StopEvent | None:
            both = ctx.collect_events(ev, [Item, Item])
            if both is None:
                return None
            await ctx.wait_for_event(Answer)
            return StopEvent(result=[one["number"] for one in both])

    handler = Gatherer().run()
    await settle()

    again = take_up(Gatherer(), await put_away(handler))
    again.ctx.send_event(Answer())

    assert await again == [1, 2]


@virtually
async def test_events_that_nothing_took_yet_are_still_there() -> None:
    class Late(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.wait_for_event(Answer)
            later = await ctx.wait_for_event(Note)
            return StopEvent(result=later.text)

    handler = Late().run()
    await settle()
    handler.ctx.send_event(Note(text="early"))

    again = take_up(Late(), await put_away(handler))
    again.ctx.send_event(Answer())

    assert await again == "early"


@virtually
async def test_nested_fan_outs_close_in_order() -> None:
    class Nested(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> list[Left]:
            return [Left(), Left()]

        @step
        async def inner(self, ev: Left) -> list[Item]:
            return [Item(number=1), Item(number=2)]

        @step(num_workers=1)
        async def work(self, ctx: Context, ev: Item) -> Done:
            await ctx.sleep(1)
            return Done(number=ev.number)

        @step
        async def close(self, evs: list[Done]) -> Right:
            return Right(total=sum(ev.number for ev in evs))

        @step
        async def join(self, evs: list[Right]) -> StopEvent:
            return StopEvent(result=[ev.get("total") for ev in evs])

    handler = Nested(timeout=None).run()
    await asyncio.sleep(0.5)

    assert await take_up(Nested(timeout=None), await put_away(handler)) == [3, 3]


@virtually
async def test_waits_that_a_body_makes_at_once_get_their_own_answers() -> None:
    class Gather(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            numbers = range(3)
            waits = [ctx.wait_for_event(Answer, requirements={"number": number}) for number in numbers]
            answers = await asyncio.gather(*waits)
            return StopEvent(result=[answer.get("text") for answer in answers])

    handler = Gather().run()
    await settle()
    handler.ctx.send_event(Answer(number=1, text="b"))
    await settle()

    again = take_up(Gather(), await put_away(handler))
    again.ctx.send_event(Answer(number=2, text="c"))
    again.ctx.send_event(Answer(number=0, text="a"))

    assert await again == ["a", "b", "c"]


async def test_a_step_in_a_thread_goes_on() -> None:
    reached, release = threading.Event(), threading.Event()
    made: list[object] = []

    def make() -> int:
        made.append("made")
        return len(made)

    class Threaded(Workflow):
        @step
        def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            value = ctx.call(ctx.once("made", make))
            ctx.send_event(Item(number=value))
            ctx.write_event_to_stream(Note(text="shown"))
            ctx.call(ctx.store.set("x", value))
            reached.set()
            release.wait(10)
            return StopEvent(result=ctx.call(ctx.store.get("x")))

        @step
        async def count(self, ctx: Context, ev: Item) -> None:
            made.append("counted")

    handler = Threaded(disable_validation=True).run()
    await asyncio.to_thread(reached.wait, 10)
    await settle()
    data = document(handler)
    release.set()
    await handler

    again = take_up(Threaded(disable_validation=True), data)

    assert await shown(again, Note) == []
    assert await again == 1
    assert made == ["made", "counted"]


async def test_a_step_in_a_thread_may_take_a_snapshot() -> None:
    class Threaded(Workflow):
        @step
        def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(result=ctx.to_dict())

    data = await Threaded().run()

    assert len(data["run"]["running"]) == 1


@virtually
async def test_background_tasks_of_a_body_that_is_over_go_on() -> None:
    class Host(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Item:
            ctx.create_task(self.watch(ctx))
            return Item()

        async def watch(self, ctx: Context) -> None:
            ctx.write_event_to_stream(Note(text="watching"))
            answer = await ctx.wait_for_event(Answer)
            ctx.send_event(Done(number=answer.number))

        @step
        async def ignore(self, ev: Item) -> None:
            pass

        @step
        async def end(self, ev: Done) -> StopEvent:
            return StopEvent(result=ev.number)

    handler = Host(disable_validation=True).run()
    await settle()

    again = take_up(Host(disable_validation=True), await put_away(handler))
    again.ctx.send_event(Answer(number=4))

    assert await shown(again, Note) == []
    assert await again == 4


@virtually
async def test_what_a_handler_of_errors_may_recover_is_still_counted() -> None:
    class Mended(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent | Item) -> Item:
            raise ValueError(str(ev.get("number", 0)))

        @catch_error(max_recoveries=2)
        async def mend(self, ctx: Context, ev: StepFailedEvent) -> Item | StopEvent:
            await ctx.wait_for_event(Answer)
            return Item(number=int(str(ev.exception)) + 1)

    handler = Mended(disable_validation=True).run()
    await settle()
    handler.ctx.send_event(Answer())
    await settle()

    again = take_up(Mended(disable_validation=True), await put_away(handler))
    again.ctx.send_event(Answer())

    with pytest.raises(ValueError, match="2"):
        await again


@virtually
async def test_a_run_that_waits_for_its_turn_cannot_be_put_away() -> None:
    workflow = patient(num_concurrent_runs=1)
    first, second = workflow.run(), workflow.run()

    with pytest.raises(RunNotBegunError, match="to_dict"):
        second.ctx.to_dict()

    await first.cancel_run()
    await second.cancel_run()


@virtually
async def test_a_run_that_is_taken_up_waits_for_its_turn_too() -> None:
    handler = patient().run()
    await settle()
    data = await put_away(handler)
    workflow = patient(num_concurrent_runs=1)
    first = workflow.run()

    again = take_up(workflow, data)
    await settle()
    assert workflow.calls == ["body"]
    await first.cancel_run()
    await settle()
    again.ctx.send_event(Answer(number=2))

    assert (await again)[0] == 2


def slow(workers: int) -> Workflow:
    class Slow(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> list[Item]:
            return [Item(number=number) for number in range(6)]

        @step(num_workers=workers)
        async def work(self, ctx: Context, ev: Item) -> Done:
            await asyncio.sleep(1)
            return Done(number=ev.number)

        @step
        async def end(self, evs: Annotated[list[Done], Collect(ordered=True)]) -> StopEvent:
            return StopEvent([ev.number for ev in evs])

    return Slow(timeout=None)


@pytest.mark.parametrize(("before", "after"), [(1, 4), (2, 6), (4, 1), (3, 3)])
@virtually
async def test_a_run_is_taken_up_by_steps_with_other_numbers_of_workers(before: int, after: int) -> None:
    handler = slow(before).run()
    await asyncio.sleep(0.5)

    again = take_up(slow(after), await put_away(handler))

    assert await asyncio.wait_for(again, 100) == [0, 1, 2, 3, 4, 5]


@virtually
async def test_a_snapshot_changes_nothing() -> None:
    handler = patient().run()
    await settle()

    first, second = document(handler), document(handler)

    del first["run"]["taken_at"], second["run"]["taken_at"]
    assert first == second
    await handler.cancel_run()


@virtually
async def test_a_snapshot_does_not_grow_with_what_is_over() -> None:
    class Loop(Workflow):
        @step
        async def turn(self, ctx: Context, ev: StartEvent | Item) -> Item | Ask:
            number = ev.get("number", 0)
            return Item(number=number + 1) if number < ev.get("until", 0) or number < 200 else Ask()

        @step
        async def end(self, ev: Answer) -> StopEvent:
            return StopEvent()

    handler = Loop(disable_validation=True).run(until=1)
    await settle(600)

    assert len(str(document(handler))) < 2_500
    await handler.cancel_run()


@virtually
async def test_what_a_background_task_did_counts_for_that_task_whichever_comes_first_the_second_time() -> None:
    class Two(Workflow):
        delays: tuple[float, float]

        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
            async def say(text: str, seconds: float) -> None:
                await asyncio.sleep(seconds)
                ctx.write_event_to_stream(Note(text=text))

            for text, seconds in zip("ab", self.delays, strict=True):
                ctx.create_task(say(text, seconds))
            answer = await ctx.wait_for_event(Answer)
            return StopEvent(result=answer.number)

    first, second = Two(), Two()
    first.delays, second.delays = (1, 100), (3, 2)
    handler = first.run()
    await asyncio.sleep(10)
    data = await put_away(handler)

    again = take_up(second, data)
    await asyncio.sleep(10)
    again.ctx.send_event(Answer(number=1))

    assert await shown(again, Note) == [Note(text="b")]
