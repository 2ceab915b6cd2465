"""Errors of a run: what the engine finds about its steps, and what a caller asks of it in vain."""

from collections.abc import Sequence

from stepwell.errors._definitions import near_misses
from stepwell.errors._roots import StepError, StepwellError, UsageError
from stepwell.errors._shown import shown
from stepwell.errors._state import ContextStateError


class WorkflowRuntimeError(StepwellError, RuntimeError):
    """Something about a run is not as declared; the branches of it say whose fault that is."""


class UndeclaredResultError(StepError, WorkflowRuntimeError):
    """A step returned something that its return annotation does not declare."""

    def __init__(self, *, step: str, location: str, result: object, declared: Sequence[str], hint: str = "") -> None:
        self.step = step
        self.location = location
        self.result = result
        self.declared = tuple(declared)
        self.hint = hint
        allowed = " | ".join(declared) or "None"
        super().__init__(
            f"Step function {step} returned {_describe(result)}; its annotation declares -> {allowed} ({location}). "
            f"{hint or 'Return one of those, or add the type to the annotation.'}"
        )


def _describe(result: object) -> str:
    name = type(result).__name__
    if any(base.__name__ == "Event" for base in type(result).__mro__):
        return f"the undeclared event {name}"
    return f"{name} instead of an Event instance"


class StepTimeoutError(StepError, TimeoutError):
    """An attempt at a step took longer than ``@step(timeout=…)`` allows (seconds)."""

    def __init__(self, *, step: str, timeout: float) -> None:
        self.step = step
        self.timeout = timeout
        super().__init__(
            f"step {step!r} timed out after {timeout:g} seconds; time in waits, sleeps and child runs does not "
            f"count. Raise @step(timeout=…), or give the step a retry_policy or a @catch_error handler."
        )


class StepCancelledError(StepError, WorkflowRuntimeError):
    """A body ended by a ``CancelledError`` that its run had not asked for; that one is the ``__cause__``.

    ``from_outside`` says that somebody cancelled the attempt's task (the end of its event loop, for one): no retry
    policy and no handler of errors is asked then. Otherwise the body let the ``CancelledError`` of something that
    it awaited through, and the attempt failed as by any exception.
    """

    def __init__(self, *, step: str, from_outside: bool) -> None:
        self.step = step
        self.from_outside = from_outside
        if from_outside:
            how = "somebody cancelled its task, or its event loop came to an end"
            remedy = "End a run by handler.cancel_run(), and await its handler before the loop ends."
        else:
            how = "something that it awaits was cancelled, and it let that CancelledError through"
            remedy = "Catch it where the other task is awaited, or give the step a retry policy."
        super().__init__(f"step {step!r} was cancelled, and not by its run: {how}. {remedy}")


class WorkflowTimeoutError(StepError, TimeoutError):
    """A run took longer than its workflow's ``timeout`` (seconds)."""

    def __init__(self, *, workflow: str, timeout: float, active_steps: Sequence[str]) -> None:
        self.workflow = workflow
        self.timeout = timeout
        self.active_steps = tuple(active_steps)
        super().__init__(
            f"Operation timed out after {timeout:g} seconds. Currently active steps: "
            f"{', '.join(active_steps) or 'none'} (workflow {workflow!r}). Raise Workflow(timeout=…), or pass None "
            f"for no limit."
        )


class WorkflowStalledError(StepError):
    """A run has nothing left to do and has not ended: it can never go on.

    ``unhandled`` counts events that no step took, ``joins`` says which joins lack what, ``takers`` which
    steps accept events that could have come.
    """

    def __init__(
        self,
        *,
        workflow: str,
        last_step: str | None,
        unhandled: Sequence[tuple[str, int, str]],
        joins: Sequence[str],
        takers: Sequence[str],
    ) -> None:
        self.workflow = workflow
        self.last_step = last_step
        self.unhandled = tuple(unhandled)
        self.joins = tuple(joins)
        self.takers = tuple(takers)
        reasons = [f"{_times(name, count)} that no step takes{hint}" for name, count, hint in unhandled]
        reasons.extend(joins)
        if not reasons:
            reasons.append(
                f"step {last_step!r} ended without an event for any step" if last_step else "no step was started"
            )
        super().__init__(
            f"workflow {workflow!r} is stalled: no step is running, queued or waiting, and no StopEvent came. "
            f"Left over: {'; '.join(reasons)}. Steps that could go on: {'; '.join(takers) or 'none'}. "
            f"Return an event that a step accepts, or StopEvent; start background work by ctx.create_task (a bare "
            f"asyncio.create_task is not seen); pass run(external_events=True) when events come from outside."
        )


def _times(name: str, count: int) -> str:
    return f"event {name}" if count == 1 else f"{count} events {name}"


class WorkflowCancelledByUser(StepError):
    """The run was cancelled: by ``handler.cancel_run()``, or with all the tasks of its event loop."""

    def __init__(self, *, workflow: str, with_loop: bool = False) -> None:
        self.workflow = workflow
        self.with_loop = with_loop
        how = (
            "with all tasks of its event loop, as asyncio.run() does when main is over; it has no result. Await the "
            "handler before that."
            if with_loop
            else "by cancel_run(); it has no result."
        )
        super().__init__(f"the run of workflow {workflow!r} was cancelled {how}")


class StartFieldsError(UsageError, WorkflowRuntimeError):
    """The keyword arguments of ``run()`` do not make the workflow's start event."""

    def __init__(
        self, *, event: str, given: Sequence[str], problems: Sequence[str], suggestions: Sequence[str]
    ) -> None:
        self.event = event
        self.given = tuple(given)
        self.problems = tuple(problems)
        super().__init__(
            f"Failed creating a start event of type {event!r} with the keyword arguments: "
            f"{', '.join(given) or 'none'}. {'; '.join(problems)}." + near_misses(suggestions)
        )


class StartEventTypeError(UsageError, ValueError):
    """``run(start_event=…)`` got something else than the workflow's start event."""

    def __init__(self, *, expected: str, given: object) -> None:
        self.expected = expected
        self.given = given
        super().__init__(
            f"The 'start_event' argument must be an instance of 'StartEvent': this workflow starts with {expected}, "
            f"not with {type(given).__name__}."
        )


class NoRunningLoopError(UsageError, RuntimeError):
    """``run()`` was called where no event loop runs."""

    def __init__(self, *, workflow: str) -> None:
        self.workflow = workflow
        super().__init__(
            f"no running event loop: {workflow}.run() starts the run in the background of one. Call it in a "
            f"coroutine (asyncio.run(main())), or use run_sync(), which needs none."
        )


class NotAnEventError(UsageError, TypeError):
    """Something that is no event was sent or written, or something that is no event class was asked for."""

    def __init__(self, *, call: str, given: object, wanted: str = "an instance of an Event subclass") -> None:
        self.call = call
        self.given = given
        self.wanted = wanted
        what = f"the class {given.__name__}" if isinstance(given, type) else f"a {type(given).__name__}"
        super().__init__(f"{call} takes {wanted}, not {what}.")


class WorkflowStepDoesNotExistError(UsageError, WorkflowRuntimeError):
    """An event was sent to a step that the workflow does not have."""

    def __init__(self, *, step: str, workflow: str, suggestions: Sequence[str], steps: Sequence[str]) -> None:
        self.step = step
        self.workflow = workflow
        self.steps = tuple(steps)
        super().__init__(
            f"Step {step} does not exist: workflow {workflow!r} has {', '.join(steps)}."
            + near_misses([repr(name) for name in suggestions])
        )


class StepRefusesEventError(UsageError, WorkflowRuntimeError):
    """An event was sent to a step that does not accept its type."""

    def __init__(self, *, step: str, event: str, accepted: Sequence[str]) -> None:
        self.step = step
        self.event = event
        self.accepted = tuple(accepted)
        super().__init__(
            f"Step {step} does not accept event of type {event}; it accepts {', '.join(accepted)}. Send one of those, "
            f"or leave step= away to reach whoever accepts {event}."
        )


class TooManyHeldEventsError(UsageError, WorkflowRuntimeError):
    """Too many events were sent that no step accepts and no wait asked for."""

    def __init__(self, *, event: str, held: int) -> None:
        self.event = event
        self.held = held
        super().__init__(
            f"{held} events that no step accepts are already held for a wait_for_event; {event} would be one more. "
            f"Add a step that accepts it, or wait for it."
        )


class RunOverError(UsageError, WorkflowRuntimeError):
    """Something was asked of a run that has ended."""

    def __init__(self, *, call: str, workflow: str, status: str) -> None:
        self.call = call
        self.workflow = workflow
        self.status = status
        super().__init__(
            f"{call} came too late: the run of workflow {workflow!r} is over ({status}), and nothing takes it. "
            f"Do that before the StopEvent, or start a new run."
        )


class RunNotBegunError(UsageError, WorkflowRuntimeError):
    """Something was asked of a run that waits for its turn (``num_concurrent_runs``)."""

    def __init__(self, *, call: str, workflow: str) -> None:
        self.call = call
        self.workflow = workflow
        super().__init__(
            f"{call} came too early: the run of workflow {workflow!r} waits for its turn, because as many others as "
            f"num_concurrent_runs allows are under way. Send once it shows its first event, or allow more runs."
        )


class AttemptOverError(UsageError, WorkflowRuntimeError):
    """An attempt that was timed out, cancelled or given up still uses its context."""

    def __init__(self, *, call: str, step: str, why: str) -> None:
        self.call = call
        self.step = step
        self.why = why
        super().__init__(
            f"{call} is refused: this attempt at step {step!r} was {why}, and what it still does no longer counts. "
            f"Let the step end when it is cancelled."
        )


class NoAttemptError(ContextStateError, WorkflowRuntimeError):
    """A call that belongs inside a step was made outside of one."""

    def __init__(self, *, call: str) -> None:
        self.call = call
        super().__init__(
            f"{call} is only available from within step functions: it belongs to the attempt that calls it. "
            f"Use the ctx that the step got as its parameter."
        )


class WrongThreadError(UsageError, RuntimeError):
    """A call was made in a thread where it cannot work."""

    def __init__(self, *, call: str, remedy: str) -> None:
        self.call = call
        super().__init__(f"{call} was called in a thread where it cannot work. {remedy}")


class RunLoopError(UsageError, RuntimeError):
    """The event loop of a run was closed, does not run, or is blocked, and nothing can move the run on."""

    def __init__(self, *, call: str, workflow: str, how: str, is_closed: bool = False) -> None:
        self.call = call
        self.workflow = workflow
        self.how = how
        self.is_closed = is_closed
        super().__init__(
            f"{call} cannot go on: the event loop in which the run of workflow {workflow!r} was started {how}, and "
            f"nothing else moves the run. Await the handler in that loop before it ends, or use run_sync()."
        )


class OwnRunError(UsageError, WorkflowRuntimeError):
    """A step waits for the end of a run that cannot end before the step does."""

    def __init__(self, *, call: str, step: str, workflow: str, is_queued: bool) -> None:
        self.call = call
        self.step = step
        self.workflow = workflow
        self.is_queued = is_queued
        if is_queued:
            why = (
                f"that run of workflow {workflow!r} waits for its place (num_concurrent_runs=1), which the run of "
                f"this step has. Use ctx.run_child(), which needs no place of its own, or allow more runs at once."
            )
        else:
            why = (
                f"the run of workflow {workflow!r} cannot end while this step of it is at work. Let the step return, "
                f"and wait for the run outside of it; to end the run from here, call handler.cancel()."
            )
        super().__init__(f"{call} in step {step!r} would wait for ever: {why}")


class StreamCursorError(UsageError, ValueError):
    """``after=`` is no cursor of this stream."""

    def __init__(self, *, cursor: object, end: int) -> None:
        self.cursor = cursor
        super().__init__(
            f"after={shown(cursor)} is no cursor of this stream, whose cursors go from -1 to {end - 1}. Pass the "
            f".cursor of an item of handler.stream(), or leave it away to begin at the first event still there."
        )


class EventWaitTimeout(StepError, TimeoutError):
    """An event that a step waited for did not come in time (seconds)."""

    def __init__(self, *, event: str, timeout: float) -> None:
        self.event = event
        self.timeout = timeout
        super().__init__(
            f"Timed out waiting for {event} after {timeout:g} seconds. Send one by handler.ctx.send_event, or let "
            f"the step catch this error."
        )
