"""A run tells its callback manager: a trace, attempts under what caused them, waits and endings as what they are."""

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest

from stepwell import Context, Event, HumanResponseEvent, StartEvent, StopEvent, Workflow, step
from stepwell.callbacks import (
    BaseCallbackHandler,
    CallbackManager,
    CBEventType,
    RecordingHandler,
    Span,
    current_manager,
    settings,
)
from stepwell.errors import CallbackVeto, StepOptionError
from stepwell.retry_policy import retry_policy, stop_after_attempt, wait_none

STEP = "agent_step"


class Item(Event):
    number: int


class Done(Event):
    number: int


class Answer(HumanResponseEvent):
    response: str


class Fan(Workflow):
    @step
    async def fan(self, ev: StartEvent) -> list[Item]:
        return [Item(number=n) for n in range(3)]

    @step
    async def work(self, ev: Item) -> Done:
        with current_manager().event(CBEventType.LLM):
            await asyncio.sleep(0)
        return Done(number=ev.number)

    @step
    async def join(self, evs: list[Done]) -> StopEvent:
        return StopEvent(result=len(evs))


@pytest.fixture
def recording() -> RecordingHandler:
    return RecordingHandler()


@pytest.fixture
def manager(recording: RecordingHandler) -> CallbackManager:
    return CallbackManager([recording])


def steps_of(recording: RecordingHandler) -> dict[str, str]:
    """The names of the steps by event id."""
    return {
        record.event_id: (record.payload or {})["step"]
        for record in recording.records
        if (record.what, record.name) == ("start", STEP)
    }


def ends_of(recording: RecordingHandler) -> list[dict[str, Any]]:
    return [record.payload or {} for record in recording.records if (record.what, record.name) == ("end", STEP)]


async def test_a_run_is_a_trace_of_its_workflow_with_all_events_in_it(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    await Fan(callback_manager=manager).run()

    assert recording.story[0] == "[Fan"
    assert recording.story[-1] == "]Fan"
    starts = [record.event_id for record in recording.records if record.what == "start"]
    ends = [record.event_id for record in recording.records if record.what == "end"]
    assert sorted(starts) == sorted(ends)
    mapped = recording.records[-1].trace_map or {}
    assert sorted(child for children in mapped.values() for child in children) == sorted(starts)


async def test_an_attempt_hangs_under_the_attempt_that_caused_it(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    await Fan(callback_manager=manager).run()

    names = steps_of(recording)
    causes = {names[event]: names.get(recording.parents[event], "root") for event in names}
    assert causes == {"fan": "root", "work": "fan", "join": "fan"}


async def test_a_model_call_hangs_under_the_attempt_that_makes_it_also_at_once(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    await Fan(callback_manager=manager).run()

    names = steps_of(recording)
    parents = [
        recording.parents[record.event_id]
        for record in recording.records
        if (record.what, record.name) == ("start", "llm")
    ]
    assert [names[parent] for parent in parents] == ["work"] * 3
    assert len(set(parents)) == 3


class Links(BaseCallbackHandler):
    """Keeps what each step's event is linked to."""

    def __init__(self) -> None:
        super().__init__((), ())
        self.links: dict[str, tuple[str, ...]] = {}

    def on_event_start(
        self, event_type: CBEventType, payload: Any = None, event_id: str = "", parent_id: str = "", **kwargs: Any
    ) -> str:
        from stepwell.callbacks import find_span

        span = find_span(event_id)
        if span is not None and payload:
            self.links[payload.get("step", "")] = span.links
        return event_id

    def on_event_end(self, event_type: CBEventType, payload: Any = None, event_id: str = "", **kwargs: Any) -> None:
        pass

    def start_trace(self, trace_id: str | None = None) -> None:
        pass

    def end_trace(self, trace_id: str | None = None, trace_map: Any = None) -> None:
        pass


async def test_a_join_is_linked_to_all_that_it_gathered(recording: RecordingHandler) -> None:
    links = Links()

    await Fan(callback_manager=CallbackManager([recording, links])).run()

    names = steps_of(recording)
    assert [names[cause] for cause in links.links["join"]] == ["work"] * 3


async def test_a_retry_is_told_as_retried_and_the_last_failure_as_error(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    class Dry(Workflow):
        @step(retry_policy=retry_policy(wait=wait_none(), stop=stop_after_attempt(2)))
        async def begin(self, ev: StartEvent) -> StopEvent:
            raise LookupError("dry")

    with pytest.raises(LookupError):
        await Dry(callback_manager=manager).run()

    first, last = ends_of(recording)
    assert first["status"] == "retried"
    assert first["retry_delay_seconds"] == 0
    assert last["status"] == "error"
    assert isinstance(last["exception"], LookupError)
    attempts = [(record.payload or {})["attempt"] for record in recording.records if record.what == "start"]
    assert attempts == [1, 2]


async def test_a_step_that_is_out_of_time_is_told_as_timeout(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    class Slow(Workflow):
        @step(timeout=0.01)
        async def begin(self, ev: StartEvent) -> StopEvent:
            await asyncio.Event().wait()
            return StopEvent()

    with pytest.raises(TimeoutError):
        await Slow(callback_manager=manager).run()

    assert [end["status"] for end in ends_of(recording)] == ["timeout"]


async def test_a_cancelled_step_is_told_as_cancelled(manager: CallbackManager, recording: RecordingHandler) -> None:
    begun = asyncio.Event()

    class Long(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            begun.set()
            await asyncio.Event().wait()
            return StopEvent()

    handler = Long(callback_manager=manager).run()
    await begun.wait()
    await handler.cancel_run()

    assert [end["status"] for end in ends_of(recording)] == ["cancelled"]


async def test_a_wait_for_a_person_is_an_event_of_its_own(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    class Asking(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
            answer = await ctx.wait_for_event(Answer)
            return StopEvent(result=answer.response)

    handler = Asking(callback_manager=manager).run()
    handler.ctx.send_event(Answer(response="yes"))

    assert await handler == "yes"
    waits = [
        record
        for record in recording.records
        if record.what == "start" and (record.payload or {}).get("kind") == "wait"
    ]
    assert [(wait.payload or {})["waits_for"] for wait in waits] == ["Answer"]
    assert steps_of(recording)[waits[0].parent_id] == "begin"


async def test_concurrent_runs_do_not_mix(manager: CallbackManager, recording: RecordingHandler) -> None:
    workflow = Fan(callback_manager=manager)

    await asyncio.gather(*(workflow.run() for _ in range(20)))

    maps = [record.trace_map or {} for record in recording.records if record.what == "end_trace"]
    assert len(maps) == 20
    assert [sum(len(children) for children in one.values()) for one in maps] == [8] * 20
    names = steps_of(recording)
    assert all([names[child] for child in one["root"]] == ["fan"] for one in maps)


async def test_a_veto_fails_the_attempt_and_other_failures_of_handlers_do_not(recording: RecordingHandler) -> None:
    class Strict(RecordingHandler):
        def on_event_start(self, event_type: CBEventType, *args: Any, **kwargs: Any) -> str:
            raise CallbackVeto("not today")

    class Broken(RecordingHandler):
        def on_event_start(self, event_type: CBEventType, *args: Any, **kwargs: Any) -> str:
            raise RuntimeError("broken handler")

    assert await Fan(callback_manager=CallbackManager([Broken()])).run() == 3
    with pytest.raises(CallbackVeto, match="not today"):
        await Fan(callback_manager=CallbackManager([Strict()])).run()


@pytest.fixture
def global_recording() -> Iterator[RecordingHandler]:
    handler = RecordingHandler()
    settings.global_handler = handler
    yield handler
    settings.global_handler = None
    settings.callback_manager = None


async def test_without_a_manager_the_global_handler_is_told(global_recording: RecordingHandler) -> None:
    await Fan().run()

    assert global_recording.story[0] == "[Fan"


async def test_a_run_inside_a_step_hangs_under_that_step(manager: CallbackManager, recording: RecordingHandler) -> None:
    class Outer(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result=await Fan().run())

    await Outer(callback_manager=manager).run()

    names = steps_of(recording)
    parents = {names[event]: names.get(recording.parents[event], "root") for event in names}
    assert parents["fan"] == "begin"
    assert recording.story.count("[Outer") == 1


async def test_without_handlers_no_callback_object_is_built() -> None:
    gc.collect()
    before = sum(isinstance(thing, Span) for thing in gc.get_objects())

    handler = Fan().run()
    await handler

    assert handler._run.observers is None
    assert sum(isinstance(thing, Span) for thing in gc.get_objects()) <= before + 3  # the steps' own events


def test_what_is_no_manager_is_refused() -> None:
    with pytest.raises(StepOptionError, match="callback_manager must be a CallbackManager or None"):
        Fan(callback_manager=print)  # type: ignore[arg-type]


class Above(Workflow):
    @step
    async def above(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await asyncio.gather(ctx.run_child(Fan()), ctx.run_child(Fan())))


async def test_the_steps_of_a_child_run_hang_under_the_step_that_runs_it_in_one_trace(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    await Above(callback_manager=manager).run()

    names = steps_of(recording)
    causes = [(names[event], names.get(recording.parents[event], "root")) for event in names]
    assert [one for one in recording.story if one[0] in "[]"] == ["[Above", "]Above"]
    assert causes.count(("fan", "above")) == 2
    assert causes.count(("work", "fan")) == 6


class Scopes(BaseCallbackHandler):
    """Keeps the run ids in whose scope each step ran."""

    def __init__(self) -> None:
        super().__init__((), ())
        self.runs: dict[str, str] = {}

    def on_event_start(
        self, event_type: CBEventType, payload: Any = None, event_id: str = "", parent_id: str = "", **kwargs: Any
    ) -> str:
        from stepwell.callbacks import find_span

        span = find_span(event_id)
        if span is not None and payload:
            self.runs[payload.get("step", "")] = span.scope.attributes["run_id"]
        return event_id

    def on_event_end(self, event_type: CBEventType, payload: Any = None, event_id: str = "", **kwargs: Any) -> None:
        pass

    def start_trace(self, trace_id: str | None = None) -> None:
        pass

    def end_trace(self, trace_id: str | None = None, trace_map: Any = None) -> None:
        pass


async def test_the_steps_of_a_child_run_carry_its_run_id() -> None:
    scopes = Scopes()

    class Single(Workflow):
        @step
        async def above(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(result=await ctx.run_child(Fan(), run_id="below"))

    await Single(callback_manager=CallbackManager([scopes])).run(run_id="top")

    assert scopes.runs["above"] == "top"
    assert {scopes.runs[name] for name in ("fan", "work", "join")} == {"below"}


async def test_waiting_for_a_child_is_an_event_that_names_it(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    await Above(callback_manager=manager).run()

    waits = [
        record.payload["waits_for"]
        for record in recording.records
        if record.payload and record.what == "start" and record.payload.get("kind") == "wait"
    ]
    assert waits == ["child workflow Fan"] * 2


async def test_a_run_that_stood_in_line_belongs_to_the_trace_of_its_own_caller(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    narrow = Fan(num_concurrent_runs=1)
    first = narrow.run()
    with manager.as_trace("outer"):
        await narrow.run()

    await first
    assert recording.story[0] == "[outer"
    assert set(steps_of(recording).values()) == {"fan", "work", "join"}
