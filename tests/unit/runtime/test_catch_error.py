"""``@catch_error``: who handles whose failures, how often, and which declarations are refused."""

import asyncio
from typing import Any

import pytest
from tests.unit.runtime.virtual_loop import virtually

from stepwell import Context, Event, StartEvent, StepFailedEvent, StopEvent, Workflow, catch_error, step
from stepwell.errors import StepOptionError, StepSignatureError, WorkflowGraphError
from stepwell.retry_policy import retry_policy, stop_after_attempt, wait_fixed


class Item(Event):
    number: int = 0


@virtually
async def test_a_handler_gets_the_failure_with_all_that_is_known_of_it() -> None:
    seen: list[StepFailedEvent] = []

    class Saved(Workflow):
        @step(retry_policy=retry_policy(wait=wait_fixed(3), stop=stop_after_attempt(2)))
        async def burst(self, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(1)
            raise OSError(ev.topic)

        @catch_error
        async def rescue(self, ev: StepFailedEvent) -> StopEvent:
            seen.append(ev)
            return StopEvent("saved")

    assert await Saved().run(topic="pipes") == "saved"
    (failure,) = seen
    assert (failure.step_name, failure.attempts, round(failure.elapsed_seconds, 3)) == ("burst", 2, 5)
    assert failure.input_event.topic == "pipes"
    assert isinstance(failure.exception, OSError)
    assert failure.failed_at.tzinfo is not None


class Looping(Workflow):
    """Its handler sends the work round again, as often as it may."""

    def __init__(self) -> None:
        super().__init__()
        self.rescues = 0

    @step
    async def begin(self, ev: StartEvent) -> Item:
        return Item()

    @step
    async def work(self, ev: Item) -> StopEvent:
        raise OSError(f"work {ev.number}")

    @catch_error(for_steps=["work"], max_recoveries=3)
    async def rescue(self, ev: StepFailedEvent) -> Item:
        self.rescues += 1
        return Item(number=ev.input_event.number + 1)


@virtually
async def test_one_failure_more_than_the_budget_fails_the_run_with_that_failure() -> None:
    workflow = Looping()

    with pytest.raises(OSError, match="work 3"):
        await workflow.run()

    assert workflow.rescues == 3


@virtually
async def test_the_budget_is_counted_in_the_descent_of_one_event() -> None:
    class Many(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> list[Item]:
            return [Item(number=number) for number in range(4)]

        @step
        async def work(self, ev: Item) -> Item | None:
            raise OSError("each once")

        @step
        async def join(self, evs: list[Item]) -> StopEvent:
            return StopEvent("never reached by an item of work")

        @catch_error(for_steps=["work"])
        async def rescue(self, ctx: Context, ev: StepFailedEvent) -> None:
            rescued.append(ev.input_event.number)

    rescued: list[int] = []

    assert await Many().run() == "never reached by an item of work"
    assert sorted(rescued) == [0, 1, 2, 3]


@virtually
async def test_a_failing_handler_fails_the_run_with_its_own_error() -> None:
    class Worse(Workflow):
        @step
        async def burst(self, ev: StartEvent) -> StopEvent:
            raise OSError("first")

        @catch_error
        async def rescue(self, ev: StepFailedEvent) -> StopEvent:
            raise KeyError("second")

    with pytest.raises(KeyError) as caught:
        await Worse().run()

    assert "in step 'rescue'" in caught.value.__notes__[0]


@virtually
async def test_a_handler_for_named_steps_comes_before_the_one_for_all() -> None:
    class Two(Workflow):
        @step
        async def one(self, ev: StartEvent) -> Item:
            raise OSError

        @step
        async def two(self, ev: Item) -> StopEvent:
            raise OSError

        @catch_error(for_steps=["one"])
        async def special(self, ev: StepFailedEvent) -> Item:
            return Item()

        @catch_error
        async def general(self, ev: StepFailedEvent) -> StopEvent:
            return StopEvent(ev.step_name)

    assert await Two().run() == "two"


@virtually
async def test_a_handler_covers_no_step_that_it_does_not_name() -> None:
    class Other(Workflow):
        @step
        async def one(self, ev: StartEvent) -> Item:
            raise OSError("uncovered")

        @step
        async def two(self, ev: Item) -> StopEvent:
            return StopEvent()

        @catch_error(for_steps=["two"])
        async def rescue(self, ev: StepFailedEvent) -> StopEvent:
            return StopEvent()

    with pytest.raises(OSError, match="uncovered"):
        await Other().run()


@virtually
async def test_an_undeclared_result_is_a_failure_that_can_be_caught() -> None:
    class Wrong(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return 3  # type: ignore[return-value]

        @catch_error
        async def rescue(self, ev: StepFailedEvent) -> StopEvent:
            return StopEvent(type(ev.exception).__name__)

    assert await Wrong().run() == "UndeclaredResultError"


@virtually
async def test_a_def_step_may_handle_errors() -> None:
    class Threaded(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            raise OSError

        @catch_error
        def rescue(self, ev: StepFailedEvent) -> StopEvent:
            return StopEvent("from a thread")

    assert await Threaded(timeout=None).run() == "from a thread"


def workflow_with(*handlers: Any) -> Workflow:
    """Return a workflow of two steps and these handlers."""

    class Handled(Workflow):
        @step
        async def one(self, ev: StartEvent) -> Item:
            return Item()

        @step
        async def two(self, ev: Item) -> StopEvent:
            return StopEvent()

    for handler in handlers:
        Handled.add_step(handler)
    return Handled()


async def rescue(ev: StepFailedEvent) -> StopEvent:
    return StopEvent()


async def mend(ev: StepFailedEvent) -> StopEvent:
    return StopEvent()


@pytest.mark.parametrize(
    ("handlers", "message"),
    [
        (
            [catch_error()(rescue), catch_error()(mend)],
            "Only one wildcard @catch_error handler is allowed per workflow, found 2: rescue, mend",
        ),
    ],
)
def test_only_one_handler_may_cover_all(handlers: list[Any], message: str) -> None:
    with pytest.raises(WorkflowGraphError, match=message):
        workflow_with(*handlers).validate()


def test_a_handler_for_an_unknown_step_is_refused_with_the_near_miss() -> None:
    @catch_error(for_steps=["ones"])
    async def rescue(ev: StepFailedEvent) -> StopEvent:
        return StopEvent()

    with pytest.raises(WorkflowGraphError, match=r"lists unknown step 'ones' in for_steps\. Did you mean 'one'"):
        workflow_with(rescue).validate()


def test_a_handler_for_a_handler_is_refused() -> None:
    @catch_error(for_steps=["mend"])
    async def rescue(ev: StepFailedEvent) -> StopEvent:
        return StopEvent()

    @catch_error(for_steps=["one"])
    async def mend(ev: StepFailedEvent) -> StopEvent:
        return StopEvent()

    with pytest.raises(WorkflowGraphError, match="'rescue' cannot cover another handler step 'mend'"):
        workflow_with(rescue, mend).validate()


def test_two_handlers_for_one_step_are_refused() -> None:
    @catch_error(for_steps=["one"])
    async def rescue(ev: StepFailedEvent) -> StopEvent:
        return StopEvent()

    @catch_error(for_steps=["one"])
    async def mend(ev: StepFailedEvent) -> StopEvent:
        return StopEvent()

    with pytest.raises(
        WorkflowGraphError, match="Step 'one' is claimed by two @catch_error handlers: 'rescue' and 'mend'"
    ):
        workflow_with(rescue, mend).validate()


@pytest.mark.parametrize("count", [0, -1, True, "1", None, 1.5])
def test_max_recoveries_must_be_a_count(count: Any) -> None:
    with pytest.raises(StepOptionError, match="@catch_error max_recoveries must be an integer >= 1"):
        catch_error(max_recoveries=count)


@pytest.mark.parametrize("names", ["one", [1], 5, [None]])
def test_for_steps_must_be_a_list_of_names(names: Any) -> None:
    with pytest.raises(StepOptionError, match="@catch_error for_steps must be None or a list of step name strings"):
        catch_error(for_steps=names)


def test_a_handler_must_accept_the_failure() -> None:
    with pytest.raises(
        StepSignatureError, match="@catch_error handler 'rescue' must accept StepFailedEvent as its event parameter"
    ):

        class Wrong(Workflow):
            @catch_error
            async def rescue(self, ev: Item) -> StopEvent:
                return StopEvent()
