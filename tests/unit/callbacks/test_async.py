"""Async handlers: told in order by one task, never waited for, bounded, and emptied at the end."""

import asyncio
import subprocess
import sys
import threading
from typing import Any

import pytest

from stepwell.callbacks import AsyncCallbackHandler, CallbackManager, CBEventType
from stepwell.errors import CallbackArgumentError, CallbackShutdownError

LLM, QUERY = CBEventType.LLM, CBEventType.QUERY


class Telling(AsyncCallbackHandler):
    """Keeps what it is told, each time after ``gate`` is open."""

    def __init__(self, gate: asyncio.Event | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.gate = gate
        self.told: list[str] = []
        self.tasks: set[object] = set()

    async def _take(self, word: str) -> None:
        if self.gate is not None:
            await self.gate.wait()
        self.tasks.add(asyncio.current_task())
        self.told.append(word)

    async def aon_event_start(self, event_type: CBEventType, payload: Any = None, *ids: str, **kwargs: Any) -> None:
        await self._take("+" + (payload or {}).get("n", event_type.value))

    async def aon_event_end(self, event_type: CBEventType, payload: Any = None, *ids: str, **kwargs: Any) -> None:
        await self._take("-" + event_type.value)

    async def astart_trace(self, trace_id: str | None = None) -> None:
        await self._take(f"[{trace_id}")

    async def aend_trace(self, trace_id: str | None = None, trace_map: Any = None) -> None:
        await self._take(f"]{trace_id}")


def start(manager: CallbackManager, *numbers: int) -> None:
    for number in numbers:
        manager.on_event_start(LLM, {"n": str(number)})


async def test_everything_is_told_in_order_by_one_task() -> None:
    telling = Telling()
    manager = CallbackManager([telling])

    with manager.as_trace("query"), manager.event(QUERY), manager.event(LLM):
        await asyncio.sleep(0)
    with manager.event(LLM):
        pass

    assert await manager.aflush(10)
    assert telling.told == ["[query", "+query", "+llm", "-llm", "-query", "]query", "+llm", "-llm"]
    assert len(telling.tasks) == 1


async def test_the_oldest_are_dropped_and_counted_when_too_many_wait() -> None:
    telling = Telling(max_queue=3)
    manager = CallbackManager([telling])

    start(manager, *range(10))

    await manager.aflush(10)
    assert telling.told == ["+7", "+8", "+9"]
    assert telling.dropped == 7


async def test_the_newest_are_dropped_if_that_is_asked_for() -> None:
    telling = Telling(max_queue=3, overflow="drop_newest")
    manager = CallbackManager([telling])

    start(manager, *range(10))

    await manager.aflush(10)
    assert telling.told == ["+0", "+1", "+2"]
    assert telling.dropped == 7


async def test_another_thread_waits_for_room_if_that_is_asked_for() -> None:
    telling = Telling(max_queue=3, overflow="block")
    manager = CallbackManager([telling])
    start(manager, 0)
    await manager.aflush(10)

    await asyncio.to_thread(start, manager, *range(1, 50))

    await manager.aflush(10)
    assert telling.told == [f"+{number}" for number in range(50)]
    assert telling.dropped == 0


async def test_the_thread_of_the_loop_cannot_wait_for_itself() -> None:
    telling = Telling(max_queue=3, overflow="block")
    manager = CallbackManager([telling])

    start(manager, *range(10))

    await manager.aflush(10)
    assert telling.told == ["+7", "+8", "+9"]
    assert telling.dropped == 7


def test_a_thread_that_waits_for_room_goes_on_when_the_loop_ends() -> None:
    telling = Telling(asyncio.Event(), max_queue=3, overflow="block")
    manager = CallbackManager([telling])
    thread = threading.Thread(target=start, args=(manager, *range(1, 50)))

    async def emit() -> None:
        start(manager, 0)
        thread.start()
        while telling._mailbox.waiting < 4:  # noqa: ASYNC110 - a thread about to wait for room cannot say so
            await asyncio.sleep(0)

    asyncio.run(emit())
    thread.join(30)

    assert not thread.is_alive()
    assert telling.told == []
    assert telling.dropped == 47


async def test_a_flush_says_when_its_time_was_not_enough() -> None:
    gate = asyncio.Event()
    manager = CallbackManager([Telling(gate)])
    start(manager, 1)

    in_time = await manager.aflush(0.01)
    gate.set()

    assert not in_time
    assert await manager.aflush(10)


async def test_a_handler_that_fails_is_logged_once_and_told_on(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Telling):
        async def _take(self, word: str) -> None:
            await super()._take(word)
            raise RuntimeError(word)

    failing = Failing()
    manager = CallbackManager([failing])
    start(manager, 1, 2, 3)

    await manager.aflush(10)

    assert failing.told == ["+1", "+2", "+3"]
    assert failing.errors == 3
    assert len(caplog.records) == 1


async def test_events_of_threads_are_told_in_the_loop() -> None:
    telling = Telling()
    manager = CallbackManager([telling])
    start(manager, 0)
    threads = [threading.Thread(target=start, args=(manager, *range(100))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)

    assert await manager.aflush(10)
    assert len(telling.told) == 401
    assert len(telling.tasks) == 1


def test_events_without_a_loop_are_told_at_the_shutdown() -> None:
    telling = Telling()
    manager = CallbackManager([telling])
    start(manager, 1, 2)

    assert telling.told == []
    assert manager.shutdown()
    assert telling.told == ["+1", "+2"]


def test_what_one_loop_left_the_next_one_tells() -> None:
    telling = Telling(asyncio.Event())
    manager = CallbackManager([telling])

    async def emit() -> None:
        start(manager, 1, 2)
        await asyncio.sleep(0)

    async def flush() -> bool:
        return await manager.aflush(10)

    asyncio.run(emit())
    telling.gate = None

    assert asyncio.run(flush())
    assert telling.told == ["+2"]
    assert telling.dropped == 1  # it was being told when its loop was closed


def test_what_comes_after_the_shutdown_is_dropped_and_counted() -> None:
    telling = Telling()
    manager = CallbackManager([telling])
    manager.shutdown()

    start(manager, 1)

    assert telling.dropped == 1
    assert telling.told == []


async def test_a_shutdown_does_not_block_the_loop_that_it_needs() -> None:
    manager = CallbackManager([Telling()])

    with pytest.raises(CallbackShutdownError, match=r"await manager\.aflush"):
        manager.shutdown()


async def test_another_thread_can_shut_down_while_the_loop_runs() -> None:
    telling = Telling()
    manager = CallbackManager([telling])
    start(manager, 1, 2)

    assert await asyncio.to_thread(manager.shutdown, 10)
    assert telling.told == ["+1", "+2"]


def test_a_shutdown_says_when_its_time_was_not_enough() -> None:
    class Stuck(Telling):
        async def _take(self, word: str) -> None:
            await asyncio.Event().wait()

    manager = CallbackManager([Stuck()])
    start(manager, 1)

    assert not manager.shutdown(0.01)


async def test_a_manager_flushes_the_managers_among_its_handlers() -> None:
    telling = Telling()
    manager = CallbackManager([CallbackManager([telling])])
    start(manager, 1)

    assert await manager.aflush(10)
    assert telling.told == ["+1"]


async def test_the_consumer_keeps_no_trace_alive() -> None:
    seen: list[object] = []

    class Looking(Telling):
        async def aon_event_start(self, *args: Any, **kwargs: Any) -> None:
            from stepwell.callbacks import current_span, current_trace

            seen.append(current_span() or current_trace())

    manager = CallbackManager([Looking()])
    with manager.as_trace("query"), manager.event(QUERY):
        await manager.aflush(10)

    assert seen == [None]


@pytest.mark.parametrize("options", [{"overflow": "explode"}, {"max_queue": 0}])
def test_a_queue_that_cannot_be_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(CallbackArgumentError, match="would have been fine"):
        AsyncCallbackHandler(**options)


def test_what_waits_is_told_at_the_end_of_the_process() -> None:
    program = """
from stepwell.callbacks import AsyncCallbackHandler, CallbackManager, CBEventType

class Printing(AsyncCallbackHandler):
    async def aon_event_start(self, event_type, *args, **kwargs):
        print("told", event_type.value)

CallbackManager([Printing()]).on_event_start(CBEventType.LLM)
"""

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)

    assert done.stdout == "told llm\n"
    assert done.stderr == ""
