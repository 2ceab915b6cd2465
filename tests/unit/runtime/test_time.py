"""Time limits: of a run and of a step, what counts, and that due timers come before results."""

import asyncio
import logging
from typing import Any

import pytest
from tests.unit.runtime.virtual_loop import VirtualLoop, pass_time, passed_since, virtually

from stepwell import (
    Context,
    Event,
    HumanResponseEvent,
    StartEvent,
    StepFailedEvent,
    StopEvent,
    Workflow,
    catch_error,
    step,
)
from stepwell.errors import (
    EventWaitTimeout,
    StepError,
    StepOptionError,
    StepTimeoutError,
    StepwellError,
    WorkflowTimeoutError,
)
from stepwell.flow import WorkflowTimedOutEvent
from stepwell.retry_policy import retry_policy, stop_after_attempt, wait_fixed


class Answer(HumanResponseEvent):
    text: str = ""


class Slow(Workflow):
    """One step that takes its time."""

    @step
    async def crawl(self, ev: StartEvent) -> StopEvent:
        await asyncio.sleep(ev.get("seconds", 3600))
        return StopEvent("arrived")


@virtually
async def test_a_run_that_takes_longer_than_its_timeout_fails_at_that_moment() -> None:
    start = asyncio.get_running_loop().time()

    with pytest.raises(WorkflowTimeoutError):
        await Slow(timeout=7).run()

    assert passed_since(start) == 7


@virtually
async def test_a_run_has_forty_five_seconds_unless_told_otherwise() -> None:
    start = asyncio.get_running_loop().time()

    with pytest.raises(WorkflowTimeoutError):
        await Slow().run()

    assert passed_since(start) == 45


@virtually
async def test_a_run_without_a_timeout_takes_as_long_as_it_takes() -> None:
    assert await Slow(timeout=None).run(seconds=1_000_000) == "arrived"


@virtually
async def test_a_timeout_says_how_long_and_which_steps_were_active() -> None:
    handler = Slow(timeout=2.5).run()

    with pytest.raises(WorkflowTimeoutError) as caught:
        await handler

    assert "Operation timed out after 2.5 seconds. Currently active steps: crawl" in str(caught.value)
    assert (caught.value.timeout, caught.value.active_steps, caught.value.workflow) == (2.5, ("crawl",), "Slow")
    assert isinstance(caught.value, TimeoutError)
    assert isinstance(caught.value, StepwellError)
    assert handler.status == "timed_out"


@virtually
async def test_the_stream_of_a_run_that_timed_out_ends_with_the_steps_that_were_active() -> None:
    handler = Slow(timeout=3).run()

    events = [event async for event in handler.stream_events()]

    assert [type(event) for event in events] == [WorkflowTimedOutEvent]
    assert events[0]["timeout"] == 3
    assert events[0]["active_steps"] == ["crawl"]
    assert isinstance(handler.exception(), WorkflowTimeoutError)


@virtually
async def test_a_step_that_is_cut_off_by_the_run_timeout_runs_its_finally() -> None:
    seen: list[str] = []

    class Tidy(Workflow):
        @step
        async def crawl(self, ev: StartEvent) -> StopEvent:
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise
            finally:
                seen.append("finally")
            return StopEvent()

    with pytest.raises(WorkflowTimeoutError):
        await Tidy(timeout=1).run()

    assert seen == ["cancelled", "finally"]


@virtually
async def test_time_in_wait_for_event_does_not_count_for_the_run() -> None:
    class Patient(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            answer = await ctx.wait_for_event(Answer)
            return StopEvent(answer.text)

    handler = Patient(timeout=5).run()
    await asyncio.sleep(1_000)

    await handler.send_event(Answer(text="late but fine"))

    assert await handler == "late but fine"


@virtually
async def test_time_before_and_after_a_wait_adds_up() -> None:
    class Patient(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(3)
            await ctx.wait_for_event(Answer)
            await asyncio.sleep(3)
            return StopEvent()

    handler = Patient(timeout=5).run()
    await asyncio.sleep(100)
    await handler.send_event(Answer())
    answered = asyncio.get_running_loop().time()

    with pytest.raises(WorkflowTimeoutError):
        await handler

    assert passed_since(answered) == 2


@virtually
async def test_time_in_ctx_sleep_does_not_count_for_the_run() -> None:
    class Napper(Workflow):
        @step
        async def nap(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.sleep(1_000)
            return StopEvent("rested")

    start = asyncio.get_running_loop().time()

    assert await Napper(timeout=5).run() == "rested"
    assert passed_since(start) == 1_000


@virtually
async def test_a_wait_does_not_stop_the_clock_while_another_step_works() -> None:
    class Both(Workflow):
        @step
        async def nap(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.sleep(1_000)
            return StopEvent()

        @step
        async def work(self, ev: StartEvent) -> None:
            await asyncio.sleep(1_000)

    start = asyncio.get_running_loop().time()

    with pytest.raises(WorkflowTimeoutError):
        await Both(timeout=5).run()

    assert passed_since(start) == 5


@virtually
async def test_time_until_a_retry_counts_for_the_run() -> None:
    class Again(Workflow):
        @step(retry_policy=retry_policy(wait=wait_fixed(100)))
        async def fail(self, ev: StartEvent) -> StopEvent:
            raise ValueError("no")

    start = asyncio.get_running_loop().time()

    with pytest.raises(WorkflowTimeoutError) as caught:
        await Again(timeout=5).run()

    assert passed_since(start) == 5
    assert caught.value.active_steps == ("fail",)


@virtually
async def test_an_attempt_that_takes_longer_than_its_step_allows_fails_the_run() -> None:
    class Strict(Workflow):
        @step(timeout=2)
        async def crawl(self, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(100)
            return StopEvent()

    start = asyncio.get_running_loop().time()

    with pytest.raises(StepTimeoutError) as caught:
        await Strict().run()

    assert passed_since(start) == 2
    assert (caught.value.step, caught.value.timeout) == ("crawl", 2)
    assert "step 'crawl' timed out after 2 seconds" in str(caught.value)
    assert isinstance(caught.value, TimeoutError)
    assert isinstance(caught.value, StepError)
    assert any("crawl" in note for note in caught.value.__notes__)


@virtually
async def test_each_attempt_has_the_whole_time_limit_of_its_step() -> None:
    seen: list[float] = []

    class Strict(Workflow):
        @step(timeout=2, retry_policy=retry_policy(wait=wait_fixed(10), stop=stop_after_attempt(3)))
        async def crawl(self, ctx: Context, ev: StartEvent) -> StopEvent:
            seen.append(asyncio.get_running_loop().time())
            if ctx.retry_info().retry_number == 2:
                assert isinstance(ctx.retry_info().last_exception, StepTimeoutError)
                await asyncio.sleep(1.9)
                return StopEvent("third time lucky")
            await asyncio.sleep(100)
            return StopEvent()

    assert await Strict().run() == "third time lucky"
    assert [round(at - seen[0], 6) for at in seen] == [0, 12, 24]


@virtually
async def test_a_step_timeout_goes_to_catch_error() -> None:
    class Strict(Workflow):
        @step(timeout=2)
        async def crawl(self, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(100)
            return StopEvent()

        @catch_error
        async def rescue(self, ev: StepFailedEvent) -> StopEvent:
            return StopEvent(type(ev.exception).__name__)

    assert await Strict().run() == "StepTimeoutError"


@virtually
async def test_time_in_waits_and_sleeps_does_not_count_for_the_step() -> None:
    class Patient(Workflow):
        @step(timeout=5)
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(2)
            await ctx.sleep(1_000)
            await asyncio.sleep(2)
            await ctx.wait_for_event(Answer)
            return StopEvent("in time")

    handler = Patient().run()
    await asyncio.sleep(2_000)
    await handler.send_event(Answer())

    assert await handler == "in time"


@virtually
async def test_a_step_has_only_what_is_left_of_its_time_after_a_wait() -> None:
    class Patient(Workflow):
        @step(timeout=5)
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(3)
            await ctx.sleep(1_000)
            await asyncio.sleep(3)
            return StopEvent()

    start = asyncio.get_running_loop().time()

    with pytest.raises(StepTimeoutError):
        await Patient().run()

    assert passed_since(start) == 1_005


@virtually
async def test_the_time_limit_of_a_step_does_not_strike_at_the_hour_that_a_wait_put_off() -> None:
    class Works(Workflow):
        @step(timeout=5)
        async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.wait_for_event(Answer)
            await asyncio.sleep(2)
            return StopEvent("at six")

    handler = Works(timeout=None).run()
    await asyncio.sleep(4)
    handler.ctx.send_event(Answer())

    assert await handler == "at six"


@virtually
async def test_a_result_that_comes_after_the_deadline_of_its_step_is_a_timeout() -> None:
    class Blocking(Workflow):
        @step(timeout=1)
        async def block(self, ev: StartEvent) -> StopEvent:
            pass_time(1.5)
            return StopEvent("too late")

    with pytest.raises(StepTimeoutError):
        await Blocking().run()


@virtually
@pytest.mark.parametrize("in_background", [False, True])
async def test_a_wait_that_begins_after_the_deadline_of_its_step_does_not_put_it_off(in_background: bool) -> None:
    class Late(Workflow):
        @step(timeout=1)
        async def late(self, ctx: Context, ev: StartEvent) -> StopEvent:
            pass_time(1.5)
            if in_background:
                ctx.create_task(ctx.sleep(10))
                await asyncio.sleep(0)
            else:
                await ctx.sleep(10)
            return StopEvent()

    start = asyncio.get_running_loop().time()
    with pytest.raises(StepTimeoutError):
        await Late().run()

    assert passed_since(start) == 1.5


@virtually
async def test_a_result_that_comes_after_the_deadline_of_the_run_is_a_timeout() -> None:
    class Blocking(Workflow):
        @step
        async def block(self, ev: StartEvent) -> StopEvent:
            pass_time(1.5)
            return StopEvent("too late")

    with pytest.raises(WorkflowTimeoutError):
        await Blocking(timeout=1).run()


@virtually
async def test_an_exception_that_comes_after_the_deadline_of_the_run_is_a_timeout() -> None:
    class Blocking(Workflow):
        @step
        async def block(self, ev: StartEvent) -> StopEvent:
            pass_time(1.5)
            raise ValueError("too late")

    with pytest.raises(WorkflowTimeoutError):
        await Blocking(timeout=1).run()


@virtually
async def test_a_result_just_in_time_counts() -> None:
    class Blocking(Workflow):
        @step(timeout=2)
        async def block(self, ev: StartEvent) -> StopEvent:
            pass_time(1.5)
            return StopEvent("in time")

    assert await Blocking(timeout=2).run() == "in time"


@virtually
async def test_all_timers_of_a_run_share_one_call_later() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    opened = asyncio.Event()

    class Go(Event):
        number: int

    class Many(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Go | StopEvent | None:
            for number in range(50):
                ctx.send_event(Go(number=number))
            return None

        @step(timeout=30, num_workers=50)
        async def work(self, ctx: Context, ev: Go) -> None:
            if ev.number == 49:
                opened.set()
            await loop.create_future()

        @step(num_workers=50)
        async def wait(self, ctx: Context, ev: Go) -> None:
            await ctx.wait_for_event(Answer, timeout=20 + ev.number)

    tasks = len(asyncio.all_tasks())
    handler = Many().run()
    await opened.wait()

    timers = [handle for handle in loop._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]

    assert len(timers) == 1
    assert len(asyncio.all_tasks()) - tasks == 100 + 1  # the bodies, and one for all runs of the loop
    await handler.cancel_run()


@virtually
async def test_a_run_that_is_over_leaves_no_timer_behind() -> None:
    loop = asyncio.get_running_loop()

    await Slow().run(seconds=1)

    assert [handle for handle in loop._scheduled if not handle.cancelled()] == []  # type: ignore[attr-defined]


@virtually
async def test_a_wait_whose_time_is_up_raises_a_timeout_in_the_step() -> None:
    class Impatient(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            with pytest.raises(EventWaitTimeout, match="Timed out waiting for Answer") as caught:
                await ctx.wait_for_event(Answer, timeout=8)
            return StopEvent((caught.value.event, caught.value.timeout, isinstance(caught.value, TimeoutError)))

    start = asyncio.get_running_loop().time()

    assert await Impatient(timeout=5).run() == ("Answer", 8, True)
    assert passed_since(start) == 8


@virtually
async def test_a_step_that_ignores_its_timeout_is_given_up_and_named(caplog: pytest.LogCaptureFixture) -> None:
    freed = asyncio.Event()

    class Stubborn(Workflow):
        @step(timeout=2)
        async def refuse(self, ev: StartEvent) -> StopEvent:
            while not freed.is_set():
                try:
                    await freed.wait()
                except asyncio.CancelledError:
                    continue
            return StopEvent("unheard")

    start = asyncio.get_running_loop().time()

    with caplog.at_level(logging.WARNING, "stepwell.runtime"), pytest.raises(StepTimeoutError):
        await Stubborn().run()

    assert passed_since(start) == 7
    assert "step 'refuse' ignores its cancellation and was given up after 5 seconds" in caplog.text
    freed.set()
    await asyncio.sleep(0)


@pytest.mark.parametrize("seconds", [0, -1, "5", True, float("nan"), [1]])
def test_a_step_timeout_must_be_a_number_of_seconds(seconds: Any) -> None:
    with pytest.raises(StepOptionError, match="timeout must be a number of seconds greater than 0, or None"):
        step(timeout=seconds)


@pytest.mark.parametrize("seconds", [0, -1, "5", True, float("nan"), float("inf")])
def test_a_run_timeout_must_be_a_number_of_seconds(seconds: Any) -> None:
    with pytest.raises(StepOptionError, match="timeout must be a number of seconds greater than 0 or None"):
        Slow(timeout=seconds)


@pytest.mark.parametrize("seconds", [-1, "5", None, True, float("nan"), float("inf")])
@virtually
async def test_a_sleep_must_be_a_number_of_seconds(seconds: Any) -> None:
    class Napper(Workflow):
        @step
        async def nap(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.sleep(seconds)
            return StopEvent()

    with pytest.raises(StepOptionError, match=r"sleep\(seconds\) must be a number of seconds, 0 or more"):
        await Napper().run()
