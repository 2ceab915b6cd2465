"""``ctx``: what a step may do. A facade; each call asks the driver, and no step ever sees the machine."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from threading import get_ident
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from pydantic import BaseModel
from typing_extensions import TypeVar as DefaultTypeVar

from stepwell import errors
from stepwell.errors import NoAttemptError, NotAnEventError, StepOptionError
from stepwell.flow import ContextMarker, Event, RetryInfo, StartEvent, StopEvent, is_event_class
from stepwell.runtime import _children as children
from stepwell.runtime import _intents as intents
from stepwell.runtime import _points as points
from stepwell.runtime import _waiting as waiting
from stepwell.runtime._afar import check_here, in_loop_of, is_elsewhere, seen_in_loop_of, stream_elsewhere
from stepwell.runtime._attempts import Attempt, BackgroundTask
from stepwell.runtime._checks import LONGEST_SECONDS, check_collect, check_text, check_wait
from stepwell.runtime._children import RunsAsChild
from stepwell.runtime._current import current_attempt
from stepwell.runtime._dict_state import DictState
from stepwell.runtime._observers import moment
from stepwell.runtime._ports import RunPort, Serializer
from stepwell.runtime._readers import EventReader
from stepwell.runtime._run_to_come import RunToCome

if TYPE_CHECKING:  # loaded when first used; see ADR 13
    from stepwell.runtime._state_store import StateStore

StateT = DefaultTypeVar("StateT", bound=BaseModel, default=DictState)
EventT = TypeVar("EventT", bound=Event)
ValueT = TypeVar("ValueT")
StartT = TypeVar("StartT", bound=StartEvent)
StopT = TypeVar("StopT", bound=StopEvent)


class Context(ContextMarker[StateT], Generic[StateT]):
    """One run, seen from one attempt at a step, or (``handler.ctx``) from outside.

    All calls may be made from the thread of a ``def`` step too; what is a coroutine goes through ``call``.

    Made by hand it is for a run to come, ``workflow.run(ctx=…)``: with a store to write to before, and with
    ``previous_context`` (what ``to_dict`` returned) for taking up that run where it stood, or the store it left.
    Raises a ``ContextSerdeError`` for what is no such dictionary; ``serializer`` reads its values.
    """

    __slots__ = ("_attempt", "_run")

    def __init__(
        self,
        workflow: Any,
        previous_context: Mapping[str, Any] | None = None,
        serializer: Serializer | None = None,
    ) -> None:
        self._run: Any = RunToCome(workflow, previous_context, serializer)
        self._attempt: Attempt | None = None

    @classmethod
    def from_dict(
        cls, workflow: Any, data: Mapping[str, Any], serializer: Serializer | None = None
    ) -> "Context[StateT]":
        """Return a context for ``run(ctx=…)`` from what ``to_dict`` returned. Raises a ``ContextSerdeError``."""
        given: Any = data
        return Context(workflow, {} if given is None else given, serializer)  # None would be a run that begins anew

    def to_dict(self, serializer: Serializer | None = None, *, include_state: bool = True) -> dict[str, Any]:
        """Return the run as it stands, as data that JSON can hold; ``from_dict`` takes it up, also elsewhere.

        Running steps will run again from the top: what they sent and wrote until now is not repeated, and recorded
        calls (waits, ``sleep``, ``once``) return what they returned. Of a run that is over, the store is left.
        Without ``include_state`` the store is left out. Raises ``UnencodableValueError`` with the path of the value.
        """
        return intents.snapshot(self._run, serializer, include_state=include_state)

    @property
    def is_running(self) -> bool:
        """Whether the run is under way; of a context for a run to come, whether it will be taken up."""
        return intents.is_running(self._run)

    async def running_steps(self) -> list[str]:
        """Return the names of the steps that are running now, also of those that wait."""
        if self._attempt is not None:
            raise errors.OutsideOnlyError(call="running_steps")
        run = self._live("running_steps")
        return seen_in_loop_of(run, "running_steps", lambda: intents.running_steps(run))

    @property
    def run_id(self) -> str:
        """The id of the run."""
        run_id: str = self._run.run_id
        return run_id

    @property
    def attempt(self) -> int:
        """Which attempt at its event this is, from 1. Only inside a step."""
        return self._inside("attempt").start.number

    def of_run(self) -> RunPort:
        """Return the run itself: for ``Workflow.run(ctx=…)``, not for steps."""
        run: RunPort = self._run
        return run

    def belong_to(self, run: RunPort) -> None:
        """Be the outside context of ``run`` from now on: for ``Workflow.run(ctx=…)``."""
        self._run = run

    def _inside(self, call: str) -> Attempt:
        if self._attempt is None:
            raise NoAttemptError(call=call)
        return self._attempt

    def _live(self, call: str) -> RunPort:
        run: RunPort | RunToCome = self._run
        if isinstance(run, RunToCome):
            raise errors.NoRunError(call=call)
        return run

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
            and not attempt.careful
            and run.host.thread == get_ident()
            and not run.stream.closed
        ):  # all that ``intents.write`` would find out, at a third of its price
            attempt.shown += 1
            run.stream.write(ev)
            return
        if ev is not None:
            intents.write(run, self._attempt, ev)

    @property
    def store(self) -> "StateStore[StateT]":
        """The run's state: ``await ctx.store.get("path")``, ``set``, ``edit_state``. One for all its steps."""
        run = self._run
        store: StateStore[StateT] = run.store()
        attempt = self._attempt
        if attempt is None:
            if not isinstance(run, RunToCome):
                store.belong_to(run.host, run.outcome)
            return store
        if attempt.store_view is None:
            store.belong_to(run.host, run.outcome)
            attempt.store_view = store.bound(attempt.may_write, attempt.note_refused)
            attempt.needs_care = True
        return attempt.store_view

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
            raise NotAnEventError(call="collect_events(expected)", given=wrong[0], wanted="Event subclasses")
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
        try:
            run = self._live("call")
        except BaseException:
            if asyncio.iscoroutine(coroutine):
                coroutine.close()
            raise
        return intents.call(run, self._attempt, coroutine)

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

    async def once(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call ``function`` (it may be a coroutine function) and return its result; never again for this event.

        A further attempt after a failure, and a body that runs again after ``from_dict``, get the recorded result:
        for what is random or comes from outside, and for what must not happen twice. Calls with one ``name`` are
        told apart by their order. What ``function`` sends or writes counts as part of it. A result that cannot be
        stored makes ``to_dict`` fail.
        """
        if type(name) is not str or not name:
            raise StepOptionError(option="once(name)", value=name, accepted="a text that is not empty")
        if not callable(function):
            raise StepOptionError(option="once(function)", value=function, accepted=points.ONCE_TAKES)
        attempt = self._inside("once")
        intents.check_open(self._run, attempt, "once")
        check_here(self._run, "ctx.once")
        return await points.once(self._run, attempt, name, function, (args, kwargs))

    async def commit(self) -> None:
        """Record that this body came here. Run again after ``from_dict``, it must come here again in that order."""
        attempt = self._inside("commit")
        intents.check_open(self._run, attempt, "commit")
        check_here(self._run, "ctx.commit")
        await points.commit(self._run, attempt)

    async def sleep(self, seconds: float) -> None:
        """Suspend this step for a time. It holds no worker meanwhile, and no time limit runs."""
        if type(seconds) not in (int, float) or not 0 <= seconds <= LONGEST_SECONDS:
            raise StepOptionError(option="sleep(seconds)", value=seconds, accepted="a number of seconds, 0 or more")
        attempt = self._inside("sleep")
        await waiting.wait(self._run, attempt, waiting.listener_for(self._run, None), seconds=float(seconds))

    def wait_for_event(  # one coroutine, not two: waiting runs are many
        self,
        event_type: type[EventT],
        waiter_event: Event | None = None,
        waiter_id: str | None = None,
        requirements: dict[str, Any] | None = None,
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, EventT]:
        """Suspend this step until an event of exactly this type comes, and return it.

        The body goes on where it stood: nothing before the wait runs twice, and no worker is held meanwhile.
        ``waiter_event`` is shown to whoever listens, once. ``requirements`` are field values the event must
        have. ``timeout`` is in seconds, ``None`` for no limit. ``waiter_id`` names the question: within one
        event's attempts it is asked once. Raises ``EventWaitTimeout`` (a ``TimeoutError``).
        """
        if not is_event_class(event_type):
            raise NotAnEventError(call="wait_for_event(event_type)", given=event_type, wanted="an Event subclass")
        check_wait(waiter_event, waiter_id, requirements, timeout)
        attempt = self._inside("wait_for_event")
        answer = waiting.wait(
            self._run,
            attempt,
            waiting.listener_for(self._run, event_type, requirements),
            name=waiter_id or points.wait_name(event_type.__name__, requirements),
            ask=waiter_event,
            seconds=timeout,
        )
        return cast("Coroutine[Any, Any, EventT]", answer)

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
        run = self._live("awaited_events")
        return seen_in_loop_of(run, "awaited_events", lambda: children.awaited_events(run))

    @property
    def waits_for_outside(self) -> bool:
        """Whether only an event from outside can move the run on: nothing is active, and nothing sleeps."""
        run = self._live("waits_for_outside")
        return seen_in_loop_of(run, "waits_for_outside", lambda: children.waits_for_outside(run))

    @staticmethod
    def get_step_context() -> "Context[Any]":
        """Return the context of the step whose body calls this: for wrappers of steps, which are not handed it.

        Raises ``NoAttemptError`` (a ``WorkflowRuntimeError``) elsewhere, also in tasks that the step made.
        """
        attempt = current_attempt()
        if attempt is None:
            raise NoAttemptError(call="Context.get_step_context()")
        if attempt.context is None:  # the step asked for none
            attempt.context = LiveContext(attempt.crew.run, attempt)
        context: Context[Any] = attempt.context
        return context

    def stream_events(self) -> AsyncIterator[Event]:
        """Yield what the run shows, from the first event still there, to its end."""
        run = self._live("stream_events")
        stream = EventReader(run.stream, None, False)
        return stream_elsewhere(run, stream) if is_elsewhere(run) else stream


class LiveContext(Context[StateT]):
    """The context of a run that has begun, as the driver makes it."""

    __slots__ = ()

    def __init__(self, run: RunPort, attempt: Attempt | None) -> None:
        self._run = run
        self._attempt = attempt
