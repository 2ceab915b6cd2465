"""The pen of a state: who may write, one at a time, in the order in which they asked."""

import asyncio
from contextvars import ContextVar

from stepwell.errors import StateEditError

# The pens held by the code around the running code, also by the task that started its task: waiting
# for one of these would be waiting for oneself.
PENS_HELD: ContextVar[tuple[object, ...]] = ContextVar("stepwell_pens_held", default=())


class Pen:
    """A lock that belongs to no event loop while nobody holds it, and knows its holder's own tasks."""

    __slots__ = ("_lock", "_mark", "_users")

    def __init__(self) -> None:
        self._lock: asyncio.Lock | None = None
        self._users = 0
        self._mark: object = None

    @property
    def is_free(self) -> bool:
        return self._lock is None

    def refuse_holder(self, writer: str) -> None:
        """Raise when the holder, or a task that it started, asks for the pen again."""
        if self._mark is not None and self._mark in PENS_HELD.get():
            raise StateEditError(writer=writer)

    async def take(self) -> None:
        if self._lock is None:
            self._lock = asyncio.Lock()
        self._users += 1
        try:
            await self._lock.acquire()
        except BaseException:
            self._leave()
            raise

    def hold(self) -> None:
        """Make the caller, and the tasks that it starts from now on, known as the holder."""
        self._mark = object()
        PENS_HELD.set((*PENS_HELD.get(), self._mark))

    def put_back(self) -> None:
        if self._mark is not None:
            PENS_HELD.set(tuple(mark for mark in PENS_HELD.get() if mark is not self._mark))
            self._mark = None
        assert self._lock is not None
        self._lock.release()
        self._leave()

    def _leave(self) -> None:
        self._users -= 1
        if not self._users:
            self._lock = None
