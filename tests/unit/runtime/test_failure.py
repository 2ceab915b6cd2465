"""Failing steps: what reaches ``await handler``, what the stream says, and how retries are decided and timed."""

import asyncio
import gc
import logging
from typing import Any

import pytest
from tests.unit.runtime.virtual_loop import passed_since, virtually

from stepwell import Context, Event, StartEvent, StopEvent, Workflow, step
from stepwell.errors import StepOptionError
from stepwell.flow import WorkflowFailedEvent
from stepwell.retry_policy import (
    retry_if_exception_type,
    retry_policy,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential,
    wait_fixed,
    wait_random,
)


class Item(Event):
    number: int = 0


class Broken(Workflow):
    @step
    async def burst(self, ev: StartEvent) -> StopEvent:
        raise ValueError("a pipe")


@virtually
async def test_the_exception_of_a_step_reaches_the_awaiter_as_itself() -> None:
    error = ValueError("mine")

    class Raises(Workflow):
        @step
        async def burst(self, ev: StartEvent) -> StopEvent:
            raise error

    with pytest.raises(ValueError, match="mine") as caught:
        await Raises().run()

    assert caught.value is error
    assert caught.value.__cause__ is None


@virtually
async def test_a_note_on_the_exception_names_step_place_attempt_and_event() -> None:
    with pytest.raises(ValueError, match="a pipe") as caught:
        await Broken().run()

    (note,) = caught.value.__notes__
    assert note.startswith("in step 'burst' (")
    assert "test_failure.py:" in note
    assert note.endswith("attempt 1, at event StartEvent")


@virtually
async def test_the_stream_of_a_failed_run_ends_with_the_failure() -> None:
    handler = Broken().run()

    (event,) = [event async for event in handler.stream_events()]

    assert isinstance(event, WorkflowFailedEvent)
    assert (event.step_name, event.attempts) == ("burst", 1)
    assert event.exception is handler.exception()
    assert handler.status == "failed"


@virtually
async def test_awaiting_a_failed_run_again_raises_the_same_and_its_traceback_does_not_grow() -> None:
    handler = Broken().run()
    depths = []

    for _ in range(3):
        with pytest.raises(ValueError, match="a pipe") as caught:
            await handler
        depth, frame = 0, caught.value.__traceback__
        while frame is not None:
            depth, frame = depth + 1, frame.tb_next
        depths.append(depth)

    assert depths[0] == depths[2]


@virtually
async def test_the_failing_step_is_named_also_when_another_failure_was_mended_before() -> None:
    class Two(Workflow):
        @step(retry_policy=retry_policy(wait=wait_fixed(1)))
        async def shaky(self, ctx: Context, ev: StartEvent) -> Item:
            if ctx.retry_info().retry_number == 0:
                raise OSError("once")
            return Item()

        @step
        async def last(self, ev: Item) -> StopEvent:
            raise KeyError("for good")

    *_, event = [event async for event in Two().run().stream_events()]

    assert event["step_name"] == "last"


@virtually
async def test_a_failure_that_comes_while_losers_are_timed_out_keeps_its_name() -> None:
    class Two(Workflow):
        @step(timeout=1)
        async def stubborn(self, ev: StartEvent) -> StopEvent:
            try:
                await asyncio.sleep(100)
            finally:
                await asyncio.sleep(2)
            return StopEvent()

        @step
        async def fails(self, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(2)
            raise KeyError("first")

    handler = Two().run()
    *_, event = [event async for event in handler.stream_events()]

    assert (event["step_name"], type(event["exception"])) == ("fails", KeyError)


@pytest.fixture
def _no_rubbish() -> None:
    gc.collect()


def unheard(caplog: pytest.LogCaptureFixture) -> list[str]:
    gc.collect()
    return [record.getMessage() for record in caplog.records if "nobody awaited its handler" in record.getMessage()]


@pytest.mark.usefixtures("_no_rubbish")
@virtually
async def test_a_failed_run_that_nobody_awaited_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "stepwell"):
        handler = Broken().run()
        await asyncio.sleep(1)
        assert unheard(caplog) == []

        del handler

        assert unheard(caplog) == ["a run of workflow Broken failed and nobody awaited its handler: ValueError: a pipe"]


@pytest.mark.usefixtures("_no_rubbish")
@virtually
async def test_a_failed_run_whose_handler_was_thrown_away_at_once_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, "stepwell"):
        Broken().run()
        await asyncio.sleep(1)

        assert len(unheard(caplog)) == 1


@pytest.mark.usefixtures("_no_rubbish")
@pytest.mark.parametrize("way", ["await", "exception", "get_stop_event"])
@virtually
async def test_a_failure_that_somebody_heard_is_not_logged(caplog: pytest.LogCaptureFixture, way: str) -> None:
    with caplog.at_level(logging.ERROR, "stepwell"):
        handler = Broken().run()
        await asyncio.sleep(1)

        if way == "exception":
            assert isinstance(handler.exception(), ValueError)
        else:
            with pytest.raises(ValueError, match="a pipe"):
                await handler if way == "await" else handler.get_stop_event()
        del handler

        assert unheard(caplog) == []


class Retrying(Workflow):
    """Fails as often as it is told, and notes when it was tried."""

    def __init__(self, failures: int) -> None:
        super().__init__(timeout=None)
        self.failures = failures
        self.began: list[float] = []
        self.info: list[Any] = []

    async def attempt(self, ctx: Context) -> StopEvent:
        self.began.append(asyncio.get_running_loop().time())
        self.info.append(ctx.retry_info())
        if len(self.began) <= self.failures:
            raise OSError(f"failure {len(self.began)}")
        return StopEvent(ctx.attempt)

    @property
    def times(self) -> list[float]:
        return [round(at - self.began[0], 6) for at in self.began]


class Exponential(Retrying):
    @step(retry_policy=retry_policy(wait=wait_exponential(multiplier=1), stop=stop_after_attempt(5)))
    async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return await self.attempt(ctx)


@virtually
async def test_a_failed_attempt_is_repeated_when_its_policy_says() -> None:
    workflow = Exponential(failures=3)

    assert await workflow.run() == 4
    assert workflow.times == [0, 1, 3, 7]


@virtually
async def test_the_last_failure_reaches_the_awaiter_with_the_number_of_its_attempt() -> None:
    workflow = Exponential(failures=9)

    with pytest.raises(OSError, match="failure 5") as caught:
        await workflow.run()

    assert "attempt 5" in caught.value.__notes__[0]
    assert len(workflow.began) == 5


@virtually
async def test_retry_info_tells_a_step_where_it_stands() -> None:
    workflow = Exponential(failures=2)

    await workflow.run()

    first, _, third = workflow.info
    assert (first.retry_number, first.elapsed_seconds, first.last_exception, first.last_failed_at) == (0, 0, None, None)
    assert (third.retry_number, round(third.elapsed_seconds, 3)) == (2, 3)
    assert str(third.last_exception) == "failure 2"
    assert third.last_failed_at.tzinfo is not None


class Combined(Retrying):
    @step(
        retry_policy=retry_policy(
            retry=retry_if_exception_type(OSError) & retry_if_exception_type(Exception),
            wait=wait_fixed(2) + wait_fixed(1),
            stop=stop_after_attempt(10) | stop_after_delay(7),
        )
    )
    async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return await self.attempt(ctx)


@virtually
async def test_strategies_combined_with_operators_decide_together() -> None:
    workflow = Combined(failures=99)

    with pytest.raises(OSError, match="failure 4"):
        await workflow.run()

    assert workflow.times == [0, 3, 6, 9]


@virtually
async def test_a_failure_that_the_policy_does_not_take_is_final() -> None:
    tries: list[int] = []

    class Picky(Workflow):
        @step(retry_policy=retry_policy(retry=retry_if_exception_type(OSError)))
        async def work(self, ev: StartEvent) -> StopEvent:
            tries.append(1)
            raise KeyError("other")

    with pytest.raises(KeyError):
        await Picky().run()

    assert tries == [1]


class Jittered(Retrying):
    @step(retry_policy=retry_policy(wait=wait_random(0, 100), stop=stop_after_attempt(4)))
    async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return await self.attempt(ctx)


@virtually
async def test_jitter_is_seeded_by_the_run_so_that_it_repeats() -> None:
    one, same, other = Jittered(3), Jittered(3), Jittered(3)

    await one.run(run_id="a")
    await same.run(run_id="a")
    await other.run(run_id="b")

    assert one.times == same.times != other.times
    assert len(set(one.times)) == 4


@virtually
async def test_jitter_spreads_what_failed_together() -> None:
    retried: list[float] = []

    class Herd(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> list[Item]:
            return [Item(number=number) for number in range(4)]

        @step(retry_policy=retry_policy(wait=wait_random(0, 100)))
        async def work(self, ctx: Context, ev: Item) -> Item | StopEvent:
            if ctx.attempt == 1:
                raise OSError("all at once")
            retried.append(asyncio.get_running_loop().time())
            await asyncio.sleep(1_000)
            return StopEvent()

    await Herd(timeout=None).run()

    assert len(set(retried)) == 4


@virtually
async def test_a_waiting_retry_holds_no_worker() -> None:
    order: list[str] = []

    class Narrow(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Item | None:
            ctx.send_event(Item(number=0))
            ctx.send_event(Item(number=1))
            return None

        @step(num_workers=1, retry_policy=retry_policy(wait=wait_fixed(10)))
        async def work(self, ctx: Context, ev: Item) -> StopEvent | None:
            order.append(f"{ev.number}.{ctx.attempt}")
            if ev.number == 0 and ctx.attempt == 1:
                raise OSError("later")
            return StopEvent() if ev.number == 0 else None

    start = asyncio.get_running_loop().time()
    await Narrow().run()

    assert order == ["0.1", "1.1", "0.2"]
    assert passed_since(start) == 10


@virtually
async def test_a_policy_that_raises_ends_the_attempts_with_its_own_error() -> None:
    class Confused:
        def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float:
            raise LookupError("no idea")

    class Uses(Workflow):
        @step(retry_policy=Confused())
        async def work(self, ev: StartEvent) -> StopEvent:
            raise OSError("the first")

    with pytest.raises(LookupError, match="no idea") as caught:
        await Uses().run()

    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("answer", ["soon", [1], object()])
@virtually
async def test_a_policy_that_answers_nonsense_fails_the_run_at_once(answer: Any) -> None:
    class Vague:
        def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> Any:
            return answer

    class Uses(Workflow):
        @step(retry_policy=Vague())
        async def work(self, ev: StartEvent) -> StopEvent:
            raise OSError("the first")

    start = asyncio.get_running_loop().time()

    with pytest.raises((TypeError, ValueError)) as caught:
        await Uses().run()

    assert isinstance(caught.value.__cause__, OSError)
    assert passed_since(start) == 0


@virtually
async def test_a_run_that_is_cancelled_while_a_retry_waits_ends_at_once() -> None:
    workflow = Exponential(failures=9)
    handler = workflow.run()
    await asyncio.sleep(2)

    await handler.cancel_run()

    assert handler.cancelled()
    await asyncio.sleep(100)
    assert len(workflow.began) == 2


@pytest.mark.parametrize("policy", [3, "often", lambda: 1])
def test_a_retry_policy_must_be_one(policy: Any) -> None:
    with pytest.raises(
        StepOptionError, match=r"retry_policy must be an object with next\(elapsed_time, attempts, error\)"
    ):
        step(retry_policy=policy)


async def test_a_failure_that_was_read_in_the_stream_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Fails(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            raise KeyError("seen")

    *_, last = [event async for event in Fails().run().stream_events()]
    gc.collect()

    assert isinstance(last, WorkflowFailedEvent)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


class ApiError(Exception):
    """Answers for attributes out of what a server said, and has not all that it is asked for."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body

    def __getattr__(self, name: str) -> Any:
        return self.__dict__["body"][name]


@virtually
async def test_an_exception_that_answers_for_its_attributes_itself_ends_the_run_as_any_other() -> None:
    error = ApiError({"code": 503})

    class Calls(Workflow):
        @step
        async def call(self, ev: StartEvent) -> StopEvent:
            raise error

    start = asyncio.get_running_loop().time()
    caught = (await asyncio.gather(Calls().run(), return_exceptions=True))[0]

    assert caught is error
    assert passed_since(start) == 0


@virtually
async def test_an_exception_with_an_answer_to_everything_is_tried_again() -> None:
    attempts: list[int] = []

    class Calls(Workflow):
        @step(retry_policy=retry_policy(wait=wait_fixed(1), stop=stop_after_attempt(2)))
        async def call(self, ctx: Context, ev: StartEvent) -> StopEvent:
            attempts.append(ctx.attempt)
            if ctx.attempt == 1:
                raise ApiError({"from_outside": "yes", "__notes__": []})
            return StopEvent(result="there")

    assert await Calls().run() == "there"
    assert attempts == [1, 2]


def test_a_step_that_leaves_the_program_is_no_failure_to_log(caplog: pytest.LogCaptureFixture) -> None:
    class Leaves(Workflow):
        @step
        async def leave(self, ev: StartEvent) -> StopEvent:
            raise SystemExit(3)

    with pytest.raises(SystemExit, match="3"):
        Leaves().run_sync()
    gc.collect()

    assert caplog.records == []
