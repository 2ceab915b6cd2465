"""``Workflow``: its options, its steps, and running it: several at once, by turns, without a loop."""

import asyncio
import contextvars
import gc
import threading
import weakref
from typing import Any

import pytest
from tests.unit.runtime.virtual_loop import passed_since, virtually

from stepwell import Context, Event, StartEvent, StopEvent, Workflow, step
from stepwell.errors import (
    DuplicateStepError,
    ForeignContextError,
    HiddenStepError,
    NoRunningLoopError,
    NotAContextError,
    ReservedStepNameError,
    RunningContextError,
    RunNotBegunError,
    StartEventTypeError,
    StartFieldsError,
    StepOptionError,
    WorkflowRuntimeError,
    WorkflowTimeoutError,
)


class Item(Event):
    number: int = 0


class Begin(StartEvent):
    topic: str
    pages: int = 1


class Book(Workflow):
    @step
    async def write(self, ev: Begin) -> StopEvent:
        return StopEvent(f"{ev.pages} pages about {ev.topic}")


class Wait(Workflow):
    """Takes ten seconds."""

    @step
    async def wait(self, ev: StartEvent) -> StopEvent:
        await asyncio.sleep(10)
        return StopEvent(ev.get("name"))


@virtually
async def test_keywords_make_the_start_event() -> None:
    assert await Book().run(topic="wells", pages=3) == "3 pages about wells"


@virtually
async def test_a_start_event_can_be_given() -> None:
    assert await Book().run(start_event=Begin(topic="wells")) == "1 pages about wells"


@virtually
async def test_a_plain_start_event_takes_any_keyword() -> None:
    class Open(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent(ev.anything)

    assert await Open().run(anything="goes") == "goes"


@virtually
async def test_missing_fields_of_the_start_event_are_named_with_the_near_miss() -> None:
    with pytest.raises(StartFieldsError) as caught:
        Book().run(topik="wells")

    message = str(caught.value)
    assert "Failed creating a start event of type 'Begin' with the keyword arguments: topik" in message
    assert "topic: Field required" in message
    assert "Did you mean 'topic' where you wrote 'topik'?" in message
    assert isinstance(caught.value, WorkflowRuntimeError)


@virtually
async def test_a_field_of_the_wrong_type_is_named() -> None:
    with pytest.raises(StartFieldsError, match="pages: Input should be a valid integer"):
        Book().run(topic="wells", pages="many")


@virtually
async def test_a_start_event_beside_keywords_is_refused() -> None:
    with pytest.raises(StartFieldsError, match="a start_event and fields as well; pass one of the two"):
        Book().run(start_event=Begin(topic="a"), topic="b")


@pytest.mark.parametrize("what", [Item(), StartEvent(), {"topic": "wells"}, Begin])
@virtually
async def test_a_start_event_of_the_wrong_class_is_refused(what: Any) -> None:
    with pytest.raises(
        StartEventTypeError, match=r"The 'start_event' argument must be an instance of 'StartEvent'.*Begin"
    ) as caught:
        Book().run(start_event=what)

    assert isinstance(caught.value, ValueError)


def test_a_run_without_a_loop_is_refused_with_the_way_out() -> None:
    with pytest.raises(NoRunningLoopError, match=r"no running event loop.*run_sync\(\)") as caught:
        Book().run(topic="wells")

    assert isinstance(caught.value, RuntimeError)


@virtually
async def test_several_runs_of_one_workflow_go_on_at_once() -> None:
    workflow = Wait()
    start = asyncio.get_running_loop().time()

    results = await asyncio.gather(*(workflow.run(name=name).stop_event_result() for name in "abc"))

    assert [event.result for event in results] == ["a", "b", "c"]
    assert passed_since(start) == 10


@virtually
async def test_runs_have_ids_of_their_own() -> None:
    workflow = Wait()
    first, second = workflow.run(), workflow.run()

    assert first.run_id != second.run_id

    await asyncio.gather(first.cancel_run(), second.cancel_run())


@virtually
async def test_no_more_than_num_concurrent_runs_go_on_at_once() -> None:
    workflow = Wait(num_concurrent_runs=2)
    start = asyncio.get_running_loop().time()
    ended: list[float] = []

    async def one() -> None:
        await workflow.run()
        ended.append(passed_since(start))

    await asyncio.gather(*(one() for _ in range(5)))

    assert ended == [10, 10, 20, 20, 30]


@virtually
async def test_the_timeout_of_a_run_begins_with_its_turn() -> None:
    workflow = Wait(timeout=11, num_concurrent_runs=1)
    handlers = [workflow.run(name=number) for number in range(3)]

    assert [await handler for handler in handlers] == [0, 1, 2]


@virtually
async def test_a_run_that_is_cancelled_before_its_turn_takes_nobody_s_place() -> None:
    workflow = Wait(num_concurrent_runs=1)
    start = asyncio.get_running_loop().time()
    first, second, third, fourth = (workflow.run(name=number) for number in range(4))

    await third.cancel_run()

    assert passed_since(start) == 0
    assert third.cancelled()
    assert [await first, await second, await fourth] == [0, 1, 3]
    assert passed_since(start) == 30
    assert await workflow.run(name="later") == "later"
    assert passed_since(start) == 40


@virtually
async def test_a_run_that_fails_gives_its_turn_to_the_next() -> None:
    workflow = Wait(timeout=1, num_concurrent_runs=1)
    handlers = [workflow.run() for _ in range(2)]

    for handler in handlers:
        with pytest.raises(WorkflowTimeoutError):
            await handler


def test_num_concurrent_runs_holds_for_each_loop_in_turn() -> None:
    class Quick(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent("done")

    workflow = Quick(num_concurrent_runs=1)

    assert [workflow.run_sync() for _ in range(3)] == ["done"] * 3


@pytest.mark.parametrize("count", [0, -1, 1.5, "2", True])
def test_num_concurrent_runs_must_be_a_count(count: Any) -> None:
    with pytest.raises(StepOptionError, match="num_concurrent_runs must be an integer greater than 0 or None"):
        Wait(num_concurrent_runs=count)


def test_run_sync_needs_no_loop() -> None:
    assert Book().run_sync(topic="wells") == "1 pages about wells"


async def test_run_sync_works_inside_a_running_loop() -> None:
    assert Book().run_sync(topic="wells") == "1 pages about wells"


async def test_run_sync_raises_what_the_run_raises_inside_a_running_loop() -> None:
    with pytest.raises(StartFieldsError):
        Book().run_sync()


VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


class Reads(Workflow):
    @step
    async def only(self, ev: StartEvent) -> Item:
        before = VARIABLE.get()
        VARIABLE.set("changed by a step")
        return Item(before=before)  # type: ignore[call-arg]

    @step
    async def second(self, ev: Item) -> StopEvent:
        return StopEvent([ev["before"], VARIABLE.get()])


async def test_each_attempt_has_the_caller_s_context_variables_to_itself() -> None:
    VARIABLE.set("from the caller")

    assert await Reads().run() == ["from the caller", "from the caller"]
    assert VARIABLE.get() == "from the caller"


async def test_run_sync_takes_the_caller_s_context_variables_along() -> None:
    VARIABLE.set("from the caller")

    assert Reads().run_sync() == ["from the caller", "from the caller"]


@virtually
async def test_no_run_is_garbage_collected_while_it_runs() -> None:
    seen: list[weakref.ref[asyncio.Future[None]]] = []
    reached: list[str] = []

    class Alone(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            nobody_holds_this: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            seen.append(weakref.ref(nobody_holds_this))
            await nobody_holds_this
            reached.append("end")
            return StopEvent()

    Alone(timeout=None).run()
    await asyncio.sleep(1)
    gc.collect()

    future = seen[0]()
    assert future is not None
    future.set_result(None)
    await asyncio.sleep(1)
    assert reached == ["end"]


@virtually
async def test_a_run_that_is_over_is_let_go() -> None:
    workflow = Wait()
    await workflow.run()
    seen = weakref.ref(workflow)

    del workflow
    gc.collect()

    assert seen() is None


async def test_verbose_prints_each_step_s_start_and_end_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    await Book(verbose=True).run(topic="wells")

    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert captured.out == ""
    assert lines[0] == "[write:0] started from Begin"
    assert lines[1].startswith("[write:0] complete with StopEvent after ")
    assert lines[2] == "[run] completed with StopEvent"


async def test_a_quiet_workflow_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    await Book().run(topic="wells")

    assert capsys.readouterr() == ("", "")


def test_a_workflow_is_called_after_its_class_or_as_it_is_told() -> None:
    assert Book().workflow_name.endswith("test_workflow.Book")
    assert Book(workflow_name="novel").workflow_name == "novel"


def test_a_workflow_knows_its_events() -> None:
    workflow = Book()

    assert workflow.start_event_class is Begin
    assert workflow.stop_event_class is StopEvent
    assert workflow.events == [Begin, StopEvent]


class Open(Workflow):
    """Steps can be added to it."""

    @step
    async def begin(self, ev: StartEvent) -> Item | StopEvent:
        return Item()


@virtually
async def test_a_free_function_becomes_a_step_by_naming_its_workflow() -> None:
    class Mine(Open):
        pass

    @step(workflow=Mine)
    async def finish(ev: Item) -> StopEvent:
        return StopEvent("by a free function")

    assert await Mine().run() == "by a free function"


@virtually
async def test_a_step_added_to_a_class_holds_for_all_its_instances() -> None:
    class Mine(Open):
        pass

    before = Mine()

    async def finish(ctx: Context, ev: Item) -> StopEvent:
        return StopEvent(ctx.run_id)

    Mine.add_step(finish)

    assert await before.run(run_id="one") == "one"
    assert await Mine().run(run_id="two") == "two"


@virtually
async def test_a_step_added_to_an_instance_holds_for_that_instance_only() -> None:
    class Mine(Open):
        @step
        async def usual(self, ev: Item) -> StopEvent:
            await asyncio.sleep(1)
            return StopEvent("usual")

    special, usual = Mine(), Mine()

    async def extra(ev: Item) -> StopEvent:
        return StopEvent("extra")

    special.add_step(extra)

    assert await special.run() == "extra"
    assert await usual.run() == "usual"
    assert await Mine().run() == "usual"


@virtually
async def test_a_step_added_to_the_class_later_reaches_an_instance_with_steps_of_its_own() -> None:
    class Mine(Open):
        pass

    class Other(Event):
        pass

    instance = Mine()

    async def relay(ev: Item) -> Other:
        return Other()

    async def finish(ev: Other) -> StopEvent:
        return StopEvent("by both")

    instance.add_step(relay)
    Mine.add_step(finish)

    assert await instance.run() == "by both"


def test_a_name_that_is_taken_is_refused_with_the_place_of_the_other() -> None:
    async def write(ev: Item) -> StopEvent:
        return StopEvent()

    message = r"A step write is already part of this workflow, please choose another name.*test_workflow\.py:"

    with pytest.raises(DuplicateStepError, match=message):
        Book.add_step(write)
    with pytest.raises(DuplicateStepError, match=message):
        Book().add_step(write)


@pytest.mark.parametrize("what", [None, 3, "finish"])
def test_only_functions_can_be_added(what: Any) -> None:
    with pytest.raises(StepOptionError, match=r"add_step\(func\) must be a function decorated with @step"):
        Book.add_step(what)


@virtually
async def test_a_subclass_overrides_a_step_by_name_and_drops_it_with_none() -> None:
    class Base(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent("base")

        @step
        async def other(self, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(1)
            return StopEvent("other")

    class Heir(Base):
        other = None  # type: ignore[assignment]

        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent("heir")

    assert await Heir().run() == "heir"
    assert await Base().run() == "base"


def test_a_method_that_hides_a_step_without_being_one_is_refused() -> None:
    class Base(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent("base")

    class Heir(Base):
        async def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent("heir")

    with pytest.raises(HiddenStepError) as caught:
        Heir()

    said = str(caught.value)
    assert said.startswith(f"Heir.only ({__file__}:")
    assert f"hides the step only from {__file__}:" in said
    assert "Decorate it with @step" in said
    assert Base().run_sync() == "base"


@virtually
async def test_a_static_method_can_be_a_step() -> None:
    class Static(Workflow):
        @staticmethod
        @step
        async def only(ev: StartEvent) -> StopEvent:
            return StopEvent("static")

    assert await Static().run() == "static"


@virtually
async def test_a_subclass_that_never_calls_the_constructor_runs_with_the_defaults() -> None:
    class Lazy(Workflow):
        def __init__(self) -> None:
            self.name = "lazy"

        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent(self.name)

    assert await Lazy().run() == "lazy"


async def test_runs_in_threads_with_loops_of_their_own_do_not_meet() -> None:
    results: list[str] = []

    def work(name: str) -> None:
        results.append(Book().run_sync(topic=name))

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)

    assert sorted(results) == ["1 pages about a", "1 pages about b"]


class Counting(Workflow):
    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
        count = await ctx.store.get("count", default=0) + 1
        await ctx.store.set("count", count)
        return StopEvent(result=count)


async def test_a_run_goes_on_with_the_store_of_an_earlier_one() -> None:
    workflow = Counting()
    first = workflow.run()
    await first

    second = workflow.run(first.ctx)

    assert await second == 2
    assert await workflow.run() == 1


async def test_a_context_that_is_none_is_refused() -> None:
    with pytest.raises(NotAContextError, match="not str"):
        Counting().run(ctx="earlier")  # type: ignore[arg-type]


async def test_the_context_of_another_workflow_is_refused() -> None:
    class Other(Counting):
        pass

    handler = Other().run()
    await handler

    with pytest.raises(ForeignContextError, match="belongs to a run of Other"):
        Counting().run(ctx=handler.ctx)


async def test_the_context_of_a_running_run_is_refused() -> None:
    workflow = Counting()
    handler = workflow.run()

    with pytest.raises(RunningContextError, match="Cannot start a new run while context is already running"):
        workflow.run(ctx=handler.ctx)

    await handler


def test_a_step_must_not_take_the_place_of_what_every_workflow_has() -> None:
    class Taken(Workflow):
        @step
        async def run(self, ev: StartEvent) -> StopEvent:  # type: ignore[override]
            return StopEvent()

    with pytest.raises(ReservedStepNameError, match=r"step 'run' of Taken .* would take the place of Workflow\.run"):
        Taken()


async def test_an_event_for_a_run_that_waits_for_its_turn_is_refused_in_words_that_say_so() -> None:
    workflow = Counting(num_concurrent_runs=1)
    first = workflow.run()
    second = workflow.run()

    with pytest.raises(RunNotBegunError, match="waits for its turn"):
        second.ctx.send_event(StopEvent())

    assert [await first, await second] == [1, 1]
