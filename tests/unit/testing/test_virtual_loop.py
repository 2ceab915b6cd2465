"""Time jumps when nothing can happen, and only then."""

import asyncio
import socket
import threading
import time

import pytest

from stepwell import Context, Event, HumanResponseEvent, StartEvent, StopEvent, Workflow, step
from stepwell.errors import EventWaitTimeout, VirtualDeadlockError
from stepwell.llms import StandIn
from stepwell.llms.openai import OpenAI
from stepwell.testing import VirtualLoop, run_virtual, virtual_time

HOUR = 3_600.0


def now() -> float:
    return asyncio.get_running_loop().time()


def the_loop() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


class Sleeper(Workflow):
    @step
    async def sleep(self, ctx: Context, ev: StartEvent) -> StopEvent:
        await ctx.sleep(HOUR)
        return StopEvent(result="rested")


class Answer(Event):
    pass


class Asker(Workflow):
    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        await ctx.wait_for_event(Answer, timeout=HOUR)
        return StopEvent()


def test_an_hour_of_sleep_takes_no_time_and_passes_exactly() -> None:
    async def main() -> float:
        started = now()
        await asyncio.sleep(HOUR)
        return now() - started

    started = time.monotonic()
    passed = run_virtual(main())

    assert passed == HOUR
    assert time.monotonic() - started < HOUR / 100


@virtual_time
async def test_timers_go_off_in_their_order() -> None:
    order: list[int] = []
    async with asyncio.TaskGroup() as group:
        for hours in (3, 1, 2):

            async def sleeper(hours: int = hours) -> None:
                await asyncio.sleep(hours * HOUR)
                order.append(hours)

            group.create_task(sleeper())

    assert order == [1, 2, 3]


@virtual_time
async def test_a_workflow_that_sleeps_an_hour_is_over_at_once() -> None:
    assert await Sleeper().run() == "rested"


@virtual_time
async def test_a_wait_of_a_workflow_times_out_in_virtual_time() -> None:
    started = now()

    with pytest.raises(EventWaitTimeout):
        await Asker(timeout=None).run()

    assert now() - started == pytest.approx(HOUR)


@virtual_time
async def test_time_does_not_jump_past_a_job_in_a_thread() -> None:
    release = threading.Event()
    job = asyncio.create_task(asyncio.to_thread(release.wait, 10))
    asyncio.get_running_loop().call_later(0.02, release.set)

    async with asyncio.timeout(5):
        was_released = await job

    assert was_released
    assert now() < 1_005


@virtual_time
async def test_a_job_that_has_ended_lets_time_jump_again() -> None:
    await asyncio.to_thread(int)

    await asyncio.sleep(HOUR)

    assert now() >= 1_000 + HOUR


@virtual_time
async def test_time_does_not_jump_past_a_def_step() -> None:
    begun, release = threading.Event(), threading.Event()

    class InThread(Workflow):
        @step
        def work(self, ev: StartEvent) -> StopEvent:
            begun.set()
            return StopEvent(result=release.wait(10))

    handler = InThread(timeout=HOUR).run()
    await asyncio.to_thread(begun.wait, 10)
    asyncio.get_running_loop().call_later(0.02, release.set)

    assert await handler is True


@virtual_time
async def test_time_does_not_jump_while_a_socket_is_awaited() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        reading = asyncio.create_task(asyncio.get_running_loop().sock_recv(ours, 1))
        sender = threading.Timer(0.02, theirs.send, [b"x"])
        sender.start()

        async with asyncio.timeout(5):
            received = await reading

        sender.join()

    assert received == b"x"
    assert now() < 1_005


@virtual_time
async def test_a_model_behind_a_socket_answers_before_its_client_times_out() -> None:
    async with StandIn("one two", pause=0.005) as server:
        llm = OpenAI(api_base=server.url, api_key=server.key, timeout=30, max_retries=0)

        answer = await llm.acomplete("Count.")

    assert answer.text == "one two"
    assert now() < 1_030


@virtual_time
async def test_time_limits_hold_while_something_real_is_in_flight() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await asyncio.get_running_loop().sock_recv(ours, 1)


@virtual_time
async def test_a_hold_keeps_time_from_jumping_past_a_thread_of_ones_own() -> None:
    loop = the_loop()
    came = asyncio.Event()
    begin = threading.Event()

    def work() -> None:
        begin.wait(10)
        loop.call_soon_threadsafe(came.set)

    thread = threading.Thread(target=work)
    thread.start()
    loop.call_later(0.02, begin.set)

    with loop.hold():
        async with asyncio.timeout(5):
            await came.wait()

    thread.join()
    assert now() < 1_005


@virtual_time
async def test_time_that_is_passed_is_gone_at_once() -> None:
    started = now()

    the_loop().pass_time(7.0)

    assert now() - started == 7.0


def test_a_standstill_names_who_waits_and_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwell.testing._virtual_loop.PATIENCE_SECONDS", 0.01)

    async def waits_for_nobody() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(VirtualDeadlockError, match=r"waits_for_nobody, line \d+") as caught:
        run_virtual(waits_for_nobody())

    assert caught.value.seconds == 0.01


def test_a_run_that_nobody_answers_is_a_standstill_also_while_the_watchdog_watches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stepwell.testing._virtual_loop.PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr("stepwell.runtime._watchdog._ROUND_SECONDS", 0.01)

    class Asks(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.wait_for_event(HumanResponseEvent)
            return StopEvent()

    async def nobody_answers() -> None:
        await Asks().run()

    with pytest.raises(VirtualDeadlockError, match=r"\.ask, line \d+|nobody_answers, line \d+"):
        run_virtual(nobody_answers())
