"""The pen of a state: who may write, one at a time, in the order in which they asked."""

import asyncio
from contextvars import ContextVar
from threading import get_ident
from typing import NamedTuple

from stepwell.core import RUNNING
from stepwell.errors import StateEditError, WrongThreadError
from stepwell.runtime._outcome import Outcome
from stepwell.runtime._watchdog import Host

# The pens held by the code around the running code, also by the task that started its task: waiting
# for one of these would be waiting for oneself.
PENS_HELD: ContextVar[tuple[object, ...]] = ContextVar("stepwell_pens_held", default=())


class Home(NamedTuple):
    """Where a run goes on, and until when. Not the run itself, which has the state: no rings."""

    host: Host
    outcome: Outcome

    @property
    def is_elsewhere(self) -> bool:
        """Whether the run is under way in a loop of another thread than the caller's."""
        host = self.host
        return self.outcome.status is RUNNING and host.thread != get_ident() and host.loop.is_running()


class Pen:
    """A lock that belongs to no event loop while nobody holds it, and knows its holder's own tasks.

    While a run is under way only its own loop may write (``home``): two threads would write over each other.
    """

    __slots__ = ("_lock", "_mark", "_users", "home")

    def __init__(self) -> None:
        self.home: Home | None = None
        self._lock: asyncio.Lock | None = None
        self._users = 0
        self._mark: object = None

    @property
    def is_free(self) -> bool:
        return self._lock is None

    def refuse_holder(self, writer: str) -> None:
        """Raise when the holder, or a task that it started, asks for the pen again; or somebody in another thread."""
        if self.home is not None and self.home.is_elsewhere:
            call = f"ctx.store.{writer}"
            raise WrongThreadError(call=call, remedy="Write in the event loop of the run: by ctx.call(…) from here.")
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
