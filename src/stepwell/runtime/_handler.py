"""The handler of a run: what ``workflow.run()`` returns at once, to listen, to wait, to talk, to cancel."""

import asyncio
from collections.abc import AsyncIterator, Generator
from typing import Any, Generic, TypeVar, overload

from stepwell.core import RUNNING, Status
from stepwell.flow import Event, StopEvent
from stepwell.runtime._afar import check_loop, from_elsewhere, in_loop_of, is_elsewhere, lose, stream_elsewhere
from stepwell.runtime._checks import check_seconds
from stepwell.runtime._context import Context, LiveContext
from stepwell.runtime._crew import GRACE_SECONDS
from stepwell.runtime._current import refuse_own_step
from stepwell.runtime._history import AttemptRecord
from stepwell.runtime._kept_events import StreamItem
from stepwell.runtime._outcome import Outcome
from stepwell.runtime._readers import EventReader, ItemReader
from stepwell.runtime._run import Run

StopT = TypeVar("StopT", bound=StopEvent)


class WorkflowHandler(Generic[StopT]):
    """Await it for the result: ``StopEvent.result``, or the event itself when it is of a subclass.

    Awaiting raises what ended the run: a step's own exception as itself, ``WorkflowTimeoutError``,
    ``WorkflowStalledError``, ``WorkflowCancelledByUser``. Any number of tasks may await it; cancelling one of
    them never cancels the run. Raises ``OwnRunError`` in a step of the run, which cannot end before the step.
    """

    __slots__ = ("__weakref__", "_context", "_run")

    def __init__(self, run: Run, context: Context[Any] | None = None) -> None:
        self._run = run
        self._context = context

    @overload
    def __await__(self: "WorkflowHandler[StopEvent]") -> Generator[Any, None, Any]: ...
    @overload
    def __await__(self) -> Generator[Any, None, StopT]: ...
    def __await__(self) -> Generator[Any, None, Any]:
        outcome = self._run.outcome
        if outcome.status is RUNNING:
            run = self._run
            running = asyncio._get_running_loop()  # noqa: SLF001  # documented for this, and raises nothing
            refuse_own_step(run, "await handler", running)
            if running is not None and running is not run.loop:  # ``is_elsewhere``, without asking for the loop again
                yield from from_elsewhere(run, "await handler", outcome.settled()).__await__()
            elif run.crew.draining:
                yield  # a turn of the loop, in which a short run may end: half the price of a future
            if outcome.status is RUNNING:
                yield from outcome.waiter()
        event: Any = self._ended() if outcome.error is not None else outcome.event
        return event.result if type(event) is StopEvent else event

    async def stop_event_result(self) -> StopT:
        """Wait for the run's end and return its StopEvent; raises like awaiting the handler."""
        if not self.is_done():
            refuse_own_step(self._run, "stop_event_result", asyncio._get_running_loop())  # noqa: SLF001  # as above
        await self._settled("stop_event_result")
        return self._ended()

    def _ended(self) -> StopT:
        outcome = self._run.outcome
        error = outcome.failure()
        if error is not None:
            raise error.with_traceback(outcome.traceback)
        event: Any = outcome.event
        return event  # type: ignore[no-any-return]  # the plan ends in no other class

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self._run.run_id

    @property
    def ctx(self) -> Context[Any]:
        """The run's context, seen from outside: to send events to it."""
        if self._context is None:
            self._context = LiveContext(self._run, None)
        return self._context

    def stream_events(self, expose_internal: bool = False, *, after: int | None = None) -> AsyncIterator[Event]:
        """Yield each event the run shows, in order; the last is its StopEvent, or says why there is none.

        Every call is a consumer of its own, from the first event still there, or behind the cursor ``after``; tasks
        that share one share its events. Waiting for the next event may be cancelled, as by a time limit: nothing is
        lost. A step that reads its own run's stream must leave it: the end comes after the step. With
        ``expose_internal`` the run's own events come too, from now on. Raises ``StreamCursorError``.
        """
        if expose_internal:
            self._expose_internal()
        stream = EventReader(self._run.stream, after, expose_internal)
        return stream_elsewhere(self._run, stream) if is_elsewhere(self._run) else stream

    def stream(self, *, after: int | None = None, expose_internal: bool = False) -> AsyncIterator[StreamItem[Event]]:
        """Like ``stream_events``, with the cursor of each event."""
        if expose_internal:
            self._expose_internal()
        stream = ItemReader(self._run.stream, after, expose_internal)
        return stream_elsewhere(self._run, stream) if is_elsewhere(self._run) else stream

    def _expose_internal(self) -> None:
        run = self._run
        if self.is_done():
            return  # there is nothing more to show
        if run.loop.is_closed():
            check_loop(run, "stream_events")
        if run.in_loop():
            run.expose_internal()
        else:
            in_loop_of(run, "stream_events", run.expose_internal)

    async def send_event(self, event: Event, step: str | None = None) -> None:
        """Send an event to the run, as ``ctx.send_event`` does."""
        self.ctx.send_event(event, step)

    async def cancel_run(self, *, timeout: float = 5.0) -> None:  # noqa: ASYNC109  # the peer's signature
        """Cancel the run and wait for its end: each step gets ``CancelledError`` and runs its ``finally``.

        A step that has not ended after ``timeout`` seconds is given up, named in the log, and no longer waited
        for. Has no effect on a run that is over.
        """
        check_seconds("cancel_run", "timeout", timeout)
        self._cancel(timeout)
        await self._settled("cancel_run")

    def cancel(self) -> bool:
        """Ask for the run's end without waiting; return whether it was still running."""
        running = self._run.ending is None
        self._cancel(GRACE_SECONDS)
        return running

    def _cancel(self, grace: float) -> None:
        run = self._run
        if run.loop.is_closed():
            lose(run)
        elif run.in_loop():
            run.cancel(grace=grace)
        else:
            in_loop_of(run, "cancel_run", lambda: run.cancel(grace=grace))

    async def _settled(self, call: str) -> None:
        outcome = self._run.outcome
        if outcome.status is RUNNING and is_elsewhere(self._run):
            await from_elsewhere(self._run, call, outcome.settled())
        else:
            await outcome.settled()

    def _outcome(self) -> Outcome:
        """Return how the run stands; one whose loop was closed under it is over."""
        run = self._run
        if run.loop.is_closed():
            lose(run)
        return run.outcome

    def is_done(self) -> bool:
        """Return whether the run is over."""
        return self._outcome().status is not RUNNING

    def done(self) -> bool:
        """Return whether the run is over."""
        return self.is_done()

    def cancelled(self) -> bool:
        """Return whether the run was cancelled."""
        return self._outcome().status is Status.CANCELLED

    @property
    def status(self) -> str:
        """How the run stands: running, completed, failed, timed_out, cancelled or stalled."""
        return self._outcome().status.value

    def exception(self) -> BaseException | None:
        """Return what ended the run, or ``None``; also while it is running."""
        return self._outcome().failure()

    def get_stop_event(self) -> StopT | None:
        """Return the event that ended the run, or ``None`` while it is running. Raises what ended it otherwise."""
        return self._ended() if self.is_done() else None

    def recent_attempts(self) -> tuple[AttemptRecord, ...]:
        """Return the last 512 attempts that have ended, oldest first."""
        return self._run.history.recent()

    def __repr__(self) -> str:
        return f"<WorkflowHandler of {self._run.wiring.workflow} {self.run_id}: {self.status}>"
