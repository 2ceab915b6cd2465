"""The place in a trace travels to other threads, and by headers to other processes."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.callbacks import (
    CallbackManager,
    CBEventType,
    ContextThreadPoolExecutor,
    RecordingHandler,
    RemoteParent,
    extract,
    inject,
    propagate,
    run_in_executor,
)

QUERY, RETRIEVE = CBEventType.QUERY, CBEventType.RETRIEVE

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def recording() -> RecordingHandler:
    return RecordingHandler()


@pytest.fixture
def manager(recording: RecordingHandler) -> CallbackManager:
    return CallbackManager([recording])


@pytest.fixture
def work(manager: CallbackManager) -> Callable[[str], str]:
    def retrieve(event_id: str) -> str:
        with manager.event(RETRIEVE, event_id=event_id):
            return event_id

    return retrieve


def test_a_plain_thread_begins_outside(
    manager: CallbackManager, recording: RecordingHandler, work: Callable[[str], str]
) -> None:
    with manager.as_trace("query"), manager.event(QUERY):
        thread = threading.Thread(target=work, args=("a",))
        thread.start()
        thread.join()

    assert recording.parents["a"] == "root"


def test_a_propagated_call_can_run_in_many_threads_at_once(
    manager: CallbackManager, recording: RecordingHandler, work: Callable[[str], str]
) -> None:
    names = [str(number) for number in range(50)]
    with ThreadPoolExecutor(8) as pool, manager.as_trace("query"), manager.event(QUERY, event_id="q"):
        results = list(pool.map(propagate(work), names))

    assert results == names
    assert all(recording.parents[name] == "q" for name in names)


def test_the_variables_of_handlers_travel_too() -> None:
    variable: ContextVar[str] = ContextVar("variable", default="unset")
    variable.set("set")
    carried = propagate(variable.get)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(carried).result() == "set"


def test_a_pool_can_carry_the_place_of_each_submission(
    manager: CallbackManager, recording: RecordingHandler, work: Callable[[str], str]
) -> None:
    with ContextThreadPoolExecutor(2) as pool:
        with manager.event(QUERY, event_id="first"):
            one = pool.submit(work, "a")
            one.result()
        with manager.event(QUERY, event_id="second"):
            assert list(pool.map(work, ["b"])) == ["b"]

    assert recording.parents["a"] == "first"
    assert recording.parents["b"] == "second"


async def test_an_executor_of_the_loop_can_carry_the_place(
    manager: CallbackManager, recording: RecordingHandler, work: Callable[[str], str]
) -> None:
    with manager.event(QUERY, event_id="q"):
        assert await run_in_executor(None, work, "a") == "a"
        assert await asyncio.to_thread(work, "b") == "b"

    assert recording.parents["a"] == recording.parents["b"] == "q"


def test_a_trace_can_be_continued_in_another_process(manager: CallbackManager) -> None:
    with manager.as_trace("here") as trace, manager.event(QUERY) as event:
        headers = inject()
        assert event.span is not None
        assert headers == {"traceparent": f"00-{trace.trace_id}-{event.span.span_id}-01"}

    remote = extract(headers)
    assert remote is not None
    with manager.as_trace("there", remote=remote) as continued:
        further = inject({"accept": "*/*"})

    assert continued.trace_id == trace.trace_id
    assert continued.remote is remote
    assert further["accept"] == "*/*"
    assert further["traceparent"] == f"00-{trace.trace_id}-{continued.span_id}-01"


def test_the_state_and_the_sampling_of_the_other_process_are_passed_on(manager: CallbackManager) -> None:
    remote = extract({"Traceparent": f"00-{TRACE_ID}-{SPAN_ID}-00", "TraceState": "vendor=1"})

    with manager.as_trace("there", remote=remote), manager.event(QUERY):
        headers = inject()

    assert headers["traceparent"].startswith(f"00-{TRACE_ID}-")
    assert headers["traceparent"].endswith("-00")
    assert headers["tracestate"] == "vendor=1"


def test_outside_everything_nothing_is_written() -> None:
    assert inject() == {}


def test_an_event_outside_a_trace_names_a_trace_of_its_own(manager: CallbackManager) -> None:
    with manager.event(QUERY), manager.event(QUERY, event_id="not hexadecimal"):
        first = inject()
    with manager.event(QUERY):
        second = inject()

    remotes = [extract(first), extract(second)]
    assert all(isinstance(remote, RemoteParent) for remote in remotes)
    assert first["traceparent"][:35] != second["traceparent"][:35]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "garbage",
        f"00-{TRACE_ID}-{SPAN_ID}",
        f"ff-{TRACE_ID}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID}-01-more",
        f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"00-{TRACE_ID.upper()}-{SPAN_ID}-01",
    ],
)
def test_a_malformed_header_is_ignored(header: str) -> None:
    assert extract({"traceparent": header}) is None


def test_a_header_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    remote = extract({"traceparent": f"cc-{TRACE_ID}-{SPAN_ID}-01-what-the-future-holds"})

    assert remote is not None
    assert (remote.trace_id, remote.span_id, remote.is_sampled) == (TRACE_ID, SPAN_ID, True)


@given(st.text(alphabet="0123456789abcdefg \u00e9\ud800", min_size=1, max_size=40))
def test_any_id_of_a_caller_makes_a_header_that_can_be_read(event_id: str) -> None:
    manager = CallbackManager([])

    with manager.as_trace("query") as trace, manager.event(QUERY, event_id=event_id):
        remote = extract(inject())

    assert remote is not None
    assert remote.trace_id == trace.trace_id
