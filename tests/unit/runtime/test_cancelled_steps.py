"""A step that ends by a CancelledError of its own: a failure with a name, never the awaiter's cancellation."""

import asyncio
import logging
import subprocess
import sys
import textwrap

import pytest

from stepwell import Context, StartEvent, StepFailedEvent, StopEvent, Workflow, catch_error, step
from stepwell.errors import StepCancelledError
from stepwell.retry_policy import retry_policy, stop_after_attempt, wait_none


class AwaitsACancelledTask(Workflow):
    """Fails as often as ``failures`` says."""

    failures = 1

    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
        if ctx.attempt <= self.failures:
            inner = asyncio.create_task(asyncio.sleep(60))
            await asyncio.sleep(0)
            inner.cancel()
            await inner
        return StopEvent(ctx.attempt)


class Retries(AwaitsACancelledTask):
    @step(retry_policy=retry_policy(wait=wait_none(), stop=stop_after_attempt(2)))
    async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return await AwaitsACancelledTask.begin(self, ctx, ev)


class Catches(AwaitsACancelledTask):
    @catch_error
    async def mend(self, ev: StepFailedEvent) -> StopEvent:
        return StopEvent(type(ev.exception))


async def test_a_cancelled_inner_task_fails_the_step_with_an_error_of_its_own() -> None:
    with pytest.raises(StepCancelledError, match="something that it awaits was cancelled") as caught:
        await AwaitsACancelledTask().run()

    assert isinstance(caught.value.__cause__, asyncio.CancelledError)
    assert not caught.value.from_outside


async def test_a_task_group_sees_a_failure_and_no_cancellation() -> None:
    async def waits() -> None:
        await AwaitsACancelledTask().run()

    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            group.create_task(waits())

    assert caught.group_contains(StepCancelledError)


async def test_a_timeout_around_the_handler_does_not_take_it_for_its_own() -> None:
    with pytest.raises(StepCancelledError):
        async with asyncio.timeout(30):
            await AwaitsACancelledTask().run()


async def test_it_goes_to_the_retry_policy() -> None:
    assert await Retries().run() == 2


async def test_it_goes_to_the_handler_of_errors() -> None:
    assert await Catches().run() is StepCancelledError


async def test_a_timeout_inside_of_the_step_is_a_timeout() -> None:
    class TimesOut(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            async with asyncio.timeout(0.001):
                await asyncio.sleep(60)
            return StopEvent()

    with pytest.raises(TimeoutError):
        await TimesOut().run()


async def test_an_attempt_whose_task_is_cancelled_by_others_is_not_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class CancelsItself(Workflow):
        attempts = 0

        @step(retry_policy=retry_policy(wait=wait_none(), stop=stop_after_attempt(3)))
        async def begin(self, ev: StartEvent) -> StopEvent:
            self.attempts += 1
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(60)
            return StopEvent()

    workflow = CancelsItself()
    with caplog.at_level(logging.ERROR), pytest.raises(StepCancelledError, match="its event loop came to an end"):
        await workflow.run()

    assert workflow.attempts == 1
    assert caplog.records == []


def test_a_program_that_ends_over_a_run_says_nothing() -> None:
    program = """
        import asyncio
        from stepwell import StartEvent, StopEvent, Workflow, step

        class Slow(Workflow):
            @step
            async def begin(self, ev: StartEvent) -> StopEvent:
                await asyncio.sleep(60)
                return StopEvent()

        async def main():
            Slow().run()
            await asyncio.sleep(0)

        asyncio.run(main())
    """

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=30, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
