"""The stacks of ids that older clients read and set."""

import contextvars

from stepwell.callbacks import (
    CallbackManager,
    CBEventType,
    RecordingHandler,
    empty_trace_ids,
    global_stack_trace,
    global_stack_trace_ids,
)

QUERY, LLM = CBEventType.QUERY, CBEventType.LLM


def test_the_stack_holds_the_open_events_from_the_root() -> None:
    manager = CallbackManager([])
    assert global_stack_trace.get() == ["root"]

    with (
        manager.as_trace("query"),
        manager.event(QUERY, event_id="a"),
        manager.as_trace("inner"),
        manager.event(QUERY, event_id="b"),
        manager.event(LLM, event_id="leaf"),
    ):
        ids, names = global_stack_trace.get(), global_stack_trace_ids.get()

    assert ids == ["root", "a", "b"]
    assert names == ["query", "inner"]
    assert global_stack_trace_ids.get() == empty_trace_ids == []


def test_a_changed_copy_changes_nothing() -> None:
    global_stack_trace.get().pop()

    assert global_stack_trace.get() == ["root"]


def test_a_stack_set_in_another_thread_stands_under_its_last_open_event() -> None:
    recording = RecordingHandler()
    manager = CallbackManager([recording])

    def elsewhere(ids: list[str]) -> None:
        token = global_stack_trace.set(ids)
        manager.on_event_start(LLM, event_id="inside")
        global_stack_trace.reset(token)
        manager.on_event_start(LLM, event_id="outside")

    with manager.as_trace("query"), manager.event(QUERY, event_id="q"):
        contextvars.Context().run(elsewhere, [*global_stack_trace.get(), "unknown"])

    assert recording.parents["inside"] == "q"
    assert recording.parents["outside"] == "root"
    assert recording.records[-1].trace_map == {"root": ["q"], "q": ["inside"]}
