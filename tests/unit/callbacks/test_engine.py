"""What an engine needs: traces and events in contexts of its own, with causes and exact endings."""

import asyncio
from contextvars import Context
from typing import Any

import pytest

from stepwell.callbacks import (
    CallbackManager,
    CBEventType,
    EventPayload,
    RecordingHandler,
    Span,
    current_trace,
    find_span,
)
from stepwell.errors import CallbackVeto

AGENT_STEP, LLM = CBEventType.AGENT_STEP, CBEventType.LLM


@pytest.fixture
def recording() -> RecordingHandler:
    return RecordingHandler()


@pytest.fixture
def manager(recording: RecordingHandler) -> CallbackManager:
    return CallbackManager([recording])


def test_whether_anybody_listens_can_be_asked(manager: CallbackManager) -> None:
    assert manager.has_handlers
    assert not CallbackManager([]).has_handlers


def test_a_run_is_a_trace_in_its_own_context(manager: CallbackManager, recording: RecordingHandler) -> None:
    context = Context()
    trace = manager.open_trace("Essay", context=context, attributes={"run_id": "r1"})
    step_context = context.copy()
    step = manager.start_span(AGENT_STEP, {"step": "draft"}, context=step_context)
    call = step_context.run(manager.on_event_start, LLM)
    step_context.run(manager.on_event_end, LLM, None, call)
    manager.end_span(step, {"output": "Draft"}, context=step_context)
    manager.close_trace(trace, context=context)

    assert recording.story == ["[Essay", "+agent_step", "+llm", "-llm", "-agent_step", "]Essay"]
    assert recording.records[-1].trace_map == {"root": [step.id], step.id: [call]}
    assert trace.trace.attributes == {"run_id": "r1"}
    assert current_trace() is None


def test_a_step_hangs_under_the_ended_step_that_caused_it_with_links_to_the_others(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    context = Context()
    trace = manager.open_trace("Essay", context=context)
    causes = []
    for _ in range(3):
        step_context = context.copy()
        cause = manager.start_span(AGENT_STEP, context=step_context)
        manager.end_span(cause, context=step_context)
        causes.append(cause.id)

    join = manager.start_span(AGENT_STEP, parent_id=causes[0], links=causes[1:], context=context.copy())

    assert recording.parents[join.id] == causes[0]
    assert join.links == tuple(causes[1:])
    assert trace.trace.map[causes[0]] == [join.id]
    assert join.up is trace


@pytest.mark.parametrize("status", ["error", "timeout", "cancelled", "retried"])
def test_an_attempt_ends_as_what_it_was(manager: CallbackManager, recording: RecordingHandler, status: Any) -> None:
    failure = TimeoutError("too late")
    step = manager.start_span(AGENT_STEP, context=Context())

    manager.end_span(step, {"attempt": 1}, status=status, error=failure)

    assert (step.status, step.error) == (status, failure)
    assert recording.payload_of("end", "agent_step") == {
        "attempt": 1,
        EventPayload.EXCEPTION: failure,
        "status": status,
    }


def test_an_attempt_that_went_well_says_nothing_of_it(manager: CallbackManager, recording: RecordingHandler) -> None:
    step = manager.start_span(AGENT_STEP, context=Context())

    manager.end_span(step, {"attempt": 1})

    assert step.status == "ok"
    assert recording.payload_of("end", "agent_step") == {"attempt": 1}


def test_an_error_is_reported_once_by_its_innermost_event_and_not_by_the_trace(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    context = Context()
    trace = manager.open_trace("Essay", context=context)
    step_context = context.copy()
    step = manager.start_span(AGENT_STEP, context=step_context)
    failure = ValueError("once")

    def body() -> None:
        with pytest.raises(ValueError), manager.event(LLM):
            raise failure

    step_context.run(body)
    manager.end_span(step, status="error", error=failure, context=step_context)
    manager.close_trace(trace, status="error", error=failure, context=context)

    told = [record.event_id for record in recording.records if EventPayload.EXCEPTION in (record.payload or {})]
    assert len(told) == 1
    assert told != [step.id]
    assert step.error is failure
    assert (trace.status, trace.error) == ("error", failure)


def test_an_error_of_the_run_itself_is_an_event_of_its_own(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    context = Context()
    trace = manager.open_trace("Essay", context=context)

    manager.close_trace(trace, status="error", error=ValueError("stalled"), context=context)

    assert recording.story == ["[Essay", "+exception", "-exception", "]Essay"]


def test_the_time_limit_of_a_run_is_an_event_of_its_own_and_its_cancellation_is_not(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    for status, error in (("timeout", TimeoutError("45 s")), ("cancelled", asyncio.CancelledError())):
        context = Context()
        trace = manager.open_trace("Essay", context=context)
        manager.close_trace(trace, status=status, error=error, context=context)  # type: ignore[arg-type] # a literal
        assert trace.status == status

    assert recording.story == ["[Essay", "+exception", "-exception", "]Essay", "[Essay", "]Essay"]


def test_ending_again_changes_nothing(manager: CallbackManager, recording: RecordingHandler) -> None:
    context = Context()
    trace = manager.open_trace("Essay", context=context)
    step = manager.start_span(AGENT_STEP, context=context.copy())
    manager.end_span(step)
    manager.close_trace(trace, context=context)

    manager.end_span(step, status="cancelled")
    manager.close_trace(trace, context=context)

    assert step.status == "ok"
    assert recording.story == ["[Essay", "+agent_step", "-agent_step", "]Essay"]


def test_a_child_run_hangs_under_the_step_that_started_it(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    context = Context()
    parent_run = manager.open_trace("Parent", context=context)
    step_context = context.copy()
    step = manager.start_span(AGENT_STEP, context=step_context)
    child_context = step_context.copy()
    child_run = manager.open_trace("Child", context=child_context, attributes={"run_id": "c1"})

    child_step = manager.start_span(AGENT_STEP, context=child_context.copy())

    assert recording.parents[child_step.id] == step.id
    assert child_step.scope is child_run
    assert child_run.attributes == {"run_id": "c1"}
    assert child_run.trace is parent_run
    assert recording.story.count("[Child") == 0


def test_a_wait_is_an_event_under_its_step_and_current_nowhere(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    context = Context()
    manager.open_trace("Essay", context=context)
    step_context = context.copy()
    step = manager.start_span(AGENT_STEP, context=step_context)

    wait = manager.start_span(AGENT_STEP, {"kind": "wait"}, parent_id=step.id)
    during = step_context.run(manager.on_event_start, LLM)
    manager.end_span(wait)

    assert recording.parents[wait.id] == step.id
    assert recording.parents[during] == step.id
    assert wait.trace is step.trace


async def test_a_step_can_end_inside_its_own_task(manager: CallbackManager, recording: RecordingHandler) -> None:
    context = Context()
    manager.open_trace("Essay", context=context)

    async def body(step: Span) -> None:
        manager.end_span(step)

    step_context = context.copy()
    step = manager.start_span(AGENT_STEP, context=step_context)
    await asyncio.get_running_loop().create_task(body(step), context=step_context)

    assert recording.story == ["[Essay", "+agent_step", "-agent_step"]
    assert step_context.run(manager.on_event_start, LLM) is not None
    assert list(recording.parents.values())[-1] == "root"


def test_a_vetoed_step_has_ended_when_the_engine_hears_of_it(recording: RecordingHandler) -> None:
    class Guard(RecordingHandler):
        def on_event_start(self, *args: Any, **kwargs: Any) -> str:
            raise CallbackVeto("not this step")

    manager = CallbackManager([Guard(), recording])

    with pytest.raises(CallbackVeto):
        manager.start_span(AGENT_STEP, context=Context())

    assert recording.story == ["+agent_step", "-agent_step"]
    assert find_span(recording.records[0].event_id) is None
