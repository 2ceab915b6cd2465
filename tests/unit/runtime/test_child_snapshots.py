"""Runs with children that were put away and taken up again."""

import asyncio
from typing import Any

import pytest
from tests.unit.runtime.snapshot_helpers import put_away, settle, take_up
from tests.unit.runtime.virtual_loop import virtually

from stepwell import (
    Context,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    Workflow,
    step,
)
from stepwell.errors import ContextSerdeError


class Answer(HumanResponseEvent):
    number: int = 0


class Asker(Workflow):
    """Asks a person, from wherever it runs."""

    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        answer = await ctx.wait_for_event(Answer, waiter_event=InputRequiredEvent(prefix="?"))
        return StopEvent(result=answer.number)


class Middle(Workflow):
    @step
    async def pass_on(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await ctx.run_child(Asker(timeout=None)))


class Outer(Workflow):
    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await ctx.run_child(Middle(timeout=None)))


@virtually
async def test_an_answer_that_comes_before_the_steps_are_back_at_a_child_of_a_child_is_not_lost() -> None:
    handler = Outer(timeout=None).run()
    await settle(60)
    again = take_up(Outer(timeout=None), await put_away(handler))

    again.ctx.send_event(Answer(number=4))

    assert await asyncio.wait_for(again, 100) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"format": "x"},
        {"version": 2},
        {"version": True},
        {"workflow": 5},
        {"run_id": ""},
        {"values": "x"},
        {"run": None},
        {"run": {}},
        {"unheard of": 1},
    ],
)
@virtually
async def test_a_child_of_a_child_that_cannot_go_on_is_refused_before_anything_starts(change: dict[str, Any]) -> None:
    handler = Outer(timeout=None).run()
    await settle(60)
    data = await put_away(handler)
    data["run"]["children"][0]["document"]["run"]["children"][0]["document"].update(change)

    with pytest.raises(ContextSerdeError, match=r"at (run.children\[0\].document.run.children|version)"):
        Context.from_dict(Outer(timeout=None), data)
