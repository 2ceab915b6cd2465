"""What of a body may fail: what waits for something outside, and nothing that cannot fail in reality."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest

from stepwell.testing._guided import may_fail


async def suspended(body: Coroutine[Any, Any, Any]) -> bool:
    """Let ``body`` come to its first await, and say whether it may fail there."""
    body.send(None)
    try:
        return may_fail(body)
    finally:
        body.close()


async def sleeps() -> None:
    await asyncio.sleep(1)


async def awaits_a_future() -> None:
    await asyncio.get_running_loop().create_future()


async def calls_what_awaits() -> None:
    await awaits_a_future()


async def locks() -> None:
    lock = asyncio.Lock()
    await lock.acquire()
    await lock.acquire()


async def takes_from_a_queue() -> None:
    await asyncio.Queue[int]().get()


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[None]:
    await asyncio.get_running_loop().create_future()
    yield


async def opens() -> None:
    async with opened():
        pass


@pytest.mark.parametrize("body", [sleeps, awaits_a_future, calls_what_awaits])
async def test_what_waits_for_something_outside_may_fail(body: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    assert await suspended(body())


@pytest.mark.parametrize("body", [locks, takes_from_a_queue, opens])
async def test_what_cannot_fail_in_reality_may_not(body: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    assert not await suspended(body())


def test_a_coroutine_that_is_not_suspended_is_its_own_innermost() -> None:
    async def never_begun() -> Awaitable[None] | None:
        return None

    body = never_begun()

    assert may_fail(body)
    body.close()
