"""Recorded calls: done once for an event, given again to a body that runs again, and told when they do not match."""

import asyncio
from typing import Any

import pytest
from tests.unit.runtime.snapshot_helpers import put_away, settle, shown, take_up
from tests.unit.runtime.virtual_loop import passed_since, virtually

from stepwell import Context, Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent, Workflow, step
from stepwell.errors import (
    AttemptOverError,
    NestedPointError,
    NoAttemptError,
    PointMismatchError,
    ReplayError,
    StepOptionError,
    WorkflowStepDoesNotExistError,
)
from stepwell.retry_policy import retry_policy, stop_after_attempt, wait_fixed

PATIENTLY = retry_policy(wait=wait_fixed(0), stop=stop_after_attempt(4))


class Item(Event):
    number: int = 0


class Note(Event):
    text: str = ""


class Ask(InputRequiredEvent):
    pass


class Answer(HumanResponseEvent):
    number: int = 0


class Scratch:
    """What the steps of a test do outside."""

    def __init__(self) -> None:
        self.made: list[Any] = []

    def make(self, what: Any) -> Any:
        self.made.append(what)
        return what

    async def make_slowly(self, what: Any) -> Any:
        await asyncio.sleep(1)
        return self.make(what)


@virtually
async def test_once_returns_what_its_function_returns() -> None:
    scratch = Scratch()

    class Once(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            plain = await ctx.once("plain", scratch.make, 1)
            slow = await ctx.once("slow", scratch.make_slowly, what=2)
            return StopEvent(result=(plain, slow))

    assert await Once().run() == (1, 2)


@virtually
async def test_a_further_attempt_does_not_do_again_what_was_done_once() -> None:
    scratch = Scratch()

    class Flaky(Workflow):
        @step(retry_policy=PATIENTLY)
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            first = await ctx.once("pay", scratch.make, "first")
            second = await ctx.once("pay", scratch.make, f"second of attempt {ctx.attempt}")
            if ctx.attempt < 3:
                raise ValueError
            return StopEvent(result=(first, second))

    assert await Flaky().run() == ("first", "second of attempt 1")
    assert scratch.made == ["first", "second of attempt 1"]


@virtually
async def test_a_further_attempt_tries_again_what_failed_once() -> None:
    class Flaky(Workflow):
        @step(retry_policy=PATIENTLY)
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(result=await ctx.once("divide", lambda: 6 // (ctx.attempt - 1)))

    assert await Flaky().run() == 6


@virtually
async def test_a_further_attempt_keeps_an_answer_and_does_not_ask_again() -> None:
    class Flaky(Workflow):
        @step(retry_policy=PATIENTLY)
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            answer = await ctx.wait_for_event(Answer, waiter_event=Ask(), waiter_id="name")
            if ctx.attempt == 1:
                raise ValueError
            return StopEvent(result=answer.number)

    handler = Flaky().run()
    await settle()
    handler.ctx.send_event(Answer(number=9))

    assert len(await shown(handler, Ask)) == 1
    assert await handler == 9


@virtually
async def test_a_question_that_is_open_when_an_attempt_fails_is_not_asked_again() -> None:
    class Flaky(Workflow):
        @step(retry_policy=PATIENTLY)
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            question = ctx.wait_for_event(Answer, waiter_event=Ask(), waiter_id="name")
            answer, _ = await asyncio.gather(question, self.fail_at_first(ctx))
            return StopEvent(result=answer.number)

        async def fail_at_first(self, ctx: Context) -> None:
            await asyncio.sleep(1)
            if ctx.attempt == 1:
                raise ValueError

    handler = Flaky().run()
    await asyncio.sleep(5)
    handler.ctx.send_event(Answer(number=9))

    assert len(await shown(handler, Ask)) == 1
    assert await handler == 9


@virtually
async def test_an_answer_that_a_changed_requirement_does_not_take_is_not_kept() -> None:
    class Flaky(Workflow):
        @step(retry_policy=PATIENTLY)
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            wanted = {"number": ctx.attempt}
            answer = await ctx.wait_for_event(Answer, waiter_id="x", requirements=wanted)
            if ctx.attempt == 1:
                raise ValueError
            return StopEvent(result=answer.number)

    handler = Flaky().run()
    await settle()
    handler.ctx.send_event(Answer(number=1))
    await settle()
    handler.ctx.send_event(Answer(number=2))

    assert await handler == 2


@virtually
async def test_a_further_attempt_gets_the_events_that_were_collected() -> None:
    class Flaky(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Item:
            ctx.send_event(Item(number=1))
            return Item(number=2)

        @step(num_workers=1, retry_policy=PATIENTLY)
        async def collect(self, ctx: Context, ev: Item) -> StopEvent | None:
            both = ctx.collect_events(ev, [Item, Item])
            if ctx.attempt == 1:
                raise ValueError
            return None if both is None else StopEvent(result=[one["number"] for one in both])

    assert await Flaky().run() == [1, 2]


@virtually
async def test_what_was_done_once_is_not_done_again_after_a_snapshot() -> None:
    scratch = Scratch()

    class Payer(Workflow):
        @step
        async def pay(self, ctx: Context, ev: StartEvent) -> StopEvent:
            paid = await ctx.once("pay", scratch.make, {"euros": (1, 2)})
            await ctx.commit()
            await ctx.sleep(1)
            await ctx.wait_for_event(Answer)
            return StopEvent(result=paid)

    handler = Payer().run()
    await asyncio.sleep(2)

    again = take_up(Payer(), await put_away(handler))
    again.ctx.send_event(Answer())

    assert await again == {"euros": (1, 2)}
    assert len(scratch.made) == 1


@virtually
async def test_what_failed_once_fails_so_again_after_a_snapshot() -> None:
    scratch = Scratch()

    class Careful(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            try:
                await ctx.once("divide", lambda: scratch.make(1) // 0)
            except ZeroDivisionError as error:
                await ctx.wait_for_event(Answer)
                return StopEvent(result=str(error))
            return StopEvent()

    handler = Careful().run()
    await settle()

    again = take_up(Careful(), await put_away(handler))
    again.ctx.send_event(Answer())

    assert "zero" in await again
    assert scratch.made == [1]


@virtually
async def test_what_is_under_way_is_done_again_after_a_snapshot_but_not_what_it_had_sent() -> None:
    scratch = Scratch()

    class Slow(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            async def act() -> int:
                ctx.write_event_to_stream(Note(text="inside"))
                await asyncio.sleep(5)
                return len(scratch.make("act"))

            value = await ctx.once("act", act)
            ctx.write_event_to_stream(Note(text="outside"))
            return StopEvent(result=value)

    handler = Slow().run()
    await asyncio.sleep(2)

    again = take_up(Slow(), await put_away(handler))

    assert await shown(again, Note) == [Note(text="outside")]
    assert scratch.made == ["act"]


@virtually
async def test_a_call_that_was_given_up_is_given_up_again() -> None:
    class Impatient(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            try:
                async with asyncio.timeout(3):
                    await ctx.wait_for_event(Note)
            except TimeoutError:
                answer = await ctx.wait_for_event(Answer)
                return StopEvent(result=answer.number)
            return StopEvent()

    handler = Impatient().run()
    await asyncio.sleep(4)
    data = await put_away(handler)
    start = asyncio.get_running_loop().time()

    again = take_up(Impatient(), data)
    again.ctx.send_event(Note())
    again.ctx.send_event(Answer(number=6))

    assert await again == 6
    assert passed_since(start) == 3


class Changing(Workflow):
    """A step whose code another test changes while a run is inside it."""

    first = "pay"
    ends_early = False
    hides = False

    @step(retry_policy=PATIENTLY)
    async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
        if self.ends_early:
            return StopEvent(result="early")
        try:
            await ctx.once(self.first, lambda: 1)
        except ReplayError:
            if not self.hides:
                raise
        await ctx.wait_for_event(Answer)
        return StopEvent(result="late")


async def changed(**attributes: Any) -> Changing:
    handler = Changing().run()
    await settle()
    data = await put_away(handler)
    workflow = Changing()
    vars(workflow).update(attributes)
    again = take_up(workflow, data)
    again.ctx.send_event(Answer())
    await again
    return workflow


@virtually
async def test_a_body_that_asks_for_something_else_than_recorded_is_told_both() -> None:
    with pytest.raises(PointMismatchError) as caught:
        await changed(first="refund")

    error = caught.value
    assert (error.step, error.recorded, error.asked) == ("work", "once('pay')", "once('refund')")
    assert isinstance(error, ReplayError)


@virtually
async def test_a_body_that_ends_before_what_is_recorded_is_told_so() -> None:
    with pytest.raises(PointMismatchError, match="came to its end where once"):
        await changed(ends_early=True)


@virtually
async def test_a_body_cannot_hide_that_it_asked_for_something_else() -> None:
    with pytest.raises(PointMismatchError):
        await changed(first="refund", hides=True)


@virtually
async def test_nothing_else_is_recorded_inside_the_function_of_once() -> None:
    class Nesting(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            async def nested() -> None:
                await asyncio.gather(ctx.sleep(1))

            await ctx.once("outer", nested)
            return StopEvent()

    with pytest.raises(NestedPointError, match=r"ctx\.sleep cannot be used inside the function of ctx\.once"):
        await Nesting().run()


@virtually
async def test_a_task_from_before_may_wait_while_once_is_under_way() -> None:
    class Beside(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            beside = asyncio.create_task(self.doze(ctx))
            value = await ctx.once("slow", asyncio.sleep, 5, "done")
            return StopEvent(result=(value, await beside))

        async def doze(self, ctx: Context) -> str:
            await asyncio.sleep(1)
            await ctx.sleep(1)
            return "dozed"

    assert await Beside().run() == ("done", "dozed")


@pytest.mark.parametrize(("name", "function"), [("", len), (5, len), ("x", 5)])
@virtually
async def test_once_takes_a_name_and_a_function(name: Any, function: Any) -> None:
    class Odd(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(result=await ctx.once(name, function))

    with pytest.raises(StepOptionError, match="once"):
        await Odd().run()


@virtually
async def test_recorded_calls_belong_into_steps() -> None:
    class Plain(Workflow):
        @step
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent()

    handler = Plain().run()

    with pytest.raises(NoAttemptError, match="only available from within step functions"):
        await handler.ctx.once("x", len, "abc")
    with pytest.raises(NoAttemptError):
        await handler.ctx.commit()
    await handler


@virtually
async def test_an_attempt_that_was_timed_out_writes_nothing_any_more() -> None:
    refused: list[BaseException] = []

    class Ghost(Workflow):
        @step(timeout=1)
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            try:
                await asyncio.sleep(10)
            finally:
                asyncio.get_running_loop().call_later(1, asyncio.ensure_future, self.haunt(ctx))
            return StopEvent()

        async def haunt(self, ctx: Context) -> None:
            try:
                await ctx.store.set("x", 1)
            except AttemptOverError as error:
                refused.append(error)

    handler = Ghost().run()
    with pytest.raises(TimeoutError):
        await handler
    await asyncio.sleep(3)

    assert len(refused) == 1
    assert await handler.ctx.store.get("x", None) is None


class Refused(Workflow):
    """Is refused a write, or an event, sends something because of it, and more after a wait."""

    heard: list[str]

    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> None:
        await ctx.store.set("list", [1])
        try:
            if ev.way == "write":
                await ctx.store.set("list.7", 3)
            else:
                ctx.send_event(Note(text="lost"), step="nowhere")
        except (ValueError, WorkflowStepDoesNotExistError):
            ctx.send_event(Note(text="because of it"))
        await ctx.store.set("list.0", 2)
        await ctx.wait_for_event(Answer)
        ctx.send_event(Note(text="after"))

    @step(num_workers=1)
    async def hear(self, ctx: Context, ev: Note) -> StopEvent | None:
        self.heard.append(ev.text)
        return StopEvent(await ctx.store.get("list")) if ev.text == "after" else None


@pytest.mark.parametrize("way", ["write", "send"])
@virtually
async def test_what_was_refused_before_a_snapshot_is_refused_again_and_nothing_after_it_is_lost(way: str) -> None:
    workflow = Refused(disable_validation=True)
    workflow.heard = []
    handler = workflow.run(way=way)
    for _ in range(2):
        await settle()
        handler = take_up(workflow, await put_away(handler))
    await settle()

    handler.ctx.send_event(Answer())

    assert await asyncio.wait_for(handler, 100) == [2]
    assert workflow.heard == ["because of it", "after"]


class Listed(Workflow):
    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent([[]])


class Growing(Workflow):
    """Changes in place what a recorded call gave it."""

    @step(retry_policy=PATIENTLY)
    async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
        got = await ctx.run_child(Listed()) if ev.child else await ctx.once("list", lambda: [[]])
        got[0].append(ctx.attempt)
        await ctx.sleep(1)
        if ctx.attempt < 3:
            raise RuntimeError("once more")
        return StopEvent(got)


@pytest.mark.parametrize("child", [False, True])
@virtually
async def test_a_body_that_changes_a_result_in_place_does_not_change_what_is_recorded(child: bool) -> None:
    handler = Growing().run(child=child)
    for _ in range(4):
        await asyncio.sleep(0.6)
        handler = take_up(Growing(), await put_away(handler))

    assert await handler == [[3]]
