"""The stream of one run: events that are kept for whoever reads, and that always end.

Rule 1. Writing never waits and never fails for want of readers.
Rule 2. What comes last is never dropped.
Rule 3. Internal events take no room and no cursor of those that the program shows.
Rule 4. Whatever happens to the run, the stream is closed, and every reader comes to its end.
"""

import asyncio
from collections.abc import Callable

from stepwell.flow import Event, InternalDispatchEvent
from stepwell.runtime._internal_ring import Internal, InternalRing
from stepwell.runtime._kept_events import NO_ORIGINS, KeptEvents
from stepwell.runtime._origins import Origin


def _nothing() -> None:
    """Stands in where nobody wants to know that a reader came to the end."""


class EventStream(KeptEvents):
    """What one run shows to whoever listens.

    The driver sets ``expecting`` while bodies are to begin in the loop's next turn. ``woke`` says that a reader was
    woken since the driver last set it to ``False``. ``read_out`` is called when a reader has come to the end.
    ``concluded`` are the ids of the questions that were asked by waits which are over.
    """

    __slots__ = (
        "_loop",
        "_waiters",
        "_watched",
        "closed",
        "concluded",
        "expecting",
        "internal",
        "read_out",
        "woke",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int | None) -> None:
        KeptEvents.__init__(self, limit)  # ``super()`` costs as much as the call
        self._loop = loop
        self._waiters: list[asyncio.Future[None]] | None = None
        self._watched = self.closed = self.woke = self.expecting = False
        self.read_out: Callable[[], object] = _nothing
        self.concluded: set[int] | None = None
        self.internal: InternalRing | None = None

    @property
    def is_awaited(self) -> bool:
        """Whether a reader waits for the next event."""
        return self._waiters is not None or self._watched

    def write(self, event: Event) -> None:
        """Add an event and wake who waits for it. After the end it is dropped."""
        if self.closed:
            return
        events = self._events
        events.append(event)
        if len(events) > self._full_at:
            self._sweep()
        if self._waiters is not None or self._watched:
            self._wake()

    def write_internal(self, event: InternalDispatchEvent, origin: tuple[Origin, ...] = ()) -> bool:
        """Add an event that only consumers who asked for such events see; return whether that woke somebody."""
        if self.closed:
            return False
        if self.internal is None:
            self.internal = InternalRing(self._limit)
        self.internal.add(Internal(self.end, event, origin))
        is_awaited = self.is_awaited
        if is_awaited:
            self._wake()
        return is_awaited

    def write_from(self, event: Event, origin: tuple[Origin, ...]) -> bool:
        """Add an event that a child run shows; return whether that woke somebody."""
        if self.closed:
            return False
        if self._origins is NO_ORIGINS:
            self._origins = {}
        self._origins[self.end] = origin
        is_awaited = self.is_awaited
        EventStream.write(self, event)  # not the child's own way of writing, which tells the runs above
        return is_awaited

    def close(self, last: Event) -> None:
        """Add the last event and end the stream for everybody."""
        if self.closed:
            return
        self.write(last)
        self.closed = True

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, None
        self._watched = False
        self.woke = True
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    def lose(self, last: Event) -> None:
        """Add the last event of a run whose loop is closed: there is nobody to wake."""
        self._waiters = None
        self.close(last)

    async def more(self) -> None:
        """Wait until there may be something new."""
        if self.expecting:  # the loop's next turn may bring something: half the price of a future
            self._watched = True
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = self._loop.create_future()
        if self._waiters is None:
            self._waiters = []
        self._waiters.append(waiter)
        await waiter
