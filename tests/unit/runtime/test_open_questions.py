"""Which questions a run shows again after it was put away: those that are open, and no others."""

import asyncio
import contextlib
from typing import Annotated, Any

import pytest
from tests.unit.runtime.snapshot_helpers import put_away, settle, take_up
from tests.unit.runtime.virtual_loop import virtually

from stepwell import (
    Collect,
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    Take,
    Workflow,
    WorkflowHandler,
    step,
)
from stepwell.errors import WorkflowStalledError
from stepwell.retry_policy import retry_policy, stop_after_attempt, wait_fixed


class Ask(InputRequiredEvent):
    about: str


class Answer(HumanResponseEvent):
    about: str


class Late(HumanResponseEvent):
    """What a step takes, and no wait."""

    last: bool = False


class Go(Event):
    pass


class Item(Event):
    number: int


async def ask(ctx: Context, about: str, seconds: float | None = None) -> Answer:
    return await ctx.wait_for_event(Answer, Ask(about=about), requirements={"about": about}, timeout=seconds)


async def shown_again(handler: WorkflowHandler[Any]) -> list[str]:
    """Return what a run that was taken up asks whoever listens now."""
    asked: list[str] = []

    async def listen() -> None:
        nonlocal asked
        async for event in handler.stream_events():
            asked += [event.about] if isinstance(event, Ask) else []

    listener = asyncio.ensure_future(listen())
    await settle(60)
    listener.cancel()
    return asked


async def again(handler: WorkflowHandler[Any], workflow: Workflow[Any, Any]) -> WorkflowHandler[Any]:
    """Put a run away and take it up, after all that can happen has."""
    await settle(60)
    return take_up(workflow, await put_away(handler))


class GivesUp(Workflow):
    """Asks four times; the second has no time, the third is given up from outside."""

    @step
    async def talk(self, ctx: Context, ev: StartEvent) -> StopEvent:
        await ask(ctx, "answered")
        for about in ("timed out", "given up"):
            try:
                async with asyncio.timeout(2):
                    await ask(ctx, about, 1 if about == "timed out" else None)
            except TimeoutError:
                pass
        answer = await ask(ctx, "open")
        return StopEvent(result=answer.about)


@pytest.mark.parametrize("lives", [1, 2])
@virtually
async def test_only_the_question_of_the_open_wait_is_shown_again(lives: int) -> None:
    handler = GivesUp(timeout=None).run()
    await settle()
    handler.ctx.send_event(Answer(about="answered"))
    await asyncio.sleep(5)

    for _ in range(lives):
        handler = await again(handler, GivesUp(timeout=None))

    assert await shown_again(handler) == ["open"]
    handler.ctx.send_event(Answer(about="open"))
    assert await handler == "open"


class Races(Workflow):
    """Asks three people, and is content with one."""

    @step
    async def begin(self, ev: StartEvent) -> list[Item]:
        return [Item(number=number) for number in range(3)]

    @step
    async def talk(self, ctx: Context, ev: Item) -> Go:
        await ask(ctx, str(ev.number))
        return Go()

    @step
    async def end(self, ctx: Context, evs: Annotated[list[Go], Collect(Take(1, cancel=True))]) -> StopEvent:
        await ask(ctx, "sure")
        return StopEvent(result=len(evs))


@virtually
async def test_the_questions_of_branches_that_were_cancelled_are_not_shown_again() -> None:
    handler = Races(timeout=None).run()
    await settle()
    handler.ctx.send_event(Answer(about="1"))

    handler = await again(handler, Races(timeout=None))

    assert await shown_again(handler) == ["sure"]
    handler.ctx.send_event(Answer(about="sure"))
    assert await handler == 1


class Tries(Workflow):
    """Asks once for all attempts; the first fails beside its question."""

    @step(retry_policy=retry_policy(wait=wait_fixed(10), stop=stop_after_attempt(2)))
    async def talk(self, ctx: Context, ev: StartEvent) -> StopEvent:
        talking = asyncio.ensure_future(ask(ctx, "once"))
        await asyncio.sleep(1)
        if ctx.attempt == 1:
            talking.cancel()
            await asyncio.wait([talking])
            raise ConnectionError
        return StopEvent(result=(await talking).about)


@pytest.mark.parametrize("moment", [5, 10.5, 15])
@pytest.mark.parametrize("lives", [1, 2])
@virtually
async def test_a_question_that_a_failed_attempt_left_to_the_next_one_is_shown_again(moment: float, lives: int) -> None:
    handler = Tries(timeout=None).run()
    await asyncio.sleep(moment)

    for _ in range(lives):
        handler = await again(handler, Tries(timeout=None))

    assert await shown_again(handler) == ["once"]
    await asyncio.sleep(15)
    assert await shown_again(handler) == ["once"]
    handler.ctx.send_event(Answer(about="once"))
    assert await handler == "once"


class TriesLater(Workflow):
    """Its first attempt gives the question up, goes on for a while, and fails."""

    @step(retry_policy=retry_policy(wait=wait_fixed(1), stop=stop_after_attempt(2)))
    async def talk(self, ctx: Context, ev: StartEvent) -> StopEvent:
        try:
            answer = await ask(ctx, "again", 1 if ctx.attempt == 1 else None)
        except TimeoutError:
            await ctx.sleep(10)
            raise ConnectionError from None
        return StopEvent(result=answer.about)


@virtually
async def test_a_question_that_nobody_saw_since_the_restore_is_asked_anew_by_the_next_attempt() -> None:
    handler = TriesLater(timeout=None).run()
    await asyncio.sleep(5)

    handler = await again(handler, TriesLater(timeout=None))

    assert await shown_again(handler) == []
    await asyncio.sleep(10)
    assert await shown_again(handler) == ["again"]
    handler.ctx.send_event(Answer(about="again"))
    assert await handler == "again"


class Mixed(Workflow):
    """Asks between steps, and in the middle of one that begins after it."""

    gives_up = False

    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> Ask:
        ctx.send_event(Go())
        return Ask(about="between")

    @step
    async def talk(self, ctx: Context, ev: Go) -> None:
        with contextlib.suppress(TimeoutError):
            await ask(ctx, "inside", 1 if self.gives_up else None)
        await ctx.wait_for_event(Go)

    @step
    async def end(self, ev: Late) -> StopEvent | None:
        return StopEvent(result="late") if ev.last else None


class MixedImpatient(Mixed):
    gives_up = True


@virtually
async def test_a_question_between_steps_stays_open_when_one_inside_a_step_that_came_later_is_answered() -> None:
    handler = Mixed(timeout=None, disable_validation=True).run()
    await settle()
    handler.ctx.send_event(Answer(about="inside"))

    handler = await again(handler, Mixed(timeout=None, disable_validation=True))

    assert await shown_again(handler) == ["between"]


@virtually
async def test_a_question_between_steps_that_was_answered_is_not_shown_again_for_one_that_was_given_up() -> None:
    handler = MixedImpatient(timeout=None, disable_validation=True).run()
    await asyncio.sleep(2)
    handler.ctx.send_event(Late())

    handler = await again(handler, MixedImpatient(timeout=None, disable_validation=True))

    assert await shown_again(handler) == []
    handler.ctx.send_event(Late(last=True))
    assert await handler == "late"


class Child(Workflow):
    @step
    async def talk(self, ctx: Context, ev: StartEvent) -> StopEvent:
        with contextlib.suppress(TimeoutError):
            await ask(ctx, "given up below", 1)
        return StopEvent(result=(await ask(ctx, "open below")).about)


class Parent(Workflow):
    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
        try:
            async with asyncio.timeout(5):
                await ctx.run_child(Child(timeout=None))
        except TimeoutError:
            pass
        return StopEvent(result=await ctx.run_child(Child(timeout=None)))


@pytest.mark.parametrize("moment", [2, 8])
@pytest.mark.parametrize("lives", [1, 2])
@virtually
async def test_of_a_childs_questions_only_the_open_one_is_shown_again_above(moment: float, lives: int) -> None:
    handler = Parent(timeout=None).run()
    await asyncio.sleep(moment)

    for _ in range(lives):
        handler = await again(handler, Parent(timeout=None))
    seen = await shown_again(handler)
    twice = Context.from_dict(Parent(timeout=None), handler.ctx.to_dict()).to_dict()

    assert seen == ["open below"]
    assert len(twice["run"]["stream"]["questions"]) == 1


class Lonely(Workflow):
    """Somebody who saw a question that was given up may answer it: a step takes that."""

    @step
    async def talk(self, ctx: Context, ev: StartEvent) -> None:
        try:
            await ask(ctx, "given up", 1)
        except TimeoutError:
            return

    @step
    async def end(self, ev: Late) -> StopEvent | None:
        return StopEvent(result="late") if ev.last else None


@virtually
async def test_a_run_waits_for_a_late_answer_that_a_step_takes_and_stalls_after_it() -> None:
    handler = Lonely(timeout=None).run()
    await asyncio.sleep(5)
    assert not handler.is_done()

    handler.ctx.send_event(Late())

    with pytest.raises(WorkflowStalledError):
        await handler
