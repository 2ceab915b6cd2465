"""The twenty-nine defects of the peer's callbacks, by their numbers in the reference; each test fails on its defect."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from stepwell.callbacks import (
    AsyncCallbackHandler,
    BaseCallbackHandler,
    CallbackManager,
    CBEvent,
    CBEventType,
    EventPayload,
    LlamaDebugHandler,
    RecordingHandler,
    TokenCountingHandler,
    global_stack_trace,
    propagate,
    settings,
    trace_method,
)

QUERY, RETRIEVE, SYNTHESIZE = CBEventType.QUERY, CBEventType.RETRIEVE, CBEventType.SYNTHESIZE
LLM, EXCEPTION, AGENT_STEP = CBEventType.LLM, CBEventType.EXCEPTION, CBEventType.AGENT_STEP


@pytest.fixture
def recording() -> RecordingHandler:
    return RecordingHandler()


@pytest.fixture
def manager(recording: RecordingHandler) -> CallbackManager:
    return CallbackManager([recording])


class Failing(RecordingHandler):
    """Raises at every start, or at every end."""

    def __init__(self, *, at: str) -> None:
        super().__init__()
        self.at = at

    def on_event_start(self, *args: Any, **kwargs: Any) -> str:
        if self.at == "start":
            raise RuntimeError("handler")
        return super().on_event_start(*args, **kwargs)

    def on_event_end(self, *args: Any, **kwargs: Any) -> None:
        if self.at == "end":
            raise RuntimeError("handler")
        super().on_event_end(*args, **kwargs)


def test_events_without_an_id_get_one_and_do_not_pair() -> None:
    """Defect 1."""
    first, second = CBEvent(QUERY), CBEvent(QUERY)
    debug = LlamaDebugHandler(print_trace_on_end=False)
    debug.on_event_start(QUERY)
    debug.on_event_start(QUERY)

    assert first.id_ == first.id != ""
    assert first.id_ != second.id_
    assert len(debug.get_event_pairs()) == 2


def test_there_is_one_stack_and_it_shows_what_is_open(manager: CallbackManager) -> None:
    """Defect 2."""
    event_id = manager.on_event_start(QUERY)

    stack = global_stack_trace.get()

    manager.on_event_end(QUERY, event_id=event_id)
    assert stack == ["root", event_id]


def test_an_ended_event_is_no_parent_after_an_end_out_of_order(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    """Defect 3."""
    first = manager.on_event_start(QUERY)
    second = manager.on_event_start(RETRIEVE)
    manager.on_event_end(QUERY, event_id=first)

    third = manager.on_event_start(SYNTHESIZE)

    manager.on_event_end(SYNTHESIZE, event_id=third)
    manager.on_event_end(RETRIEVE, event_id=second)
    assert recording.parents[third] == second


def test_ends_without_a_start_are_counted_and_disturb_nothing(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    """Defect 4."""
    with manager.as_trace("query"):
        outer = manager.on_event_start(QUERY)
        for _ in range(3):
            manager.on_event_end(RETRIEVE, event_id="never started")
        inner = manager.on_event_start(RETRIEVE)
        manager.on_event_end(RETRIEVE, event_id=inner)
        manager.on_event_end(QUERY, event_id=outer)

    assert recording.parents[inner] == outer
    assert manager.stats.unmatched_ends == 3


def test_a_handler_that_fails_at_an_end_hides_neither_the_error_nor_the_end(recording: RecordingHandler) -> None:
    """Defect 5."""
    manager = CallbackManager([Failing(at="end"), recording])

    with pytest.raises(KeyError), manager.event(QUERY):
        raise KeyError("the program's own")
    after = manager.on_event_start(RETRIEVE)
    manager.on_event_end(RETRIEVE, event_id=after)

    assert recording.story[:2] == ["+query", "-query"]
    assert recording.parents[after] == "root"


def test_a_handler_that_fails_at_a_start_stops_neither_the_body_nor_others(recording: RecordingHandler) -> None:
    """Defect 6."""
    manager = CallbackManager([Failing(at="start"), recording])
    ran = []

    with manager.event(QUERY):
        ran.append(True)

    assert ran
    assert recording.story == ["+query", "-query"]


def test_a_trace_in_a_plain_thread_leaves_the_running_one_whole(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    """Defect 7."""

    def elsewhere() -> None:
        with manager.as_trace("elsewhere"), manager.event(SYNTHESIZE, event_id="s"):
            pass

    with manager.as_trace("query"), manager.event(QUERY, event_id="q"):
        with manager.event(RETRIEVE, event_id="r1"):
            pass
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        with manager.event(RETRIEVE, event_id="r2"):
            pass

    maps = {record.name: record.trace_map for record in recording.records if record.what == "end_trace"}
    assert maps == {"elsewhere": {"root": ["s"]}, "query": {"root": ["q"], "q": ["r1", "r2"]}}


def test_a_propagated_function_stands_under_its_caller_in_any_thread(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    """Defect 7, the parents."""

    def work(event_id: str) -> None:
        with manager.event(RETRIEVE, event_id=event_id):
            pass

    with ThreadPoolExecutor(2) as pool, manager.as_trace("query"), manager.event(QUERY, event_id="q"):
        list(pool.map(propagate(work), ["a", "b"]))

    assert {recording.parents["a"], recording.parents["b"]} == {"q"}


async def test_concurrent_traces_on_one_manager_have_a_map_each(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    """Defect 8."""
    everyone_inside = asyncio.Barrier(3)

    async def run(number: int) -> None:
        with manager.as_trace(f"trace {number}"):
            await everyone_inside.wait()
            with manager.event(QUERY, event_id=f"q{number}"):
                await everyone_inside.wait()
                with manager.event(RETRIEVE, event_id=f"r{number}"):
                    await everyone_inside.wait()

    await asyncio.gather(*(run(number) for number in range(3)))

    maps = {record.name: record.trace_map for record in recording.records if record.what == "end_trace"}
    assert maps == {f"trace {n}": {"root": [f"q{n}"], f"q{n}": [f"r{n}"]} for n in range(3)}


def test_the_exception_event_of_a_trace_ends_and_is_nobodys_parent(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    """Defect 9."""
    with pytest.raises(KeyError), manager.as_trace("query"):
        raise KeyError("lost")
    after = manager.on_event_start(QUERY)
    manager.on_event_end(QUERY, event_id=after)

    assert recording.story[:4] == ["[query", "+exception", "-exception", "]query"]
    assert recording.parents[after] == "root"


async def test_a_cancelled_event_says_so(manager: CallbackManager, recording: RecordingHandler) -> None:
    """Defect 10."""
    begun = asyncio.Event()

    async def work() -> None:
        with manager.event(QUERY):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])

    payload = recording.payload_of("end", "query")
    assert payload is not None
    assert payload["status"] == "cancelled"
    assert isinstance(payload[EventPayload.EXCEPTION], asyncio.CancelledError)


def test_an_exception_raised_again_later_is_reported_again(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    """Defect 11."""
    cached = ValueError("cached")
    for _ in range(2):
        with pytest.raises(ValueError), manager.event(QUERY):
            raise cached

    ends = [record.payload for record in recording.records if record.what == "end"]
    assert ends == [{EventPayload.EXCEPTION: cached}] * 2


def test_only_the_innermost_event_carries_the_exception_and_all_are_failures(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    """Defect 11, the outer events."""
    failure = ValueError("once")
    with pytest.raises(ValueError), manager.event(QUERY) as outer, manager.event(RETRIEVE) as inner:
        raise failure

    assert outer.span is not None
    assert inner.span is not None
    assert (outer.span.status, outer.span.error) == ("error", failure)
    assert (inner.span.status, inner.span.error) == ("error", failure)
    assert recording.payload_of("end", "retrieve") == {EventPayload.EXCEPTION: failure}
    assert recording.payload_of("end", "query") is None


def test_an_exception_that_refuses_attributes_reaches_the_program_as_it_is(manager: CallbackManager) -> None:
    """Defect 12."""

    class Frozen(Exception):
        def __setattr__(self, name: str, value: object) -> None:
            if not name.startswith("__"):
                raise AttributeError(name)
            super().__setattr__(name, value)

    frozen = Frozen()
    with pytest.raises(Frozen), manager.as_trace("query"), manager.event(QUERY):
        raise frozen

    assert vars(frozen) == {}


async def test_a_generator_closed_elsewhere_leaves_nothing_on_the_stack(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    """Defect 13."""

    async def generate() -> AsyncIterator[int]:
        with manager.event(AGENT_STEP):
            yield 1
            yield 2

    generator = generate()
    assert await anext(generator) == 1
    await asyncio.create_task(generator.aclose())  # type: ignore[attr-defined]
    after = manager.on_event_start(QUERY)
    manager.on_event_end(QUERY, event_id=after)

    assert recording.parents[after] == "root"


def test_a_payload_given_after_the_start_is_not_lost(manager: CallbackManager, recording: RecordingHandler) -> None:
    """Defect 14."""
    with manager.event(QUERY) as event:
        event.on_start({EventPayload.QUERY_STR: "why"})
        event.on_end({EventPayload.RESPONSE: "because"})

    assert recording.payload_of("update", "query") == {EventPayload.QUERY_STR: "why"}
    assert recording.payload_of("end", "query") == {EventPayload.QUERY_STR: "why", EventPayload.RESPONSE: "because"}


def test_a_manager_can_be_a_handler_of_another(manager: CallbackManager, recording: RecordingHandler) -> None:
    """Defect 15."""
    outer = CallbackManager([manager])

    with outer.as_trace("query"), outer.event(QUERY, event_id="q"), outer.event(LLM, event_id="l"):
        pass

    assert recording.story == ["[query", "+query", "+llm", "-llm", "-query", "]query"]
    assert recording.records[-1].trace_map == {"root": ["q"], "q": ["l"]}


def test_a_manager_without_handlers_copies_those_of_the_global_one(clean_settings: None) -> None:
    """Defect 16."""
    settings.callback_manager = CallbackManager([RecordingHandler()])
    mine = CallbackManager([])

    mine.add_handler(LlamaDebugHandler(print_trace_on_end=False))

    assert len(mine.handlers) == 2
    assert len(settings.callback_manager.handlers) == 1


def test_the_global_handler_is_not_put_into_the_callers_list(clean_settings: None) -> None:
    """Defect 17."""
    settings.global_handler = RecordingHandler()
    mine: list[BaseCallbackHandler] = [LlamaDebugHandler(print_trace_on_end=False)]

    managers = [CallbackManager(mine), CallbackManager(mine)]

    assert len(mine) == 1
    assert [len(manager.handlers) for manager in managers] == [2, 2]


def test_a_genuine_second_handler_of_the_global_type_is_still_refused(clean_settings: None) -> None:
    """Defect 17, what stays."""
    settings.global_handler = RecordingHandler()

    with pytest.raises(ValueError, match="Cannot add two handlers of the same type"):
        CallbackManager([RecordingHandler()])


def test_events_outside_traces_are_not_kept_for_ever(manager: CallbackManager) -> None:
    """Defect 18."""
    for _ in range(20_001):
        manager.on_event_end(LLM, event_id=manager.on_event_start(LLM))

    assert sum(map(len, manager.trace_map.values())) <= 10_000


def test_the_debug_handler_keeps_the_latest_and_says_that_it_drops(caplog: pytest.LogCaptureFixture) -> None:
    """Defect 18, the handler."""
    debug = LlamaDebugHandler(print_trace_on_end=False, max_events=100)
    manager = CallbackManager([debug])

    with caplog.at_level(logging.WARNING):
        for _ in range(500):
            manager.on_event_end(LLM, event_id=manager.on_event_start(LLM))

    assert len(debug.sequential_events) == 100
    assert len(debug.events_pairs_by_id) == 50
    assert debug.dropped == 900
    assert len(caplog.records) == 1


def test_a_trace_of_any_depth_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Defect 19."""
    manager = CallbackManager([LlamaDebugHandler()])

    with manager.as_trace("deep"):
        ids = [manager.on_event_start(QUERY) for _ in range(1_200)]
        for event_id in reversed(ids):
            manager.on_event_end(QUERY, event_id=event_id)

    assert capsys.readouterr().out.count("|_CBEventType.QUERY") == 1_200


def test_crossed_names_of_traces_reach_handlers_as_one_trace(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    """Defect 20."""
    manager.start_trace("query")
    manager.start_trace("inner")
    manager.end_trace("query")
    manager.end_trace("inner")

    assert recording.story == ["[query", "]query"]


class Engine:
    def __init__(self, manager: CallbackManager) -> None:
        self.callback_manager = manager

    @trace_method("stream")
    def stream(self) -> Iterator[int]:
        with self.callback_manager.event(QUERY, event_id="q"):
            yield 1
        yield 2

    @trace_method("astream")
    async def astream(self) -> AsyncIterator[int]:
        with self.callback_manager.event(QUERY, event_id="q"):
            yield 1
        yield 2


def test_the_trace_of_a_generator_lasts_as_long_as_its_body(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    """Defect 21."""
    assert list(Engine(manager).stream()) == [1, 2]

    assert recording.story == ["[stream", "+query", "-query", "]stream"]


async def test_the_trace_of_an_async_generator_lasts_as_long_as_its_body(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    """Defect 21, asynchronous."""
    assert [item async for item in Engine(manager).astream()] == [1, 2]

    assert recording.story == ["[astream", "+query", "-query", "]astream"]


def test_a_handler_that_removes_itself_does_not_hide_the_event_from_the_next(recording: RecordingHandler) -> None:
    """Defect 22."""

    class Once(RecordingHandler):
        def on_event_start(self, *args: Any, **kwargs: Any) -> str:
            both.remove_handler(self)
            return super().on_event_start(*args, **kwargs)

    both = CallbackManager([Once(), recording])

    both.on_event_start(LLM)

    assert recording.story == ["+llm"]


def test_durations_do_not_come_from_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Defect 23."""
    debug = LlamaDebugHandler(print_trace_on_end=False)
    debug.on_event_start(QUERY, event_id="q")
    debug.on_event_end(QUERY, event_id="q")
    start, end = debug.events_pairs_by_id["q"]
    end.time = "01/01/1970, 00:00:00.000000"

    assert start.clock_ns <= end.clock_ns
    assert debug.get_event_time_info(QUERY).total_secs >= 0


def test_asking_for_a_type_that_did_not_occur_adds_nothing() -> None:
    """Defect 23, the keys."""
    debug = LlamaDebugHandler(print_trace_on_end=False)

    debug.get_events(QUERY)

    assert debug.event_pairs_by_type == {}


def test_an_event_outside_every_trace_is_under_the_root_and_no_trace_is_told(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    """Defect 24: the policy is that no trace is started for it."""
    with manager.event(QUERY):
        pass

    assert recording.story == ["+query", "-query"]
    assert list(recording.parents.values()) == ["root"]


def test_a_trace_inside_an_event_outside_every_trace_is_told() -> None:
    """Defect 24, the trace."""
    recording = RecordingHandler()
    manager = CallbackManager([recording])
    with manager.event(QUERY, event_id="q"):
        with manager.as_trace("late"), manager.event(LLM, event_id="l"):
            pass
        with manager.event(RETRIEVE, event_id="r"):
            pass

    assert recording.story == ["+query", "[late", "+llm", "-llm", "]late", "+retrieve", "-retrieve", "-query"]
    assert recording.parents == {"q": "root", "l": "root", "r": "q"}


def test_totals_do_not_add_up_the_calls_again() -> None:
    """Defect 25: the totals are there without the list."""
    tokens = TokenCountingHandler(tokenizer=list)
    tokens.on_event_end(LLM, {EventPayload.PROMPT: "four", EventPayload.COMPLETION: "six..."}, "l")
    tokens.llm_token_counts.clear()

    assert tokens.total_llm_token_count == 10


class Answer:
    def __init__(self, raw: object) -> None:
        self.raw = raw
        self.additional_kwargs: dict[str, Any] = {}


def test_cached_tokens_count() -> None:
    """Defect 26."""
    tokens = TokenCountingHandler(tokenizer=list)
    usage = {"input_tokens": 3, "cache_read_input_tokens": 20_000, "output_tokens": 5}

    tokens.on_event_end(LLM, {EventPayload.MESSAGES: [], EventPayload.RESPONSE: Answer({"usage": usage})}, "l")

    assert tokens.prompt_llm_token_count == 20_003
    assert tokens.total_llm_token_count == 20_008
    assert tokens.llm_token_counts[0].cached_token_count == 20_000


def test_a_failed_call_is_no_call_of_zero_tokens() -> None:
    """Defect 26, failed calls."""
    tokens = TokenCountingHandler(tokenizer=list)

    tokens.on_event_end(LLM, {EventPayload.EXCEPTION: ValueError()}, "l")

    assert tokens.llm_token_counts == []


def test_a_late_end_does_not_wipe_the_printed_trace_and_open_events_show_as_open(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Defect 27."""
    debug = LlamaDebugHandler()
    manager = CallbackManager([debug])
    with manager.as_trace("query"):
        event_id = manager.on_event_start(LLM)
    printed = capsys.readouterr().out
    manager.on_event_end(LLM, event_id=event_id)
    debug.print_trace_map()

    assert "|_CBEventType.LLM -> still open" in printed
    assert "|_CBEventType.LLM -> " in capsys.readouterr().out


def test_the_map_of_a_trace_holds_the_events_of_every_manager(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    """Defect 28."""
    other = CallbackManager([RecordingHandler()])

    with manager.as_trace("query"), manager.event(QUERY, event_id="q"):
        with other.as_trace("chat"), other.event(LLM, event_id="l"):
            pass
        with other.event(RETRIEVE, event_id="r"):
            pass

    assert recording.records[-1].trace_map == {"root": ["q"], "q": ["l", "r"]}


async def test_async_handlers_are_told_without_holding_up_the_program() -> None:
    """Defect 29: handlers that await."""
    gate = asyncio.Event()
    told: list[str] = []

    class Slow(AsyncCallbackHandler):
        async def aon_event_end(self, event_type: CBEventType, *args: Any, **kwargs: Any) -> None:
            await gate.wait()
            told.append(event_type.value)

    manager = CallbackManager([Slow()])
    with manager.event(QUERY), manager.event(LLM):
        pass

    assert told == []
    gate.set()
    assert await manager.aflush(timeout=10)
    assert told == ["llm", "query"]


def test_streams_are_measured(manager: CallbackManager, recording: RecordingHandler) -> None:
    """Defect 29: time to first token."""
    with manager.event(LLM) as event:
        for word in ("a", "b", "c"):
            event.on_chunk(word)

    payload = recording.payload_of("end", "llm")
    assert payload is not None
    assert payload["chunk_count"] == 3
    assert 0 < payload["time_to_first_chunk"] < 10
    assert payload["tokens_per_second"] > 0


def test_many_threads_can_end_events_of_one_debug_handler() -> None:
    """Defect 29: locks."""
    debug = LlamaDebugHandler(print_trace_on_end=False, max_events=1_000)
    manager = CallbackManager([debug])

    def work() -> None:
        for _ in range(500):
            manager.on_event_end(LLM, event_id=manager.on_event_start(LLM))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(debug.sequential_events) == 1_000
    assert sum(map(len, debug.events_pairs_by_id.values())) == 1_000
    assert debug.dropped == 3_000
