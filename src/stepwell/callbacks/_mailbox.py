"""One bounded queue and one consumer: how an async handler is fed by code that must not wait for it.

Items may be put from any thread, with or without an event loop. The consumer is one task in the first loop that is
seen running; when that loop is gone, the next one. What no loop has consumed is left to `shutdown`, or to the end of
the process.
"""

import asyncio
import atexit
import contextlib
import contextvars
import logging
import threading
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Literal, TypeAlias

from stepwell.errors import CallbackArgumentError, CallbackShutdownError

Overflow: TypeAlias = Literal["drop_oldest", "drop_newest", "block"]
Item: TypeAlias = Callable[[], Awaitable[None]]

EXIT_SECONDS: Final = 2.0
LOOK_AGAIN_SECONDS: Final = 0.5

logger = logging.getLogger("stepwell.callbacks")


class Mailbox:
    """A queue of calls to make, one after another, in an event loop.

    When ``capacity`` calls wait, ``overflow`` decides: the oldest or the newest is dropped and counted, or the thread
    that puts waits for room. A thread cannot wait for the loop that it runs itself, nor for one that does not exist:
    there, ``"block"`` drops the oldest.
    """

    def __init__(self, owner: str, capacity: int, overflow: Overflow) -> None:
        if overflow not in ("drop_oldest", "drop_newest", "block"):
            raise CallbackArgumentError(
                argument="overflow", expected='"drop_oldest", "drop_newest" or "block"', value=overflow
            )
        if capacity < 1:
            raise CallbackArgumentError(argument="max_queue", expected="a positive integer", value=capacity)
        self._owner = owner
        self._capacity = capacity
        self._overflow = overflow
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._accepted = 0
        self._is_busy = False
        self._is_closed = False
        self._reported: set[type] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._wake: asyncio.Event | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self.dropped = 0
        self.errors = 0
        _mailboxes.add(self)

    @property
    def waiting(self) -> int:
        """How many calls are queued or being made."""
        with self._changed:
            return len(self._items) + self._is_busy

    def put(self, item: Item) -> None:
        """Queue ``item`` and return; see the class for what happens when there is no room."""
        with self._changed:
            if self._is_closed:
                self.dropped += 1
                return
            if len(self._items) >= self._capacity and not self._make_room():
                return
            self._items.append(item)
            self._accepted += 1
        self._rouse()

    def _make_room(self) -> bool:
        while self._overflow == "block" and len(self._items) >= self._capacity and self._is_consumed_elsewhere():
            # Woken by the consumer; looked at again now and then, for a loop may stop without a word.
            self._changed.wait(LOOK_AGAIN_SECONDS)
        if len(self._items) >= self._capacity:
            self.dropped += 1
            if self._overflow == "drop_newest":
                return False
            self._items.popleft()
        return True

    def _is_consumed_elsewhere(self) -> bool:
        loop = self._loop
        return self._is_consumed() and loop is not None and loop.is_running() and loop is not _running_loop()

    def _is_consumed(self) -> bool:
        return (
            self._task is not None and not self._task.done() and self._loop is not None and not self._loop.is_closed()
        )

    def _rouse(self) -> None:
        """Let the consumer know; make one if there is a loop to run it."""
        here = _running_loop()
        with self._changed:
            loop, wake = self._loop, self._wake
            if not self._is_consumed():
                if here is None:
                    return
                self._start(here)
                return
        assert loop is not None
        assert wake is not None
        if loop is here:
            wake.set()
        else:
            with contextlib.suppress(RuntimeError):  # closed meanwhile: the next loop takes over
                loop.call_soon_threadsafe(wake.set)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._wake = asyncio.Event()
        # In an empty context: the consumer belongs to no trace, and must keep none alive.
        self._task = loop.create_task(
            self._consume(self._wake), name=f"callbacks of {self._owner}", context=contextvars.Context()
        )

    async def _consume(self, wake: asyncio.Event) -> None:
        try:
            while True:
                item = self._take()
                if item is None:
                    wake.clear()
                    if not self._items:
                        await wake.wait()
                    continue
                await self._call(item)
        finally:
            with self._changed:
                self._task = None
                self._changed.notify_all()

    def _take(self) -> Item | None:
        with self._changed:
            if not self._items:
                return None
            item = self._items.popleft()
            self._is_busy = True
            self._changed.notify_all()
            return item

    async def _call(self, item: Item) -> None:
        try:
            await item()
        except Exception as error:  # noqa: BLE001 - an async handler runs after the fact, and nobody awaits it
            self._report(error)
        except BaseException:
            self.dropped += 1  # cut off in the middle: the loop is closing
            raise
        finally:
            self._is_busy = False
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def _report(self, error: Exception) -> None:
        self.errors += 1
        if type(error) not in self._reported:
            self._reported.add(type(error))
            logger.error(
                "callback handler %s failed and was ignored; more of this kind is only counted",
                self._owner,
                exc_info=error,
            )

    async def aflush(self, timeout: float | None) -> bool:  # noqa: ASYNC109 - the answer is whether it was enough
        """Wait until every call that is queued now has been made; ``False`` if that took more than ``timeout``."""
        here = asyncio.get_running_loop()
        with self._changed:
            target = self._accepted
            if self._items and not self._is_consumed():
                self._start(here)
            loop = self._loop
        if self._finished() >= target or loop is None:
            return True
        try:
            async with asyncio.timeout(timeout):
                if loop is here:
                    await self._reach(target)
                else:
                    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._reach(target), loop))
        except TimeoutError:
            return False
        return True

    def _finished(self) -> int:
        with self._changed:
            return self._accepted - len(self._items) - self._is_busy

    async def _reach(self, target: int) -> None:
        while self._finished() < target:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def shutdown(self, timeout: float) -> bool:
        """Make the calls that are queued and take no more; ``False`` if that took more than ``timeout`` seconds.

        Raises:
            CallbackShutdownError: an event loop runs in this thread.
        """
        if _running_loop() is not None:
            raise CallbackShutdownError
        with self._changed:
            self._is_closed = True
            is_elsewhere = self._is_consumed_elsewhere()
        if not is_elsewhere:
            return not self._items or asyncio.run(self._drain(timeout))
        assert self._loop is not None
        try:
            asyncio.run_coroutine_threadsafe(self._reach(self._accepted), self._loop).result(timeout)
        except TimeoutError:
            return False
        return True

    async def _drain(self, timeout: float) -> bool:  # noqa: ASYNC109 - the answer is whether it was enough
        try:
            async with asyncio.timeout(timeout):
                while (item := self._take()) is not None:
                    await self._call(item)
        except TimeoutError:
            return False
        return True


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


_mailboxes: "weakref.WeakSet[Mailbox]" = weakref.WeakSet()


def _empty_at_exit() -> None:
    for mailbox in list(_mailboxes):
        if mailbox.waiting and not mailbox.shutdown(EXIT_SECONDS):
            logger.error("a callback handler was not told of %d events before the end", mailbox.waiting)


atexit.register(_empty_at_exit)
