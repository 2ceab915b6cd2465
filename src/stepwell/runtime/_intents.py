"""What a context's calls do: each checks what the caller asks, and makes a fact of it."""

import asyncio
import contextvars
import functools
import inspect
from collections.abc import Awaitable, Coroutine, Sequence
from threading import get_ident
from typing import Any, NoReturn, TypeVar

from stepwell import errors
from stepwell.core import (
    NEW,
    RUNNING,
    EventSent,
    InputAsked,
    TaskClosed,
    TaskOpened,
)
from stepwell.errors import (
    NotAnEventError,
    RunNotBegunError,
    RunOverError,
    StepRefusesEventError,
    TooManyHeldEventsError,
    WorkflowStepDoesNotExistError,
    WrongThreadError,
)
from stepwell.flow import Event, InputRequiredEvent, accepted_by, close_names
from stepwell.runtime._afar import awaited_by, check_answering, check_loop, in_loop_of
from stepwell.runtime._attempts import Attempt, BackgroundTask
from stepwell.runtime._branches import is_repeated_send, is_repeated_show, note_refused_send, was_refused_send
from stepwell.runtime._buffers import Buffers
from stepwell.runtime._checks import check_text
from stepwell.runtime._children import pass_down
from stepwell.runtime._collected import told_before
from stepwell.runtime._points import abandon_tasks, branch_for_task
from stepwell.runtime._ports import RunPort, Serializer
from stepwell.runtime._run_to_come import RunToCome
from stepwell.runtime._verdicts import note_attempt

ValueT = TypeVar("ValueT")

HELD_LIMIT = 1_000
"""How many events that nobody takes a run holds for waits to come."""


def check_open(run: RunPort, attempt: Attempt | None, call: str) -> None:
    """Raise the error of a call that comes too late."""
    if attempt is None:
        if run.loop.is_closed():
            check_loop(run, call)
    elif attempt.over is not None:
        attempt.check(call)
    status = run.machine.state.status
    if status is RUNNING:
        return
    if status is NEW:
        raise RunNotBegunError(call=call, workflow=run.wiring.workflow)
    raise RunOverError(call=call, workflow=run.wiring.workflow, status=status.value)


def check_event(event: object, call: str) -> None:
    """Raise ``NotAnEventError`` for what is no event."""
    if not isinstance(event, Event):
        raise NotAnEventError(call=call, given=event)


def send(run: RunPort, attempt: Attempt | None, event: Event, step: str | None) -> None:
    """Send an event to all steps that accept it, or to one."""
    check_event(event, "send_event")
    check_open(run, attempt, "send_event")
    if run.host.thread != get_ident():
        in_loop_of(run, "send_event", send, run, attempt, event, step)
        return
    kind = type(event)
    target = None if step is None else _target(run, kind, step)
    if attempt is not None:  # what a step refuses is not counted: it is refused again
        if not attempt.careful:
            attempt.sends += 1
        elif is_repeated_send(attempt):
            if was_refused_send(attempt):
                _refuse(attempt, kind, HELD_LIMIT)
            return
    key = run.wiring.learn(kind)
    wakes = run.waits.matching(event) if run.waits.open else ()
    if attempt is None and target is None and run.children is not None and pass_down(run, event, key, wakes):
        return
    route = run.wiring.plan.routes[key]
    if not wakes and (not route.leads or (route.only_joins and _is_outside(attempt))):
        _hold(run, attempt, event)
    sender = None
    if attempt is not None:
        sender = attempt.start.attempt
        run.history.produce(attempt.step.number, key)
    run.apply(EventSent(run.clock() + run.offset, key, event, sender, target, wakes))


def _is_outside(attempt: Attempt | None) -> bool:
    """Return whether a sender is in no branch of a fan-out: a join takes only what comes out of one."""
    lineage = None if attempt is None else attempt.start.lineage
    return lineage is None or lineage.scope is None


def _hold(run: RunPort, attempt: Attempt | None, event: Event) -> None:
    """See to an event that nobody takes yet: there is room for so many."""
    held = len(run.machine.state.held)
    if held >= HELD_LIMIT:
        _refuse(attempt, type(event), held)
    if run.observers is not None:
        run.observers.event_held(event)


def _refuse(attempt: Attempt | None, kind: type[Event], held: int) -> NoReturn:
    if attempt is not None:
        note_refused_send(attempt)
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
    if attempt is None and run.loop.is_closed():
        check_loop(run, "write_event_to_stream")
    if not run.in_loop():
        check_loop(run, "write_event_to_stream")
        run.loop.call_soon_threadsafe(_write_now, run, attempt, event)
        return
    if not isinstance(event, InputRequiredEvent):
        run.wiring.plain_events.add(type(event))
    _write_now(run, attempt, event)


def _write_now(run: RunPort, attempt: Attempt | None, event: Event) -> None:
    if attempt is not None and is_repeated_show(attempt):
        return
    run.stream.write(event)
    if isinstance(event, InputRequiredEvent):
        run.apply(InputAsked(run.now()))


def call(run: RunPort, attempt: Attempt | None, awaitable: Awaitable[ValueT]) -> ValueT:
    """Await something in the run's loop, from another thread, and return its result there."""
    if not inspect.isawaitable(awaitable):
        raise errors.CallArgumentError(call="ctx.call", argument="coroutine", value=awaitable, accepted="a coroutine")
    try:
        if run.in_loop():
            raise WrongThreadError(call="ctx.call", remedy="In an async step, await the coroutine instead.")
        check_open(run, attempt, "ctx.call")
        check_answering(run, "ctx.call")
    except BaseException:
        if asyncio.iscoroutine(awaitable):
            awaitable.close()
        raise
    return awaited_by(run, "ctx.call", awaitable if attempt is None else _as_the_body(attempt, awaitable))


async def _as_the_body(attempt: Attempt, awaitable: Awaitable[ValueT]) -> ValueT:
    """Await what a ``def`` step's thread calls: its recorded calls are those of the body itself."""
    attempt.caller = asyncio.current_task()
    return await awaitable


def collect(
    run: RunPort, attempt: Attempt, event: Event, expected: Sequence[type[Event]], buffer_id: str | None
) -> list[Event] | None:
    """Keep an event until all that is expected has come."""
    check_event(event, "collect_events")
    check_open(run, attempt, "collect_events")
    if run.host.thread != get_ident():  # the threads of a def step would take the same events
        return in_loop_of(run, "collect_events", collect, run, attempt, event, expected, buffer_id)
    if not expected:
        return []
    if run.buffers is None:
        run.buffers = Buffers()
    name = buffer_id or ""
    place = (attempt.step.name, name)
    if attempt.collected is None and attempt.recollected is None and attempt.start.retry is None:
        taken = run.buffers.collect(place, event, expected)
        attempt.collected = {name: [taken]}
        return taken
    attempt.collected = attempt.collected or {}
    told = attempt.collected.setdefault(name, [])
    before = told_before(attempt, name)
    told.append(before[len(told)] if len(told) < len(before) else run.buffers.collect(place, event, expected))
    return told[-1]


def running_steps(run: RunPort) -> list[str]:
    """Return the names of the steps that have attempts in flight."""
    running = run.machine.state.running.values()
    return list(dict.fromkeys(run.wiring.steps[start.step].name for start in running))


def is_running(run: Any) -> bool:
    """Return whether a run is under way, or one to come will be taken up."""
    if isinstance(run, RunToCome):
        return run.is_running
    return run.machine.state.status is RUNNING


def snapshot(run: Any, serializer: Serializer | None, *, include_state: bool) -> dict[str, Any]:
    """Return a run, or what is to become one, as data."""
    from stepwell.runtime._snapshots import document_of  # noqa: PLC0415  # start-up time: it loads the codec

    if isinstance(run, RunToCome):
        return run.to_document(serializer, include_state=include_state)
    take = functools.partial(document_of, run, serializer, include_state=include_state)
    document: dict[str, Any] = take() if run.in_loop() else in_loop_of(run, "to_dict", take)
    return document


def open_task(run: RunPort, attempt: Attempt, coroutine: Coroutine[Any, Any, Any], name: str | None) -> BackgroundTask:
    """Start a background task that counts as running, and ends with the run at the latest."""
    try:
        check_open(run, attempt, "create_task")
    except BaseException:
        coroutine.close()
        raise
    variables = contextvars.copy_context()
    branch = variables.run(branch_for_task, attempt, attempt.tasks_opened)
    task = BackgroundTask(coroutine, loop=run.loop, name=name or f"{attempt.step.name} (background)", context=variables)
    if branch is not None:
        branch.task = task
    task.attempt = attempt.start.attempt
    task.owner = attempt
    task.ordinal = attempt.tasks_opened
    attempt.tasks_opened += 1
    if attempt.tasks is None:
        attempt.tasks = set()
        attempt.needs_care = True
    attempt.tasks.add(task)
    if run.background is None:
        run.background = set()
    run.background.add(task)
    if attempt.replay is None or task.ordinal >= attempt.replay.tasks_opened:
        run.apply(TaskOpened(run.now(), attempt.start.attempt))

    def closed(_: object) -> None:
        _task_ended(run, attempt, task)

    task.add_done_callback(closed)
    return task


def _task_ended(run: RunPort, attempt: Attempt, task: BackgroundTask) -> None:
    if run.background is None or task not in run.background:
        return  # the run is over, and the task was given up
    run.background.discard(task)
    if attempt.tasks_closed is None:
        attempt.tasks_closed = set()
    if task.ordinal in attempt.tasks_closed:  # it had ended before the snapshot from which its body ran again
        abandon_tasks(run, attempt)
        run.conclude_if_quiet()
        return
    attempt.tasks_closed.add(task.ordinal)
    error = None
    if attempt.start.attempt not in run.crew.attempts:
        error = _left_error(attempt, task)
        if error is not None:
            note_attempt(error, attempt)
            run.crew.failed_last = attempt
    run.apply(TaskClosed(run.now(), attempt.start.attempt, error))
    abandon_tasks(run, attempt)
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
