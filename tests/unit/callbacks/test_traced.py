"""Decorators: an event or a trace for each call, and for each consumption of a generator."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any

import pytest

from stepwell.callbacks import (
    CallbackManager,
    CBEventType,
    EventPayload,
    RecordingHandler,
    current_manager,
    current_span,
    settings,
    trace_method,
    traced,
)

QUERY, LLM, FUNCTION_CALL = CBEventType.QUERY, CBEventType.LLM, CBEventType.FUNCTION_CALL


@pytest.fixture
def recording() -> RecordingHandler:
    return RecordingHandler()


@pytest.fixture
def manager(recording: RecordingHandler) -> CallbackManager:
    return CallbackManager([recording])


def test_a_call_is_an_event_of_the_manager_around_it(manager: CallbackManager, recording: RecordingHandler) -> None:
    @traced
    def add(a: int, b: int) -> int:
        return a + b

    with manager.as_trace("query"), manager.event(QUERY, event_id="q"):
        assert add(1, 2) == 3

    assert recording.story == ["[query", "+query", "+function_call", "-function_call", "-query", "]query"]
    payload = recording.payload_of("start", "function_call")
    assert payload is not None
    assert payload == {"name": add.__qualname__}
    assert list(recording.parents.values()) == ["root", "q"]


def test_arguments_and_results_are_told_only_if_asked_for(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    class Tool:
        @traced("add", capture_args=True, capture_result=True, manager=manager)
        def add(self, a: int, b: int = 2) -> int:
            return a + b

    Tool().add(1)

    assert recording.payload_of("start", "function_call") == {"name": "add", EventPayload.FUNCTION_CALL: {"a": 1}}
    assert recording.payload_of("end", "function_call") == {EventPayload.FUNCTION_OUTPUT: 3}


def test_a_call_with_wrong_arguments_fails_as_it_would_alone(manager: CallbackManager) -> None:
    @traced(capture_args=True, manager=manager)
    def add(a: int) -> int:
        return a

    with pytest.raises(TypeError, match="missing 1 required"):
        add()  # type: ignore[call-arg] # the mistake


def test_a_failed_call_is_a_failed_event(manager: CallbackManager, recording: RecordingHandler) -> None:
    failure = ValueError("mine")

    @traced(manager=manager)
    def fail() -> None:
        raise failure

    with pytest.raises(ValueError, match="mine"):
        fail()

    assert recording.payload_of("end", "function_call") == {EventPayload.EXCEPTION: failure}


async def test_a_coroutine_function_stays_one_and_is_an_event_while_it_runs(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    @traced(manager=manager, event_type=QUERY)
    async def work() -> str:
        await asyncio.sleep(0)
        span = current_span()
        assert span is not None
        return span.event_type.value

    assert inspect.iscoroutinefunction(work)
    assert await work() == "query"
    assert recording.story == ["+query", "-query"]


async def test_a_cancelled_call_is_a_cancelled_event(manager: CallbackManager, recording: RecordingHandler) -> None:
    begun = asyncio.Event()

    @traced(manager=manager)
    async def wait() -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])

    assert (recording.payload_of("end", "function_call") or {})["status"] == "cancelled"


def test_the_event_of_a_generator_is_current_in_its_body_and_not_in_its_consumer(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    @traced("generate", manager=manager)
    def generate() -> Iterator[str]:
        with manager.event(QUERY, event_id="inside"):
            yield "a"
        yield "b"

    for item in generate():
        with manager.event(LLM, event_id=f"outside {item}"):
            pass

    assert recording.parents["outside a"] == recording.parents["outside b"] == "root"
    generator_id = recording.records[0].event_id
    assert recording.parents["inside"] == generator_id
    assert recording.story[-1] == "-function_call"
    assert (recording.records[-1].payload or {})["chunk_count"] == 2
    assert "tokens_per_second" not in (recording.records[-1].payload or {})


async def test_the_event_of_an_async_generator_is_current_in_its_body_and_not_in_its_consumer(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    @traced("generate", manager=manager)
    async def generate() -> AsyncIterator[str]:
        with manager.event(QUERY, event_id="inside"):
            await asyncio.sleep(0)
            yield "a"
        yield "b"

    async for item in generate():
        with manager.event(LLM, event_id=f"outside {item}"):
            await asyncio.sleep(0)

    assert recording.parents["outside a"] == recording.parents["outside b"] == "root"
    assert recording.parents["inside"] == recording.records[0].event_id
    assert recording.story[-1] == "-function_call"


def test_words_of_a_model_count_as_tokens(manager: CallbackManager, recording: RecordingHandler) -> None:
    @traced(event_type=LLM, manager=manager)
    def stream() -> Iterator[str]:
        yield from ("a", "b", "c")

    list(stream())

    assert (recording.payload_of("end", "llm") or {})["tokens_per_second"] > 0


def test_values_errors_and_results_pass_through_a_generator(manager: CallbackManager) -> None:
    @traced(manager=manager)
    def echo() -> Generator[object, object, str]:
        sent = yield "ready"
        try:
            yield sent
        except KeyError as error:
            yield error
        return "done"

    generator = echo()
    error = KeyError("thrown")

    assert inspect.isgeneratorfunction(echo)
    assert next(generator) == "ready"
    assert generator.send("hello") == "hello"
    assert generator.throw(error) is error
    with pytest.raises(StopIteration) as end:
        next(generator)
    assert end.value.value == "done"


async def test_values_and_errors_pass_through_an_async_generator(manager: CallbackManager) -> None:
    @traced(manager=manager)
    async def echo() -> Any:
        sent = yield "ready"
        try:
            yield sent
        except KeyError as error:
            yield error

    generator = echo()
    error = KeyError("thrown")

    assert inspect.isasyncgenfunction(echo)
    assert await anext(generator) == "ready"
    assert await generator.asend("hello") == "hello"  # codespell:ignore asend
    assert await generator.athrow(error) is error
    with pytest.raises(StopAsyncIteration):
        await anext(generator)


def test_a_generator_closed_early_is_cancelled_and_cleans_up(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    cleaned = []

    @traced(manager=manager)
    def generate() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            cleaned.append(True)

    generator = generate()
    next(generator)
    generator.close()  # type: ignore[attr-defined] # it is a generator, declared as an iterator

    payload = recording.payload_of("end", "function_call")
    assert payload is not None
    assert payload["status"] == "cancelled"
    assert EventPayload.EXCEPTION not in payload
    assert cleaned


async def test_an_async_generator_closed_in_another_task_leaves_nothing_open(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    @traced(manager=manager)
    async def generate() -> AsyncIterator[int]:
        yield 1
        yield 2

    generator = generate()
    await anext(generator)
    await asyncio.create_task(generator.aclose())  # type: ignore[attr-defined] # it is a generator
    with manager.event(QUERY, event_id="after"):
        pass

    assert recording.story == ["+function_call", "~function_call", "-function_call", "+query", "-query"]
    assert recording.parents["after"] == "root"


def test_a_generator_that_fails_is_a_failed_event(manager: CallbackManager, recording: RecordingHandler) -> None:
    @traced(manager=manager)
    def generate() -> Iterator[int]:
        yield 1
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        list(generate())

    assert EventPayload.EXCEPTION in (recording.payload_of("end", "function_call") or {})


def test_outside_everything_the_global_manager_is_told(clean_settings: None) -> None:
    recording = RecordingHandler()
    settings.callback_manager = CallbackManager([recording])

    @traced
    def work() -> None:
        return

    work()

    assert current_manager() is settings.callback_manager
    assert recording.story == ["+function_call", "-function_call"]


class Engine:
    def __init__(self, manager: CallbackManager) -> None:
        self.callback_manager = manager
        self.other = manager

    @trace_method("query")
    def query(self) -> int:
        return 1

    @trace_method("query")
    async def aquery(self) -> int:
        return 1

    @trace_method("other", callback_manager_attr="other")
    def by_other_name(self) -> int:
        return 1

    @trace_method("missing", callback_manager_attr="missing")
    def without_manager(self) -> int:
        return 1


async def test_a_method_runs_under_a_trace_of_its_objects_manager(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    engine = Engine(manager)

    assert engine.query() + await engine.aquery() + engine.by_other_name() == 3
    assert recording.story == ["[query", "]query"] * 2 + ["[other", "]other"]


def test_a_method_of_an_object_without_a_manager_runs_and_says_so(
    manager: CallbackManager, recording: RecordingHandler, caplog: pytest.LogCaptureFixture
) -> None:
    assert Engine(manager).without_manager() == 1

    assert "Could not find attribute missing" in caplog.text
    assert recording.story == []
