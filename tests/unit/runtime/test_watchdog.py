"""The watchdog: a step that blocks the event loop is named, with the line it stands at."""

import asyncio
import gc
import logging
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from stepwell import StartEvent, StopEvent, Workflow, step
from stepwell.runtime import _watchdog
from stepwell.runtime._watchdog import WATCHDOG


class Heard(logging.Handler):
    """Sets ``reported`` when the watchdog has said something."""

    def __init__(self) -> None:
        super().__init__()
        self.reported = threading.Event()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())
        self.reported.set()


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    monkeypatch.setattr(_watchdog, "BLOCKED_SECONDS", 0.02)
    monkeypatch.setattr(_watchdog, "_ROUND_SECONDS", 0.005)
    handler = Heard()
    logging.getLogger("stepwell.watchdog").addHandler(handler)
    yield handler
    logging.getLogger("stepwell.watchdog").removeHandler(handler)


class Ends(Workflow):
    @step
    async def end(self, ev: StartEvent) -> StopEvent:
        return StopEvent()


class Blocks(Workflow):
    @step
    async def block(self, ev: StartEvent) -> StopEvent:
        return StopEvent(ev.until.wait(5))  # the line that blocks


async def test_a_step_that_blocks_the_loop_is_named_with_its_line(heard: Heard) -> None:
    assert await Blocks().run(until=heard.reported) is True

    (message,) = heard.messages
    line = Blocks.block.__code__.co_firstlineno + 2
    assert "step 'Blocks.block' blocks the event loop" in message
    assert f"test_watchdog.py:{line} (now in Condition.wait at " in message
    assert "make the step a def step" in message


async def test_a_loop_that_was_at_rest_is_watched_again(heard: Heard) -> None:
    host = WATCHDOG.host(asyncio.get_running_loop())
    await Ends().run()
    assert host.is_watched
    WATCHDOG._look()
    assert not host.is_watched

    assert await Blocks().run(until=heard.reported) is True
    assert len(heard.messages) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # the handler's own error
async def test_the_watchdog_survives_a_handler_of_the_log_that_raises(heard: Heard) -> None:
    class Raises(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.reported.set()
            raise RuntimeError("the disk is full")

    raising = Raises()
    logging.getLogger("stepwell.watchdog").addHandler(raising)
    await Blocks().run(until=heard.reported)
    thread = WATCHDOG._thread
    logging.getLogger("stepwell.watchdog").removeHandler(raising)
    if thread is not None:
        thread.join(5)
    heard.reported.clear()

    assert await Blocks().run(until=heard.reported) is True
    assert len(heard.messages) == 2


async def test_a_run_that_begins_while_the_watchdog_looks_is_watched() -> None:
    host = WATCHDOG.host(asyncio.get_running_loop())

    class Runs(set[Any]):
        """The runs of the loop: one begins in the moment in which none was found."""

        def __bool__(self) -> bool:
            if not host.is_watched:
                WATCHDOG.wake(host)
            return False

    await Ends().run()
    before, host.runs = host.runs, Runs()
    WATCHDOG._look()
    host.runs = before

    assert host.is_watched
    assert WATCHDOG._wanted.is_set()


async def test_a_step_that_gives_way_is_not_named(heard: Heard) -> None:
    class Gives(Workflow):
        @step
        async def give(self, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(0.06)
            return StopEvent("gave way")

    assert await Gives().run() == "gave way"
    assert heard.messages == []


def test_a_step_is_reported_after_a_second() -> None:
    assert _watchdog.BLOCKED_SECONDS == 1.0


async def test_a_loop_without_runs_is_not_watched() -> None:
    loop = asyncio.get_running_loop()

    handler = Blocks().run(until=threading.Event())
    during = len(WATCHDOG._watched[id(loop)].runs)
    await handler.cancel_run()

    assert during == 1
    assert not WATCHDOG._watched[id(loop)].runs


async def test_a_run_that_waits_for_its_turn_leaves_the_count_right() -> None:
    class One(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    workflow = One(num_concurrent_runs=1)

    await asyncio.gather(*(workflow.run().stop_event_result() for _ in range(3)))

    assert not WATCHDOG._watched[id(asyncio.get_running_loop())].runs


def test_the_watchdog_does_not_keep_the_classes_it_knows() -> None:
    class Passing(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    Passing()
    seen = weakref.ref(Passing)

    del Passing
    gc.collect()

    assert seen() is None
