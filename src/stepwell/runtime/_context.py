"""``ctx``: what a step may do. A facade; each call asks the driver, and no step ever sees the machine."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine
from threading import get_ident
from typing import Any, Generic, TypeVar, overload

from pydantic import BaseModel
from typing_extensions import TypeVar as DefaultTypeVar

from stepwell.errors import NoAttemptError, NotAnEventError, StepOptionError
from stepwell.flow import ContextMarker, Event, RetryInfo, StartEvent, StopEvent, is_event_class
from stepwell.runtime import _children as children
from stepwell.runtime import _intents as intents
from stepwell.runtime._afar import in_loop_of, is_elsewhere, stream_elsewhere
from stepwell.runtime._attempts import Attempt, BackgroundTask
from stepwell.runtime._checks import LONGEST_SECONDS, check_collect, check_text, check_wait
from stepwell.runtime._children import RunsAsChild
from stepwell.runtime._current import current_attempt
from stepwell.runtime._dict_state import DictState
from stepwell.runtime._observers import moment
from stepwell.runtime._ports import RunPort
from stepwell.runtime._state_store import StateStore

StateT = DefaultTypeVar("StateT", bound=BaseModel, default=DictState)
EventT = TypeVar("EventT", bound=Event)
ValueT = TypeVar("ValueT")
StartT = TypeVar("StartT", bound=StartEvent)
StopT = TypeVar("StopT", bound=StopEvent)


class Context(ContextMarker[StateT], Generic[StateT]):
    """One run, seen from one attempt at a step, or (``handler.ctx``) from outside.

    All calls may be made from the thread of a ``def`` step too; what is a coroutine goes through ``call``.
    """

    __slots__ = ("_attempt", "_run")

    def __init__(self, run: RunPort, attempt: Attempt | None) -> None:
        self._run = run
        self._attempt = attempt

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self._run.run_id

    @property
    def attempt(self) -> int:
        """Which attempt at its event this is, from 1. Only inside a step."""
        return self._inside("attempt").start.number

    def of_run(self) -> RunPort:
        """Return the run itself: for ``Workflow.run(ctx=…)``, not for steps."""
        return self._run

    def _inside(self, call: str) -> Attempt:
        if self._attempt is None:
            raise NoAttemptError(call=call)
        return self._attempt

    def send_event(self, message: Event, step: str | None = None) -> None:
        """Send an event to every step that accepts it, and to waits for it; or only to ``step``.

        Raises ``WorkflowRuntimeError`` (a subclass says which) for an unknown step, one that does not accept
        the event, a run that is over, and more than 1,000 events that nobody takes.
        """
        intents.send(self._run, self._attempt, message, step)

    def write_event_to_stream(self, ev: Event | None) -> None:
        """Show an event to whoever listens to the run. ``None`` is passed over. Never waits."""
        run = self._run
        attempt = self._attempt
        if (
            type(ev) in run.wiring.plain_events
            and attempt is not None
            and attempt.over is None
            and run.host.thread == get_ident()
            and not run.stream.closed
        ):  # all that ``intents.write`` would find out, at a third of its price
            run.stream.write(ev)  # type: ignore[arg-type]
            return
        if ev is not None:
            intents.write(run, self._attempt, ev)

    @property
    def store(self) -> StateStore[StateT]:
        """The run's state: ``await ctx.store.get("path")``, ``set``, ``edit_state``. One for all its steps."""
        return self._run.store()

    def collect_events(
        self, ev: Event, expected: list[type[Event]], buffer_id: str | None = None
    ) -> list[Event] | None:
        """Keep ``ev``; return all expected events in the order of ``expected`` once they have come, else ``None``.

        By exact type; a type that stands in the list twice needs two. Events beyond the expected stay for the next
        time. Buffers are a step's own, one for each ``buffer_id``. An empty list gives ``[]`` at once. Pass the same
        list object each time: building ``[E] * n`` for each event is what costs.
        """
        check_collect(expected, buffer_id)
        wrong = [kind for kind in expected if not is_event_class(kind)] if len(expected) < 16 else []
        if wrong:
            raise NotAnEventError(call="collect_events(expected)", given=wrong[0])
        return intents.collect(self._run, self._inside("collect_events"), ev, expected, buffer_id)

    def create_task(self, coroutine: Coroutine[Any, Any, Any], *, name: str | None = None) -> BackgroundTask:
        """Start a background task that counts as running: the run is not stalled while it lives.

        It may outlive the step, not the run. If it fails and nobody looked at it, the run fails with its
        exception. Raises ``WorkflowRuntimeError`` when the attempt or the run is over.
        """
        if not asyncio.iscoroutine(coroutine):
            raise StepOptionError(option="create_task(coroutine)", value=coroutine, accepted="a coroutine")
        try:
            check_text("create_task", "name", name)
            attempt = self._inside("create_task")
        except BaseException:
            coroutine.close()
            raise
        if not self._run.in_loop():
            return in_loop_of(self._run, "create_task", intents.open_task, self._run, attempt, coroutine, name)
        return intents.open_task(self._run, attempt, coroutine, name)

    def call(self, coroutine: Awaitable[ValueT]) -> ValueT:
        """Await a coroutine, or a task, in the run's event loop and return its result: for ``def`` steps."""
        return intents.call(self._run, self._attempt, coroutine)

    def retry_info(self) -> RetryInfo:
        """Return where this attempt stands among the attempts at its event."""
        attempt = self._inside("retry_info")
        retry = attempt.start.retry
        error = retry.error if retry is not None else None
        return RetryInfo(
            retry_number=attempt.start.number - 1,
            elapsed_seconds=max(0.0, self._run.now() - attempt.began),
            last_exception=error if isinstance(error, Exception) else None,
            last_failed_at=moment(retry.failed_at) if retry is not None else None,
        )

    async def sleep(self, seconds: float) -> None:
        """Suspend this step for a time. It holds no worker meanwhile, and no time limit runs."""
        if type(seconds) not in (int, float) or not 0 <= seconds <= LONGEST_SECONDS:
            raise StepOptionError(option="sleep(seconds)", value=seconds, accepted="a number of seconds, 0 or more")
        await intents.wait(self._run, self._inside("sleep"), None, seconds=float(seconds))

    async def wait_for_event(
        self,
        event_type: type[EventT],
        waiter_event: Event | None = None,
        waiter_id: str | None = None,
        requirements: dict[str, Any] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # the peer's signature
    ) -> EventT:
        """Suspend this step until an event of exactly this type comes, and return it.

        The body goes on where it stood: nothing before the wait runs twice, and no worker is held meanwhile.
        ``waiter_event`` is shown to whoever listens, once. ``requirements`` are field values the event must
        have. ``timeout`` is in seconds, ``None`` for no limit. ``waiter_id`` names the question: within one
        event's attempts it is asked once. Raises ``EventWaitTimeout`` (a ``TimeoutError``).
        """
        if not is_event_class(event_type):
            raise NotAnEventError(call="wait_for_event(event_type)", given=event_type)
        check_wait(waiter_event, waiter_id, requirements, timeout)
        event = await intents.wait(
            self._run,
            self._inside("wait_for_event"),
            event_type,
            ask=waiter_event,
            requirements=requirements,
            seconds=timeout,
        )
        if event is None:
            raise intents.wait_timeout(event_type, timeout)
        return event

    @overload
    async def run_child(
        self,
        workflow: RunsAsChild[StartT, StopEvent],
        /,
        start_event: StartT | None = None,
        **fields: Any,
    ) -> Any: ...
    @overload
    async def run_child(
        self, workflow: RunsAsChild[StartT, StopT], /, start_event: StartT | None = None, **fields: Any
    ) -> StopT: ...
    async def run_child(
        self, workflow: RunsAsChild[Any, Any], /, start_event: StartEvent | None = None, **fields: Any
    ) -> Any:
        """Run another workflow inside this step, and return what awaiting its handler would give.

        Its stream is shown by this run as it happens, with its origin; what is sent to this run from outside reaches
        it; it is cancelled with this step. The step holds no worker meanwhile, and its time limit stands still; the
        run's goes on, but for times in which the child only waits.

        Raises what ended the child, as itself: a step's exception, ``WorkflowTimeoutError``,
        ``WorkflowStalledError`` …; and what ``run()`` raises for fields that do not fit.
        """
        return await children.run_child(self._run, self._inside("run_child"), workflow, start_event, fields)

    @property
    def awaited_events(self) -> tuple[type[Event], ...]:
        """The event types that open ``wait_for_event`` calls ask for, oldest first; then those of child runs."""
        return children.awaited_events(self._run)

    @property
    def waits_for_outside(self) -> bool:
        """Whether only an event from outside can move the run on: nothing is active, and nothing sleeps."""
        return children.waits_for_outside(self._run)

    @staticmethod
    def get_step_context() -> "Context[Any]":
        """Return the context of the step whose body calls this: for wrappers of steps, which are not handed it.

        Raises ``NoAttemptError`` (a ``WorkflowRuntimeError``) elsewhere, also in tasks that the step made.
        """
        attempt = current_attempt()
        if attempt is None:
            raise NoAttemptError(call="Context.get_step_context()")
        if attempt.context is None:  # the step asked for none
            attempt.context = Context(attempt.crew.run, attempt)
        context: Context[Any] = attempt.context
        return context

    def stream_events(self) -> AsyncIterator[Event]:
        """Yield what the run shows, from the first event still there, to its end."""
        stream = self._run.stream.events()
        return stream_elsewhere(self._run, stream) if is_elsewhere(self._run) else stream
