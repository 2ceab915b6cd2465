"""Child runs: results, failures, time, workers and endings, seen from the step that runs them."""

import asyncio
import gc
import logging
import weakref
from typing import Annotated, Any

import pytest
from tests.unit.runtime.child_workflows import Answer, Ask, Runs
from tests.unit.runtime.virtual_loop import passed_since, virtually

from stepwell import Context, Event, StartEvent, StopEvent, Workflow, step
from stepwell.errors import (
    AttemptOverError,
    ChildDepthError,
    NoAttemptError,
    NotAChildWorkflowError,
    RunOverError,
    StartFieldsError,
    StepCancelledError,
    StepTimeoutError,
    WorkflowCancelledByUser,
    WorkflowStalledError,
    WorkflowTimeoutError,
    WrongThreadError,
)
from stepwell.flow import Collect, Take
from stepwell.retry_policy import retry_policy, stop_after_attempt, wait_fixed


class Item(Event):
    number: int


class Done(StopEvent):
    text: str


class Named(StartEvent):
    name: str


class Double(Workflow):
    """Takes a number, and some time."""

    @step
    async def work(self, ev: StartEvent) -> StopEvent:
        await asyncio.sleep(ev.get("seconds", 0))
        return StopEvent(2 * ev.number)


class Greet(Workflow):
    """Ends with a StopEvent of its own class."""

    @step
    async def greet(self, ev: Named) -> Done:
        return Done(text=f"hello {ev.name}")


class Failing(Workflow):
    """Fails."""

    @step
    async def fail(self, ev: StartEvent) -> StopEvent:
        raise LookupError("no well here")


# What comes back.


async def test_a_child_gives_its_result() -> None:
    assert await Runs(Double(), {"number": 4}).run() == 8


async def test_a_child_with_a_stop_event_of_its_own_gives_the_event() -> None:
    assert await Runs(Greet(), {"name": "Vav"}).run() == Done(text="hello Vav")


async def test_a_child_takes_a_start_event() -> None:
    assert await Runs(Greet(), {"start_event": Named(name="Baori")}).run() == Done(text="hello Baori")


@virtually
async def test_several_children_of_one_step_run_at_once() -> None:
    class Three(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            runs = [ctx.run_child(Double(), number=number, seconds=2) for number in range(3)]
            return StopEvent(await asyncio.gather(*runs))

    start = asyncio.get_running_loop().time()

    result = await Three().run()

    assert result == [0, 2, 4]
    assert passed_since(start) == 2


class Countdown(Workflow):
    """Runs itself until it is told to stop."""

    @step
    async def count(self, ctx: Context, ev: StartEvent) -> StopEvent:
        if ev.left == 0:
            return StopEvent([])
        return StopEvent([ev.left, *await ctx.run_child(Countdown(), left=ev.left - 1)])


async def test_a_workflow_may_run_itself() -> None:
    assert await Countdown().run(left=5) == [5, 4, 3, 2, 1]


async def test_a_workflow_object_may_run_itself() -> None:
    class Self(Workflow):
        @step
        async def count(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(0 if ev.left == 0 else 1 + await ctx.run_child(self, left=ev.left - 1))

    assert await Self(num_concurrent_runs=1).run(left=3) == 3


async def test_a_workflow_that_runs_itself_without_end_is_told_so() -> None:
    with pytest.raises(ChildDepthError, match="needs an end") as caught:
        await Countdown().run(left=-1)

    assert caught.value.depth == 64


# What goes wrong.


async def test_the_exception_of_a_child_reaches_the_step_as_itself_and_names_both_steps() -> None:
    with pytest.raises(LookupError, match="no well here") as caught:
        await Runs(Failing()).run()

    notes = " ".join(caught.value.__notes__)
    assert "'fail'" in notes
    assert "'outer'" in notes


async def test_a_step_may_catch_what_a_child_raises() -> None:
    class Careful(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            try:
                return StopEvent(await ctx.run_child(Failing()))
            except LookupError as error:
                return StopEvent(str(error))

    assert await Careful().run() == "no well here"


async def test_a_failed_child_that_its_step_caught_is_not_reported_as_unheard(caplog: pytest.LogCaptureFixture) -> None:
    class Careful(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            try:
                return StopEvent(await ctx.run_child(Failing()))
            except LookupError:
                return StopEvent("caught")

    with caplog.at_level(logging.ERROR, "stepwell"):
        await Careful().run()

    assert not caplog.records


@virtually
async def test_a_child_that_fails_as_its_step_stops_listening_is_not_reported_as_unheard(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class FailsLater(Workflow):
        @step
        async def fail(self, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(1)
            raise LookupError("too late")

    class Leaves(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            child = asyncio.ensure_future(ctx.run_child(FailsLater()))
            await asyncio.sleep(1)
            child.cancel()
            await asyncio.wait([child])
            return StopEvent(child.cancelled())

    with caplog.at_level(logging.ERROR, "stepwell"):
        assert await Leaves().run()
    gc.collect()

    assert not caplog.records


@virtually
async def test_the_time_limit_of_a_child_raises_in_the_step() -> None:
    with pytest.raises(WorkflowTimeoutError) as caught:
        await Runs(Double(timeout=3), {"number": 1, "seconds": 10}, timeout=None).run()

    assert caught.value.workflow == "Double"


async def test_the_stall_of_a_child_raises_in_the_step() -> None:
    class Lost(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Item | StopEvent | None:
            return None

        @step
        async def end(self, ev: Item) -> StopEvent:
            return StopEvent()

    with pytest.raises(WorkflowStalledError) as caught:
        await Runs(Lost()).run()

    assert caught.value.workflow == "Lost"


async def test_a_retry_of_the_step_runs_the_child_again() -> None:
    runs: list[int] = []

    class Second(Workflow):
        @step
        async def work(self, ev: StartEvent) -> StopEvent:
            runs.append(1)
            if len(runs) == 1:
                raise OSError("first time")
            return StopEvent(len(runs))

    class Again(Workflow):
        @step(retry_policy=retry_policy(stop=stop_after_attempt(2), wait=wait_fixed(0)))
        async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(await ctx.run_child(Second()))

    assert await Again().run() == 2


async def test_fields_that_do_not_make_the_start_event_raise_in_the_step() -> None:
    with pytest.raises(StartFieldsError, match="name"):
        await Runs(Greet(), {"label": "x"}).run()


@pytest.mark.parametrize(
    ("child", "remedy"),
    [(Double, r"Pass an instance: ctx.run_child\(Double\(\), …\)"), (7, "not a int"), (None, "Pass a workflow")],
)
async def test_what_is_no_workflow_object_is_refused_with_what_to_write_instead(child: Any, remedy: str) -> None:
    with pytest.raises(NotAChildWorkflowError, match=remedy):
        await Runs(child).run()


async def test_a_handler_is_refused_with_what_to_write_instead() -> None:
    class Wrong(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            handler: Any = Double().run(number=1)
            try:
                return StopEvent(await ctx.run_child(handler))
            finally:
                await handler

    with pytest.raises(NotAChildWorkflowError, match="Pass the workflow itself"):
        await Wrong().run()


async def test_a_context_outside_of_a_step_runs_no_child() -> None:
    handler = Runs(Double(), {"number": 1}).run()

    with pytest.raises(NoAttemptError, match="run_child"):
        await handler.ctx.run_child(Double(), number=1)

    await handler


async def test_an_attempt_that_is_over_runs_no_child() -> None:
    class Next(Event):
        pass

    class Keeps(Workflow):
        @step
        async def first(self, ctx: Context, ev: StartEvent) -> Next:
            self.kept = ctx
            return Next()

        @step
        async def second(self, ev: Next) -> StopEvent:
            return StopEvent(result=await self.kept.run_child(Double(), number=1))

    workflow = Keeps()

    with pytest.raises(AttemptOverError, match="over already"):
        await workflow.run()

    with pytest.raises(RunOverError, match=r"run_child came too late: the run of workflow 'Keeps' is over \(failed\)"):
        await workflow.kept.run_child(Double(), number=1)


async def test_a_def_step_runs_a_child_by_call() -> None:
    class Threaded(Workflow):
        @step
        def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(ctx.call(ctx.run_child(Double(), number=21)))

    assert await Threaded().run() == 42


async def test_a_child_in_another_loop_is_refused_with_the_way_to_do_it() -> None:
    class Threaded(Workflow):
        @step
        def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(asyncio.run(ctx.run_child(Double(), number=21)))

    with pytest.raises(WrongThreadError, match=r"ctx.call\(ctx.run_child"):
        await Threaded().run()


# Who is cancelled with whom.


class Sleeper(Workflow):
    """Notes how its step ended."""

    def __init__(self, ended: list[str], **options: Any) -> None:
        super().__init__(**options)
        self.ended = ended

    @step
    async def sleep(self, ev: StartEvent) -> StopEvent:
        try:
            await asyncio.sleep(ev.get("seconds", 1000))
        except asyncio.CancelledError:
            await asyncio.sleep(ev.get("cleanup", 0))
            self.ended.append("cancelled")
            raise
        self.ended.append("slept")
        return StopEvent()


@virtually
async def test_cancelling_the_run_cancels_the_child_and_waits_for_its_cleanup() -> None:
    ended: list[str] = []
    handler = Runs(Sleeper(ended), {"cleanup": 2}).run()
    await asyncio.sleep(1)

    await handler.cancel_run()

    assert ended == ["cancelled"]
    with pytest.raises(WorkflowCancelledByUser):
        await handler


@virtually
async def test_a_run_that_is_out_of_time_cancels_its_child() -> None:
    ended: list[str] = []

    with pytest.raises(WorkflowTimeoutError) as caught:
        await Runs(Sleeper(ended, timeout=None), timeout=4).run()

    assert caught.value.active_steps == ("outer",)
    assert ended == ["cancelled"]


@virtually
async def test_the_first_of_several_that_is_taken_cancels_the_children_of_the_others() -> None:
    ended: list[str] = []

    class Race(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Item]:
            return [Item(number=number) for number in (1, 2, 3)]

        @step
        async def race(self, ctx: Context, ev: Item) -> Answer:
            await ctx.run_child(Sleeper(ended), seconds=ev.number)
            return Answer(text=str(ev.number))

        @step
        async def first(self, ev: Annotated[list[Answer], Collect(Take(1), cancel=True)]) -> StopEvent:
            await asyncio.sleep(0.5)
            return StopEvent(ev[0].text)

    assert await Race().run() == "1"
    assert ended == ["slept", "cancelled", "cancelled"]


@virtually
async def test_a_body_that_stops_waiting_for_its_child_ends_it() -> None:
    ended: list[str] = []

    class Impatient(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            try:
                async with asyncio.timeout(3):
                    await ctx.run_child(Sleeper(ended), cleanup=1)
            except TimeoutError:
                return StopEvent(list(ended))
            return StopEvent("slept")

    assert await Impatient().run() == ["cancelled"]


@virtually
async def test_a_sibling_of_a_child_that_fails_its_step_is_cancelled_and_the_run_waits_for_it() -> None:
    ended: list[str] = []

    class Two(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await asyncio.gather(ctx.run_child(Sleeper(ended), cleanup=2), ctx.run_child(Failing()))
            return StopEvent()

    with pytest.raises(LookupError):
        await Two().run()

    assert ended == ["cancelled"]


@virtually
async def test_a_child_in_a_background_task_ends_with_the_run() -> None:
    ended: list[str] = []

    class Background(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            ctx.create_task(ctx.run_child(Sleeper(ended), cleanup=1))
            await asyncio.sleep(1)
            return StopEvent("done")

    assert await Background().run() == "done"
    assert ended == ["cancelled"]


@virtually
async def test_a_child_in_a_background_task_keeps_the_run_from_stalling() -> None:
    class Background(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> Item | None:
            async def work() -> None:
                ctx.send_event(Item(number=await ctx.run_child(Double(), number=3, seconds=5)))

            ctx.create_task(work())
            return None

        @step
        async def end(self, ev: Item) -> StopEvent:
            return StopEvent(ev.number)

    assert await Background().run() == 6


@virtually
async def test_a_child_whose_step_ignores_its_cancellation_is_given_up_before_the_step_that_runs_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Stubborn(Workflow):
        @step
        async def stay(self, ev: StartEvent) -> StopEvent:
            for _ in range(4):
                try:
                    await asyncio.sleep(100)
                except asyncio.CancelledError:
                    continue
            return StopEvent()

    handler = Runs(Stubborn(timeout=None), timeout=None).run()
    await asyncio.sleep(1)
    start = asyncio.get_running_loop().time()

    with caplog.at_level(logging.WARNING, "stepwell.runtime"):
        await handler.cancel_run()

    assert passed_since(start) == pytest.approx(5, abs=0.2)
    assert ["'stay'" in record.getMessage() for record in caplog.records] == [True]


@virtually
async def test_a_body_that_hides_its_child_from_cancellation_cannot_keep_it() -> None:
    ended: list[str] = []

    class Hides(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            self.hidden = asyncio.ensure_future(ctx.run_child(Sleeper(ended)))
            await asyncio.sleep(1000)
            return StopEvent()

    handler = Hides(timeout=None).run()
    await asyncio.sleep(1)

    await handler.cancel_run()

    assert ended == ["cancelled"]


@virtually
async def test_a_step_that_is_told_to_stop_opens_no_further_child() -> None:
    refused: list[BaseException] = []

    class Late(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                try:
                    await ctx.run_child(Double(), number=1)
                except AttemptOverError as error:
                    refused.append(error)
                raise
            return StopEvent()

    handler = Late().run()
    await asyncio.sleep(1)

    await handler.cancel_run()

    assert len(refused) == 1


class Hiding(Workflow):
    """Its losers do not listen when they are told to stop; each hides a child from that, and opens another."""

    def __init__(self, ended: list[str]) -> None:
        super().__init__(timeout=None)
        self.ended = ended

    @step
    async def split(self, ev: StartEvent) -> list[Item]:
        return [Item(number=1), Item(number=2)]

    @step
    async def race(self, ctx: Context, ev: Item) -> Answer:
        if ev.number == 1:
            await asyncio.sleep(1)
            return Answer()
        hidden = asyncio.ensure_future(ctx.run_child(Sleeper(self.ended, timeout=None)))
        while not hidden.done():
            try:
                await asyncio.wait([hidden])
            except asyncio.CancelledError:
                continue
        assert isinstance(hidden.exception(), WorkflowCancelledByUser)
        try:
            await ctx.run_child(Double(), number=1)
        except AttemptOverError:
            self.ended.append("refused")
        return Answer()

    @step
    async def first(self, evs: Annotated[list[Answer], Collect(Take(1), cancel=True)]) -> StopEvent:
        await asyncio.sleep(20)
        return StopEvent(list(self.ended))


@virtually
async def test_a_branch_that_is_cancelled_cannot_hide_a_child_or_open_another() -> None:
    assert await Hiding([]).run() == ["cancelled", "refused"]


@virtually
async def test_a_background_task_cannot_hide_a_child_from_the_end_of_the_run() -> None:
    ended: list[str] = []

    class Background(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> Item:
            async def work() -> None:
                self.hidden = asyncio.ensure_future(ctx.run_child(Sleeper(ended, timeout=None)))
                await asyncio.sleep(1000)

            ctx.create_task(work())
            return Item(number=1)

        @step
        async def end(self, ev: Item) -> StopEvent:
            await asyncio.sleep(1)
            return StopEvent("done")

    assert await Background().run() == "done"
    assert ended == ["cancelled"]


async def test_a_child_whose_step_cancels_itself_fails_the_step_with_an_error_that_says_so() -> None:
    class CancelsItself(Workflow):
        @step
        async def outer(self, ev: StartEvent) -> StopEvent:
            raise asyncio.CancelledError("from within")

    with pytest.raises(StepCancelledError, match="outer") as caught:
        await Runs(CancelsItself()).run()

    assert isinstance(caught.value.__cause__, asyncio.CancelledError)


# Time and workers.


@virtually
async def test_the_time_limit_of_a_step_stands_still_while_its_child_runs() -> None:
    class Limited(Workflow):
        @step(timeout=2)
        async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(1)
            number = await ctx.run_child(Double(), number=1, seconds=10)
            await asyncio.sleep(ev.after)
            return StopEvent(number)

    assert await Limited().run(after=0.9) == 2
    with pytest.raises(StepTimeoutError):
        await Limited().run(after=1.1)


@virtually
async def test_the_time_limit_of_a_run_goes_on_while_its_child_works() -> None:
    start = asyncio.get_running_loop().time()

    with pytest.raises(WorkflowTimeoutError) as caught:
        await Runs(Double(), {"number": 1, "seconds": 10}, timeout=5).run()

    assert caught.value.workflow == "Runs"
    assert passed_since(start) == 5


@virtually
async def test_the_time_limit_of_a_run_stands_still_while_its_child_only_waits() -> None:
    handler = Runs(Ask(), timeout=5).run()
    await asyncio.sleep(100)

    handler.ctx.send_event(Answer(text="yes"))

    assert await handler == "yes"


@virtually
async def test_the_time_limit_of_a_run_stands_still_while_a_child_of_its_child_only_waits() -> None:
    handler = Runs(Runs(Ask(), timeout=5), timeout=5).run()
    await asyncio.sleep(100)

    handler.ctx.send_event(Answer(text="yes"))

    assert await handler == "yes"


@virtually
async def test_the_time_limit_of_a_run_goes_on_where_it_stood_when_its_child_works_again() -> None:
    class AsksThenWorks(Workflow):
        @step
        async def both(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(3)
            await ctx.wait_for_event(Answer)
            await asyncio.sleep(3)
            return StopEvent()

    handler = Runs(AsksThenWorks(timeout=None), timeout=5).run()
    await asyncio.sleep(100)
    handler.ctx.send_event(Answer())
    start = asyncio.get_running_loop().time()

    with pytest.raises(WorkflowTimeoutError):
        await handler

    assert passed_since(start) == 2


@virtually
async def test_one_of_two_children_at_work_keeps_the_time_of_the_run_going() -> None:
    class Both(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await asyncio.gather(ctx.run_child(Ask()), ctx.run_child(Double(timeout=None), number=1, seconds=100))
            return StopEvent()

    start = asyncio.get_running_loop().time()

    with pytest.raises(WorkflowTimeoutError):
        await Both(timeout=5).run()

    assert passed_since(start) == 5


@virtually
async def test_a_sleep_inside_a_child_does_not_count_for_any_run_above() -> None:
    class Naps(Workflow):
        @step
        async def nap(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.sleep(1000)
            return StopEvent("rested")

    assert await Runs(Runs(Naps(timeout=1), timeout=1), timeout=1).run() == "rested"


@virtually
async def test_a_step_that_runs_a_child_gives_its_worker_to_the_next() -> None:
    class OneWorker(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Item]:
            return [Item(number=number) for number in range(3)]

        @step(num_workers=1)
        async def each(self, ctx: Context, ev: Item) -> Answer:
            return Answer(number=await ctx.run_child(Double(), number=ev.number, seconds=2))

        @step
        async def join(self, ev: list[Answer]) -> StopEvent:
            return StopEvent(sorted(one.number for one in ev))

    start = asyncio.get_running_loop().time()

    assert await OneWorker().run() == [0, 2, 4]
    assert passed_since(start) == 2


@virtually
async def test_a_step_whose_child_is_over_takes_its_worker_back_before_those_that_queue_to_start() -> None:
    order: list[str] = []

    class Returns(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Item]:
            return [Item(number=number) for number in range(3)]

        @step(num_workers=1)
        async def each(self, ctx: Context, ev: Item) -> Answer:
            order.append(f"start {ev.number}")
            if ev.number == 0:
                await ctx.run_child(Double(), number=0, seconds=0.5)
                order.append("back")
            await asyncio.sleep(1)
            return Answer()

        @step
        async def join(self, ev: list[Answer]) -> StopEvent:
            return StopEvent()

    await Returns().run()

    assert order == ["start 0", "start 1", "back", "start 2"]


@virtually
async def test_children_of_a_workflow_with_one_place_take_turns() -> None:
    narrow = Double(num_concurrent_runs=1)

    class Several(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            runs = [ctx.run_child(narrow, number=number, seconds=2) for number in range(3)]
            return StopEvent(await asyncio.gather(*runs))

    start = asyncio.get_running_loop().time()

    assert await Several().run() == [0, 2, 4]
    assert passed_since(start) == 6


@virtually
async def test_a_child_in_line_is_cancelled_with_its_step_and_leaves_the_line() -> None:
    narrow = Double(num_concurrent_runs=1)
    first = narrow.run(number=1, seconds=10)
    handler = Runs(narrow, {"number": 2}).run()
    await asyncio.sleep(1)

    await handler.cancel_run()

    assert await first == 2
    assert await narrow.run(number=3) == 6


@virtually
async def test_a_child_that_is_over_is_let_go_at_once() -> None:
    kept: list[weakref.ref[Any]] = []

    class Looks(Workflow):
        @step
        async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await asyncio.gather(ctx.run_child(Double(), number=1), self.look())
            return StopEvent([one() for one in kept])

        async def look(self) -> None:
            kept.extend(weakref.ref(child) for child in handler._run.children.open.values())  # type: ignore[union-attr]

    handler = Looks().run()
    gc.disable()
    try:
        assert await handler == [None]
    finally:
        gc.enable()


async def test_cancelling_many_attempts_with_children_costs_each_its_own() -> None:
    touched: list[int] = []

    class Counts(dict[Any, Any]):
        def __getitem__(self, name: Any) -> Any:
            touched.append(1)
            return super().__getitem__(name)

    class Many(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Item]:
            return [Item(number=number) for number in range(50)]

        @step(num_workers=50)
        async def each(self, ctx: Context, ev: Item) -> Answer:
            await ctx.run_child(Sleeper([]))
            return Answer()

        @step
        async def join(self, ev: list[Answer]) -> StopEvent:
            return StopEvent()

    handler = Many().run()
    children = None
    while children is None or len(children.open) < 50:
        await asyncio.sleep(0)
        children = handler._run.children
    children.open = Counts(children.open)

    await handler.cancel_run()

    assert len(touched) <= 2 * 50 + 1


async def test_what_a_fan_out_held_is_freed_before_the_run_goes_on() -> None:
    kept: list[weakref.ref[Any]] = []

    class Counted(Event):
        count: int

    class Wide(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Item]:
            items = [Item(number=number) for number in range(500)]
            kept.extend(map(weakref.ref, items))
            return items

        @step(num_workers=16)
        async def each(self, ev: Item) -> Answer:
            answer = Answer(number=ev.number)
            kept.append(weakref.ref(answer))
            return answer

        @step
        async def join(self, evs: list[Answer]) -> Counted:
            return Counted(count=len(evs))

        @step
        async def after(self, ev: Counted) -> StopEvent:
            return StopEvent((ev.count, sum(one() is not None for one in kept)))

    count, alive = await Wide().run()

    assert (count, len(kept)) == (500, 1000)
    assert alive == 0
