"""``ctx`` in a step: sending, background tasks, waiting for events; and what each call refuses."""

import asyncio
from typing import Any

import pytest
from tests.unit.runtime.virtual_loop import passed_since, virtually

from stepwell import Context, Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent, Workflow, step
from stepwell.errors import (
    ContextStateError,
    NoAttemptError,
    NotAnEventError,
    StepOptionError,
    StepRefusesEventError,
    TooManyHeldEventsError,
    WorkflowRuntimeError,
    WorkflowStepDoesNotExistError,
)


class Item(Event):
    number: int = 0


class Other(Event):
    pass


class Ask(InputRequiredEvent):
    pass


class Answer(HumanResponseEvent):
    text: str = ""
    who: str = ""


class Base(Workflow):
    """Two steps that accept Item, and one that ends the run with what it got."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> Item | Other | StopEvent | None:
        return await self.act(ctx)

    async def act(self, ctx: Context) -> Item | Other | StopEvent | None:
        raise NotImplementedError

    @step
    async def one(self, ev: Item) -> None:
        self.seen.append(f"one {ev.number}")

    @step
    async def two(self, ev: Item) -> None:
        self.seen.append(f"two {ev.number}")

    @step
    async def end(self, ev: Other) -> StopEvent:
        return StopEvent(self.seen)


@virtually
async def test_a_sent_event_goes_to_each_step_that_accepts_it() -> None:
    class Sends(Base):
        async def act(self, ctx: Context) -> None:
            ctx.send_event(Item(number=1))
            await asyncio.sleep(1)
            ctx.send_event(Other())

    assert sorted(await Sends().run()) == ["one 1", "two 1"]


@virtually
async def test_an_event_sent_to_a_step_goes_to_that_step_only() -> None:
    class Sends(Base):
        async def act(self, ctx: Context) -> None:
            ctx.send_event(Item(number=1), step="two")
            await asyncio.sleep(1)
            ctx.send_event(Other())

    assert await Sends().run() == ["two 1"]


@virtually
async def test_sending_to_a_step_that_does_not_exist_suggests_the_near_miss() -> None:
    class Sends(Base):
        async def act(self, ctx: Context) -> None:
            ctx.send_event(Item(), step="twoo")

    with pytest.raises(WorkflowStepDoesNotExistError, match=r"Step twoo does not exist.*Did you mean 'two'") as caught:
        await Sends().run()

    assert isinstance(caught.value, WorkflowRuntimeError)


@virtually
async def test_sending_to_a_step_what_it_does_not_accept_says_what_it_accepts() -> None:
    class Sends(Base):
        async def act(self, ctx: Context) -> None:
            ctx.send_event(Other(), step="two")

    with pytest.raises(StepRefusesEventError, match="Step two does not accept event of type Other; it accepts Item"):
        await Sends().run()


class Unhashable(type):
    def __eq__(cls, other: object) -> bool:
        return cls is other

    __hash__ = None  # type: ignore[assignment]


class OfUnhashable(metaclass=Unhashable):
    pass


@pytest.mark.parametrize("what", [{"a": 1}, None, Item, "Item", OfUnhashable()])
@virtually
async def test_only_events_can_be_sent(what: Any) -> None:
    class Sends(Base):
        async def act(self, ctx: Context) -> None:
            ctx.send_event(what)

    with pytest.raises(NotAnEventError, match="send_event takes an instance of an Event subclass, not"):
        await Sends().run()


@pytest.mark.parametrize("call", ["send_event", "write_event_to_stream"])
@virtually
async def test_what_is_no_event_is_told_so_also_when_it_comes_too_late(call: str) -> None:
    class Short(Base):
        async def act(self, ctx: Context) -> None:
            ctx.send_event(StopEvent())

    handler = Short().run()
    await handler

    with pytest.raises(NotAnEventError, match=f"{call} takes an instance of an Event subclass, not"):
        getattr(handler.ctx, call)("no event")


@virtually
async def test_a_thousand_events_that_nobody_takes_are_held_and_no_more() -> None:
    class Stray(Event):
        pass

    class Sends(Base):
        async def act(self, ctx: Context) -> StopEvent:
            for _ in range(1_000):
                ctx.send_event(Stray())
            with pytest.raises(TooManyHeldEventsError, match="1000 events that no step accepts are already held"):
                ctx.send_event(Stray())
            return StopEvent("full")

    assert await Sends().run() == "full"


@virtually
async def test_a_background_task_is_awaited_for_its_result() -> None:
    class Works(Base):
        async def act(self, ctx: Context) -> StopEvent:
            return StopEvent(await ctx.create_task(asyncio.sleep(1, "result")))

    assert await Works().run() == "result"


@virtually
async def test_a_background_task_may_outlive_its_step_and_keeps_the_run_going() -> None:
    class Works(Base):
        async def act(self, ctx: Context) -> None:
            async def later() -> None:
                await asyncio.sleep(5)
                ctx.send_event(Other())

            ctx.create_task(later())

    start = asyncio.get_running_loop().time()

    assert await Works().run() == []
    assert passed_since(start) == 5


@virtually
async def test_a_background_task_does_not_outlive_the_run() -> None:
    ended: list[str] = []

    class Works(Base):
        async def act(self, ctx: Context) -> StopEvent:
            async def forever() -> None:
                try:
                    await asyncio.sleep(1_000)
                finally:
                    ended.append("cancelled")

            ctx.create_task(forever())
            await asyncio.sleep(1)
            return StopEvent()

    start = asyncio.get_running_loop().time()
    await Works().run()

    assert ended == ["cancelled"]
    assert passed_since(start) == 1


@virtually
async def test_the_failure_of_a_background_task_fails_the_run_when_its_step_is_over() -> None:
    class Works(Base):
        async def act(self, ctx: Context) -> None:
            async def burst() -> None:
                await asyncio.sleep(1)
                raise ValueError("in the background")

            ctx.create_task(burst())

    with pytest.raises(ValueError, match="in the background") as caught:
        await Works().run()

    assert "in step 'begin'" in caught.value.__notes__[0]


@virtually
async def test_the_failure_of_a_background_task_that_nobody_looked_at_fails_its_step() -> None:
    class Works(Base):
        async def act(self, ctx: Context) -> StopEvent:
            async def burst() -> None:
                raise ValueError("in the background")

            ctx.create_task(burst())
            await asyncio.sleep(1)
            return StopEvent("success?")

    with pytest.raises(ValueError, match="in the background"):
        await Works().run()


@pytest.mark.parametrize("way", ["await", "gather", "exception", "wait"])
@virtually
async def test_a_failure_that_the_step_looked_at_is_the_step_s_affair(way: str) -> None:
    class Works(Base):
        async def act(self, ctx: Context) -> StopEvent:
            async def burst() -> None:
                raise ValueError("in the background")

            task = ctx.create_task(burst())
            if way == "gather":
                await asyncio.gather(task, return_exceptions=True)
            elif way == "await":
                with pytest.raises(ValueError, match="in the background"):
                    await task
            else:
                await asyncio.wait([task])
                assert isinstance(task.exception(), ValueError)
            return StopEvent("handled")

    assert await Works().run() == "handled"


@virtually
async def test_background_tasks_of_a_step_that_failed_are_cancelled() -> None:
    ended: list[str] = []

    class Works(Base):
        async def act(self, ctx: Context) -> None:
            async def forever() -> None:
                try:
                    await asyncio.sleep(1_000)
                finally:
                    ended.append("cancelled")

            ctx.create_task(forever())
            await asyncio.sleep(1)
            raise OSError("the step itself")

    with pytest.raises(OSError, match="the step itself"):
        await Works().run()

    assert ended == ["cancelled"]


@pytest.mark.parametrize("what", [asyncio.sleep, None, 3])
@virtually
async def test_a_background_task_is_made_of_a_coroutine(what: Any) -> None:
    class Works(Base):
        async def act(self, ctx: Context) -> None:
            ctx.create_task(what)

    with pytest.raises(StepOptionError, match=r"create_task\(coroutine\) must be a coroutine"):
        await Works().run()


async def use_outside(ctx: Context, call: str) -> None:
    """Make a call that only an attempt may make."""
    coroutine = asyncio.sleep(0)
    try:
        match call:
            case "attempt":
                _ = ctx.attempt
            case "create_task":
                ctx.create_task(coroutine)
            case "wait_for_event":
                await ctx.wait_for_event(Answer)
            case "sleep":
                await ctx.sleep(1)
            case _:
                ctx.retry_info()
    finally:
        coroutine.close()


@pytest.mark.parametrize("call", ["retry_info", "create_task", "attempt", "wait_for_event", "sleep"])
@virtually
async def test_what_belongs_to_an_attempt_is_refused_outside_of_one(call: str) -> None:
    class Waits(Base):
        async def act(self, ctx: Context) -> None:
            await asyncio.sleep(10)
            ctx.send_event(Other())

    handler = Waits().run()

    with pytest.raises(NoAttemptError, match=f"{call} is only available from within step functions") as caught:
        await use_outside(handler.ctx, call)
    await handler

    assert isinstance(caught.value, ContextStateError)


@virtually
async def test_nothing_before_a_wait_runs_twice() -> None:
    class Waits(Base):
        async def act(self, ctx: Context) -> StopEvent:
            self.seen.append("before")
            answer = await ctx.wait_for_event(Answer)
            self.seen.append(answer.text)
            return StopEvent(self.seen)

    handler = Waits().run()
    await asyncio.sleep(1)

    await handler.send_event(Answer(text="after"))

    assert await handler == ["before", "after"]


@virtually
async def test_a_wait_shows_its_question_once() -> None:
    class Waits(Base):
        async def act(self, ctx: Context) -> StopEvent:
            return StopEvent((await ctx.wait_for_event(Answer, waiter_event=Ask())).text)

    handler = Waits().run()
    kinds = []
    async for event in handler.stream_events():
        kinds.append(type(event).__name__)
        if isinstance(event, Ask):
            await handler.send_event(Answer(text="shown"))

    assert kinds == ["Ask", "StopEvent"]
    assert await handler == "shown"


@virtually
async def test_a_wait_takes_only_what_meets_its_requirements() -> None:
    class Waits(Base):
        async def act(self, ctx: Context) -> StopEvent:
            return StopEvent((await ctx.wait_for_event(Answer, requirements={"who": "ann"})).text)

    handler = Waits().run()
    await asyncio.sleep(1)

    await handler.send_event(Answer(who="bob", text="no"))
    await handler.send_event(Answer(who="ann", text="yes"))

    assert await handler == "yes"


@virtually
async def test_waits_side_by_side_each_get_their_answer() -> None:
    class Waits(Base):
        async def act(self, ctx: Context) -> StopEvent:
            answers = await asyncio.gather(
                *(ctx.wait_for_event(Answer, requirements={"who": who}) for who in ("ann", "bob"))
            )
            return StopEvent([answer.text for answer in answers])

    handler = Waits().run()
    await asyncio.sleep(1)

    await handler.send_event(Answer(who="bob", text="from bob"))
    await handler.send_event(Answer(who="ann", text="from ann"))

    assert await handler == ["from ann", "from bob"]


@virtually
async def test_an_answer_that_comes_before_its_wait_is_not_lost() -> None:
    class Waits(Base):
        async def act(self, ctx: Context) -> StopEvent:
            await asyncio.sleep(5)
            return StopEvent((await ctx.wait_for_event(Answer)).text)

    handler = Waits().run()
    await asyncio.sleep(1)

    await handler.send_event(Answer(text="early"))

    assert await handler == "early"


@virtually
async def test_a_waiting_step_holds_no_worker() -> None:
    class Narrow(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> list[Item]:
            return [Item(number=number) for number in range(3)]

        @step(num_workers=1)
        async def ask(self, ctx: Context, ev: Item) -> Other:
            await ctx.wait_for_event(Answer, waiter_event=Ask(), requirements={"who": str(ev.number)})
            return Other()

        @step
        async def join(self, evs: list[Other]) -> StopEvent:
            return StopEvent(len(evs))

    handler = Narrow().run()
    asked = 0
    async for event in handler.stream_events():
        if isinstance(event, Ask):
            asked += 1
            if asked == 3:
                for who in range(3):
                    await handler.send_event(Answer(who=str(who)))

    assert await handler == 3


@pytest.mark.parametrize("what", [Answer(), "Answer", None, int])
@virtually
async def test_a_wait_is_for_a_class_of_events(what: Any) -> None:
    class Waits(Base):
        async def act(self, ctx: Context) -> None:
            await ctx.wait_for_event(what)

    with pytest.raises(NotAnEventError, match=r"wait_for_event\(event_type\) takes an Event subclass, not"):
        await Waits().run()


@virtually
async def test_a_run_that_is_cancelled_ends_its_waits() -> None:
    ended: list[str] = []

    class Waits(Base):
        async def act(self, ctx: Context) -> None:
            try:
                await ctx.wait_for_event(Answer)
            finally:
                ended.append("finally")

    handler = Waits().run()
    await asyncio.sleep(1)

    await handler.cancel_run()

    assert ended == ["finally"]
