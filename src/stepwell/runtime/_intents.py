"""What a context's calls do: each checks what the caller asks, and makes a fact of it."""

import asyncio
import inspect
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from stepwell.core import (
    EventSent,
    InputAsked,
    Status,
    TaskClosed,
    TaskOpened,
    WaitDropped,
    WaitStarted,
)
from stepwell.errors import (
    CallArgumentError,
    EventWaitTimeout,
    NotAnEventError,
    RunNotBegunError,
    RunOverError,
    StepRefusesEventError,
    TooManyHeldEventsError,
    WorkflowStepDoesNotExistError,
    WrongThreadError,
)
from stepwell.flow import Event, InputRequiredEvent, accepted_by, close_names
from stepwell.runtime._afar import awaited_by, check_loop, in_loop_of
from stepwell.runtime._attempts import Attempt, BackgroundTask
from stepwell.runtime._buffers import Buffers
from stepwell.runtime._checks import check_text
from stepwell.runtime._children import claim_held, pass_down
from stepwell.runtime._history import note_wait
from stepwell.runtime._ports import RunPort
from stepwell.runtime._verdicts import note_attempt
from stepwell.runtime._waits import OpenWait, held_answer

ValueT = TypeVar("ValueT")
EventT = TypeVar("EventT", bound=Event)

HELD_LIMIT = 1_000
"""How many events that nobody takes a run holds for waits to come."""


def check_open(run: RunPort, attempt: Attempt | None, call: str) -> None:
    """Raise the error of a call that comes too late."""
    if attempt is None:
        if run.loop.is_closed():
            check_loop(run, call)
    elif attempt.over is not None:
        attempt.check(call)
    if run.machine.state.status is Status.NEW:
        raise RunNotBegunError(call=call, workflow=run.wiring.workflow)
    if run.machine.state.status is not Status.RUNNING:
        raise RunOverError(call=call, workflow=run.wiring.workflow, status=run.machine.state.status.value)


def check_event(event: object, call: str) -> None:
    """Raise ``NotAnEventError`` for what is no event."""
    if not isinstance(event, Event):
        raise NotAnEventError(call=call, given=event)


def send(run: RunPort, attempt: Attempt | None, event: Event, step: str | None) -> None:
    """Send an event to all steps that accept it, or to one."""
    check_event(event, "send_event")
    check_open(run, attempt, "send_event")
    if not run.in_loop():
        in_loop_of(run, "send_event", send, run, attempt, event, step)
        return
    kind = type(event)
    target = None if step is None else _target(run, kind, step)
    key = run.wiring.learn(kind)
    wakes = run.waits.matching(event) if run.waits.open else ()
    if attempt is None and target is None and run.children is not None and pass_down(run, event, key, wakes):
        return
    if not wakes and target is None:
        _check_held(run, kind, key)
    sender = attempt.start.attempt if attempt is not None else None
    if attempt is not None:
        run.history.produce(attempt.step.number, key)
    if run.observers is not None and not wakes and not run.wiring.plan.routes[key].leads_somewhere():
        run.observers.event_held(event)
    run.apply(EventSent(run.now(), key, event, sender, target, wakes))
    run.conclude_if_quiet()


def _check_held(run: RunPort, kind: type[Event], key: str) -> None:
    if run.wiring.plan.routes[key].leads_somewhere():
        return
    held = len(run.machine.state.held)
    if held >= HELD_LIMIT:
        raise TooManyHeldEventsError(event=kind.__name__, held=held)


def _target(run: RunPort, kind: type[Event], step: str) -> int:
    numbers = run.wiring.numbers
    check_text("send_event", "step", step)
    if step not in numbers:
        raise WorkflowStepDoesNotExistError(
            step=step,
            workflow=run.wiring.workflow,
            suggestions=close_names(step, numbers),
            steps=list(numbers),
        )
    number = numbers[step]
    route = run.wiring.route(kind)
    if number in route.triggers or number in route.joins or any(place[0] == number for place in route.slots):
        return number
    accepted = [one.__name__ for one in accepted_by(run.wiring.steps[number])]
    raise StepRefusesEventError(step=step, event=kind.__name__, accepted=accepted)


def write(run: RunPort, attempt: Attempt | None, event: Event) -> None:
    """Show an event to whoever listens to the run."""
    check_event(event, "write_event_to_stream")
    if (attempt is not None and attempt.over is not None) or run.stream.closed:
        check_open(run, attempt, "write_event_to_stream")
        raise RunOverError(call="write_event_to_stream", workflow=run.wiring.workflow, status="ended")
    if not run.in_loop():
        check_loop(run, "write_event_to_stream")
        run.loop.call_soon_threadsafe(_write_now, run, event)
    elif isinstance(event, InputRequiredEvent):
        _write_now(run, event)
    else:
        run.wiring.plain_events.add(type(event))
        run.stream.write(event)


def _write_now(run: RunPort, event: Event) -> None:
    run.stream.write(event)
    if isinstance(event, InputRequiredEvent):
        run.apply(InputAsked(run.now()))


def call(run: RunPort, attempt: Attempt | None, awaitable: Awaitable[ValueT]) -> ValueT:
    """Await something in the run's loop, from another thread, and return its result there."""
    if not inspect.isawaitable(awaitable):
        raise CallArgumentError(call="ctx.call", argument="coroutine", value=awaitable, accepted="a coroutine")
    try:
        if run.in_loop():
            raise WrongThreadError(call="ctx.call", remedy="In an async step, await the coroutine instead.")
        check_open(run, attempt, "ctx.call")
    except BaseException:
        if asyncio.iscoroutine(awaitable):
            awaitable.close()
        raise
    return awaited_by(run, "ctx.call", awaitable)


def collect(
    run: RunPort, attempt: Attempt, event: Event, expected: Sequence[type[Event]], buffer_id: str | None
) -> list[Event] | None:
    """Keep an event until all that is expected has come."""
    check_event(event, "collect_events")
    check_open(run, attempt, "collect_events")
    if run.buffers is None:
        run.buffers = Buffers()
    place = (attempt.step.name, buffer_id or "")
    return run.buffers.collect(place, event, expected, is_retry=attempt.start.number > 1)


async def wait(
    run: RunPort,
    attempt: Attempt,
    event_type: type[EventT] | None,
    *,
    ask: Event | None = None,
    requirements: Mapping[str, Any] | None = None,
    seconds: float | None = None,
) -> EventT | None:
    """Suspend the calling body until an event comes or the time is up; ``None`` means the latter."""
    check_open(run, attempt, "wait_for_event" if event_type is not None else "sleep")
    wanted = requirements or {}
    name = (attempt.start.attempt, attempt.wait_count)
    attempt.wait_count += 1
    future: asyncio.Future[Event | None] = run.loop.create_future()
    run.waits.add(name, OpenWait(future, event_type, wanted))
    run.crew.count_wait(attempt, 1)
    now = run.now()
    run.apply(
        WaitStarted(
            now,
            *name,
            key=run.wiring.learn(event_type) if event_type is not None else None,
            deadline=None if seconds is None else now + seconds,
            ask=ask,
            takes=held_answer(run.machine.state.held, event_type, wanted) if event_type is not None else None,
        )
    )
    noted = note_wait(attempt, event_type or seconds, now)
    if run.link is not None and event_type is not None and not future.done():
        claim_held(run, name, event_type, wanted)
    if run.observers is not None:
        what = event_type.__name__ if event_type is not None else f"{seconds:g} seconds"
        run.observers.wait_started(attempt, name[1], what, ask)
    outcome = "cancelled"
    try:
        event = await future
        outcome = "timed out" if event is None and event_type is not None else "ok"
        if event is not None:
            run.history.answer(attempt.step.number, run.wiring.learn(type(event)))
        return event  # type: ignore[return-value]
    finally:
        noted[-1] = run.now()
        if run.waits.remove(name) is not None:
            run.crew.count_wait(attempt, -1)
            run.apply(WaitDropped(noted[-1], *name))
        if run.observers is not None:
            run.observers.wait_ended(attempt, name[1], outcome)


def wait_timeout(event_type: type[Event], seconds: float | None) -> EventWaitTimeout:
    """Return the error of a wait whose time is up."""
    return EventWaitTimeout(event=event_type.__name__, timeout=seconds or 0.0)


def open_task(run: RunPort, attempt: Attempt, coroutine: Coroutine[Any, Any, Any], name: str | None) -> BackgroundTask:
    """Start a background task that counts as running, and ends with the run at the latest."""
    try:
        check_open(run, attempt, "create_task")
    except BaseException:
        coroutine.close()
        raise
    task = BackgroundTask(coroutine, loop=run.loop, name=name or f"{attempt.step.name} (background)")
    task.attempt = attempt.start.attempt
    if attempt.tasks is None:
        attempt.tasks = set()
    attempt.tasks.add(task)
    if run.background is None:
        run.background = set()
    run.background.add(task)
    run.apply(TaskOpened(run.now(), attempt.start.attempt))

    def closed(_: object) -> None:
        _task_ended(run, attempt, task)

    task.add_done_callback(closed)
    return task


def _task_ended(run: RunPort, attempt: Attempt, task: BackgroundTask) -> None:
    if run.background is None or task not in run.background:
        return  # the run is over, and the task was given up
    run.background.discard(task)
    error = None
    if attempt.start.attempt not in run.crew.attempts:
        error = _left_error(attempt, task)
        if error is not None:
            note_attempt(error, attempt)
            run.crew.failed_last = attempt
    run.apply(TaskClosed(run.now(), attempt.start.attempt, error))
    run.conclude_if_quiet()


def unobserved_error(attempt: Attempt) -> BaseException | None:
    """Return the error of an ended background task that nobody looked at; the ended ones are let go."""
    error = None
    for task in [task for task in attempt.tasks or () if task.done()]:
        error = error or _left_error(attempt, task)
    return error


def _left_error(attempt: Attempt, task: BackgroundTask) -> BaseException | None:
    if attempt.tasks is not None:
        attempt.tasks.discard(task)
    if task.observed or task.cancelled() or attempt.over is not None:
        return None
    return task.exception()
