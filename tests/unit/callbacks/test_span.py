"""Parents follow what is open, whatever the order of ends; and nothing ended is kept alive."""

import asyncio
import contextvars
import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.callbacks import (
    CallbackManager,
    CBEventType,
    EventPayload,
    RecordingHandler,
    Span,
    current_span,
    current_trace,
    find_span,
)
from stepwell.callbacks import _span as span_module

QUERY, LLM, RETRIEVE = CBEventType.QUERY, CBEventType.LLM, CBEventType.RETRIEVE


def spans_alive() -> int:
    gc.collect()
    return sum(type(thing) is Span for thing in gc.get_objects())


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 30)), max_size=60))
def test_the_parent_is_the_latest_open_event_that_can_have_children(moves: list[tuple[bool, bool, int]]) -> None:
    recording = RecordingHandler()
    manager = CallbackManager([recording])
    opened: list[tuple[str, CBEventType]] = []

    with manager.as_trace("any"):
        for is_start, is_leaf, choice in moves:
            if is_start or not opened:
                event_type = LLM if is_leaf else QUERY
                expected = next((known for known, kind in reversed(opened) if kind is QUERY), "root")
                event_id = manager.on_event_start(event_type)
                opened.append((event_id, event_type))
                assert recording.parents[event_id] == expected
            else:
                event_id, event_type = opened.pop(choice % len(opened))
                manager.on_event_end(event_type, event_id=event_id)
        for event_id, event_type in opened:
            manager.on_event_end(event_type, event_id=event_id)
        after = manager.on_event_start(LLM)
        manager.on_event_end(LLM, event_id=after)

    assert recording.parents[after] == "root"
    assert manager.stats.unmatched_ends == 0
    assert all(find_span(event_id) is None for event_id in recording.parents)


def test_overlapping_events_that_end_elsewhere_do_not_keep_each_other_alive() -> None:
    manager = CallbackManager([])
    before = spans_alive()
    previous = manager.on_event_start(QUERY)

    for _ in range(100):
        event_id = manager.on_event_start(QUERY)
        contextvars.Context().run(manager.on_event_end, QUERY, None, previous)
        previous = event_id

    alive = spans_alive() - before
    manager.on_event_end(QUERY, event_id=previous)
    assert alive < 5


async def test_tasks_hang_under_the_event_in_which_they_were_made() -> None:
    recording = RecordingHandler()
    manager = CallbackManager([recording])

    async def work(event_id: str) -> None:
        with manager.event(RETRIEVE, event_id=event_id):
            await asyncio.sleep(0)
            with manager.event(LLM, event_id=f"{event_id}/llm"):
                await asyncio.sleep(0)

    with manager.as_trace("query"), manager.event(QUERY, event_id="q"):
        await asyncio.gather(work("a"), work("b"))

    assert recording.parents == {"q": "root", "a": "q", "b": "q", "a/llm": "a", "b/llm": "b"}


async def test_a_task_that_outlives_its_event_hangs_under_what_is_still_open() -> None:
    recording = RecordingHandler()
    manager = CallbackManager([recording])
    has_ended = asyncio.Event()

    async def late() -> None:
        await has_ended.wait()
        with manager.event(RETRIEVE, event_id="late"):
            pass

    with manager.as_trace("query"), manager.event(QUERY, event_id="outer"):
        with manager.event(QUERY, event_id="inner"):
            task = asyncio.create_task(late())
        has_ended.set()
        await task

    assert recording.parents["late"] == "outer"


async def test_a_trace_in_a_task_that_outlives_its_trace_is_a_trace_of_its_own() -> None:
    recording = RecordingHandler()
    manager = CallbackManager([recording])
    has_ended = asyncio.Event()

    async def late() -> None:
        await has_ended.wait()
        with manager.as_trace("second"), manager.event(QUERY, event_id="late"):
            pass

    with manager.as_trace("first"):
        task = asyncio.create_task(late())
    has_ended.set()
    await task

    assert recording.story == ["[first", "]first", "[second", "+query", "-query", "]second"]
    assert recording.records[-1].trace_map == {"root": ["late"]}


def test_an_explicit_parent_takes_an_event_into_its_trace_from_anywhere() -> None:
    recording = RecordingHandler()
    manager = CallbackManager([recording])

    def elsewhere() -> None:
        with_parent = manager.on_event_start(RETRIEVE, event_id="r", parent_id="q")
        manager.on_event_end(LLM, event_id=manager.on_event_start(LLM, event_id="l"))
        manager.on_event_end(RETRIEVE, event_id=with_parent)

    with manager.as_trace("query"), manager.event(QUERY, event_id="q"):
        contextvars.Context().run(elsewhere)

    assert recording.records[-1].trace_map == {"root": ["q"], "q": ["r"], "r": ["l"]}


def test_what_encloses_running_code_can_be_asked() -> None:
    manager = CallbackManager([])
    assert current_trace() is None

    with manager.as_trace("query") as trace, manager.event(QUERY) as event, manager.event(LLM):
        span = current_span()
        running = current_trace()

    assert running is trace
    assert span is event.span
    assert isinstance(span, Span)
    assert current_span() is None


def test_a_handler_can_ask_for_the_event_that_it_is_told_of() -> None:
    seen: list[tuple[str, str]] = []

    class Asking(RecordingHandler):
        def on_event_end(
            self, event_type: CBEventType, payload: object = None, event_id: str = "", **_: object
        ) -> None:
            span = find_span(event_id)
            assert span is not None
            assert span.seconds is not None
            assert span.started_wall_ns > 0
            seen.append((span.status, span.trace.name))

    manager = CallbackManager([Asking()])
    with pytest.raises(ValueError), manager.as_trace("query"), manager.event(QUERY), manager.event(LLM):
        raise ValueError

    assert seen == [("error", "query"), ("error", "query")]
    assert manager.stats.handler_errors == 0


def test_an_exception_payload_of_the_callers_own_makes_the_event_a_failure() -> None:
    manager = CallbackManager([RecordingHandler()])
    event_id = manager.on_event_start(LLM)
    span = find_span(event_id)
    failure = ValueError()

    manager.on_event_end(LLM, {EventPayload.EXCEPTION: failure}, event_id)

    assert span is not None
    assert (span.status, span.error) == ("error", failure)


def test_errors_that_an_open_event_remembers_are_few() -> None:
    manager = CallbackManager([])

    with manager.event(QUERY) as outer:
        for _ in range(100):
            with pytest.raises(ValueError), manager.event(RETRIEVE):
                raise ValueError
        assert outer.span is not None
        assert outer.span.noted is not None
        remembered = len(outer.span.noted)

    assert remembered == span_module.MAX_NOTED_ERRORS


def test_events_that_never_end_are_forgotten_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    from stepwell.callbacks import _tracing

    monkeypatch.setattr(span_module, "MAX_OPEN_EVENTS", 100)
    monkeypatch.setattr(_tracing, "MAX_OPEN_EVENTS", 100)
    span_module.open_spans.clear()
    manager = CallbackManager([])

    ids = [manager.on_event_start(LLM) for _ in range(1_000)]

    assert len(span_module.open_spans) <= 100
    assert find_span(ids[0]) is None
    assert find_span(ids[-1]) is not None
    span_module.open_spans.clear()


def test_a_trace_lists_a_bounded_number_of_events_and_counts_the_rest() -> None:
    manager = CallbackManager([])

    with manager.as_trace("long") as trace:
        for _ in range(span_module.MAX_TRACE_EVENTS + 5):
            manager.on_event_end(LLM, event_id=manager.on_event_start(LLM))

    assert len(trace.map["root"]) == span_module.MAX_TRACE_EVENTS
    assert trace.dropped == 5
