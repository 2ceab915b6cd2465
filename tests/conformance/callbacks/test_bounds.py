"""Nothing grows: not with the number of events, not with what is left open, not with errors."""

import gc
import sys
from collections.abc import Callable

import pytest

from stepwell.callbacks import (
    AsyncCallbackHandler,
    BaseCallbackHandler,
    CallbackManager,
    CBEventType,
    EventPayload,
    LlamaDebugHandler,
    RecordingHandler,
    TokenCountingHandler,
)

QUERY, LLM = CBEventType.QUERY, CBEventType.LLM


def blocks_kept(run: Callable[[int], None], *, warm_up: int, events: int) -> int:
    """How many more blocks of memory are in use after ``events`` events than before, stores being full already."""
    run(warm_up)
    gc.collect()
    before = sys.getallocatedblocks()
    run(events)
    gc.collect()
    return sys.getallocatedblocks() - before


def pairs(manager: CallbackManager) -> Callable[[int], None]:
    def run(count: int) -> None:
        start, end = manager.on_event_start, manager.on_event_end
        for _ in range(count):
            end(LLM, {EventPayload.PROMPT: "a"}, start(LLM))

    return run


def test_a_million_events_leave_nothing_behind() -> None:
    run = pairs(CallbackManager([]))

    # The map of events outside traces begins anew every 10,000 events, so it is as full as before.
    assert blocks_kept(run, warm_up=25_000, events=1_000_000) < 100


@pytest.mark.parametrize(
    "handler",
    [
        LlamaDebugHandler(print_trace_on_end=False),
        TokenCountingHandler(tokenizer=list),
        RecordingHandler(),
        AsyncCallbackHandler(),
    ],
    ids=lambda handler: type(handler).__name__,
)
def test_the_stores_of_handlers_are_full_some_day(handler: BaseCallbackHandler) -> None:
    run = pairs(CallbackManager([handler]))

    assert blocks_kept(run, warm_up=25_000, events=30_000) < 100


def test_traces_leave_nothing_behind() -> None:
    manager = CallbackManager([RecordingHandler(max_records=10)])

    def run(count: int) -> None:
        for _ in range(count):
            with manager.as_trace("query"), manager.event(QUERY), manager.event(LLM):
                pass

    assert blocks_kept(run, warm_up=100, events=10_000) < 100


def test_one_endless_trace_stops_growing() -> None:
    manager = CallbackManager([])
    run = pairs(manager)

    with manager.as_trace("endless"):
        kept = blocks_kept(run, warm_up=15_000, events=30_000)

    assert kept < 100


def test_errors_leave_nothing_behind() -> None:
    manager = CallbackManager([RecordingHandler(max_records=10)])

    def run(count: int) -> None:
        for _ in range(count):
            with pytest.raises(ValueError), manager.as_trace("query"), manager.event(QUERY), manager.event(LLM):
                raise ValueError

    assert blocks_kept(run, warm_up=100, events=2_000) < 100


def test_events_that_never_end_are_forgotten() -> None:
    manager = CallbackManager([])

    def run(count: int) -> None:
        for _ in range(count):
            manager.on_event_start(LLM)

    # The register of open events is emptied by quarters of 65,536, so it may be fuller than before by one.
    assert blocks_kept(run, warm_up=140_000, events=140_000) < 5 * 65_536 / 4


def test_depth_leaves_nothing_behind() -> None:
    manager = CallbackManager([])

    def run(count: int) -> None:
        ids = [manager.on_event_start(QUERY) for _ in range(count)]
        for event_id in reversed(ids):
            manager.on_event_end(QUERY, event_id=event_id)

    with manager.as_trace("deep"):
        run(15_000)
        kept = blocks_kept(run, warm_up=5_000, events=5_000)

    assert kept < 100
