"""Time limits in the simulated world, in programs in which they stop, go on, and are set anew under an old name."""

import asyncio

import pytest

from stepwell import Context, Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent, Workflow, step
from stepwell.errors import StepTimeoutError, WorkflowTimeoutError
from stepwell.testing import Faults, Outside, SimulatedRun, same_result, simulate


class Call(Event):
    pass


class Reply(Event):
    pass


class Rests(Workflow):
    """Rests and works in turn: each rest ends before the time limit's old hour, and the work goes on beyond it.

    The first rest is a wait for another step, so that no timer of the run strikes when it ends.
    """

    @step(timeout=5.0)
    async def only(self, ctx: Context, ev: StartEvent) -> Call | StopEvent:
        ctx.send_event(Call())
        await ctx.wait_for_event(Reply)
        await asyncio.sleep(1.2)
        await ctx.sleep(4.5)
        await asyncio.sleep(1.2)
        return StopEvent(result="rested")

    @step
    async def reply(self, ctx: Context, ev: Call) -> None:
        await asyncio.sleep(4.5)
        ctx.send_event(Reply())


def test_a_step_s_time_limit_does_not_strike_at_an_hour_that_was_put_off() -> None:
    simulate(Rests, seeds=20, check=same_result)


def in_time_or_timed_out(run: SimulatedRun) -> None:
    assert run.status == "completed" or isinstance(run.exception, StepTimeoutError)
    assert run.status == "failed" or run.facts > 0


def test_a_step_that_is_held_up_behind_its_rest_is_timed_out() -> None:
    seen: set[str] = set()

    def check(run: SimulatedRun) -> None:
        in_time_or_timed_out(run)
        seen.add(run.status)

    simulate(Rests, seeds=40, faults=Faults(slow_step=0.4), check=check)

    assert seen == {"completed", "failed"}


class Part(Event):
    pass


class Asked(InputRequiredEvent):
    pass


class Answered(HumanResponseEvent):
    pass


class Works(Workflow):
    """Works for 40 of its 60 seconds, waits for a person for as long as that takes, and works for 40 more."""

    def __init__(self) -> None:
        super().__init__(timeout=60.0)

    @step
    async def first(self, ev: StartEvent) -> Asked:
        await asyncio.sleep(40)
        return Asked()

    @step
    async def second(self, ev: Answered) -> StopEvent:
        await asyncio.sleep(40)
        return StopEvent(result="in time")


def timed_out(run: SimulatedRun) -> None:
    assert isinstance(run.exception, WorkflowTimeoutError), run.exception


@pytest.mark.parametrize("restore", [0.0, 0.5])
def test_a_run_s_time_limit_goes_on_behind_a_wait_with_what_was_left(restore: float) -> None:
    simulate(
        Works, seeds=20, faults=Faults(restore=restore), outside=Outside(answer=lambda _: Answered()), check=timed_out
    )
