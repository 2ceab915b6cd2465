"""How an ending is told: the last event of the stream, and the error that ``await handler`` raises."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from stepwell import flow
from stepwell.core import EndRun, HalfJoin, Stall, Status
from stepwell.errors import WorkflowCancelledByUser, WorkflowStalledError, WorkflowTimeoutError
from stepwell.flow import StopEvent, Wiring, accepted_by, close_names
from stepwell.runtime._attempts import Attempt
from stepwell.runtime._observers import type_name


def verdict(
    ending: EndRun,
    *,
    wiring: Wiring,
    timeout: float | None,
    attempt: Attempt | None,
    now: float,
    half_full: Sequence[str] = (),
) -> tuple[StopEvent, BaseException]:
    """Return the last event of the stream and the error, of an ending that is no success."""
    error: BaseException
    match ending.status:
        case Status.CANCELLED:
            return cancelled(wiring.workflow)
        case Status.TIMED_OUT:
            active = [wiring.steps[step].name for step in ending.active]
            limit = timeout or 0.0
            error = WorkflowTimeoutError(workflow=wiring.workflow, timeout=limit, active_steps=active)
            return flow.WorkflowTimedOutEvent(timeout=limit, active_steps=active), error
        case Status.STALLED:
            assert ending.stall is not None
            error = stalled(ending.stall, wiring, half_full)
        case _:
            assert isinstance(ending.outcome, BaseException)
            error = ending.outcome
    last = flow.WorkflowFailedEvent(
        step_name=attempt.step.name if attempt is not None else "",
        exception=error,
        attempts=attempt.start.number if attempt is not None else None,
        elapsed_seconds=now - attempt.began if attempt is not None else None,
    )
    return last, error


def cancelled(workflow: str, *, with_loop: bool = False) -> tuple[StopEvent, BaseException]:
    """Return them of a run that was cancelled, perhaps with all tasks of its loop."""
    return flow.WorkflowCancelledEvent(), WorkflowCancelledByUser(workflow=workflow, with_loop=with_loop)


def note_attempt(error: BaseException, attempt: Attempt) -> None:
    """Add to a user's exception where it came from: step, event, attempt. It stays itself."""
    note = (
        f"in step {attempt.step.name!r} ({attempt.step.definition.location}), attempt {attempt.start.number}, "
        f"at event {type_name(attempt.start.event)}"
    )
    add_note(error, note)


def add_note(error: BaseException, note: str) -> None:
    """Add a note to a user's exception, once; one that refuses attributes keeps its own text only."""
    try:
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)
    except Exception:  # noqa: BLE001  # it may answer for its attributes itself, and as it likes
        return


def _half_full(half: HalfJoin, wiring: Wiring) -> str:
    """Return what a join has and what it lacks, by all that a parameter takes."""
    step = wiring.steps[half.step]
    taken = {
        wiring.learn(kind): " | ".join(one.__name__ for one in parameter.types)
        for parameter in step.signature.events
        for kind in parameter.types
    }
    counts = Counter(taken[key] for key in half.present)
    has = ", ".join(name if count == 1 else f"{count} {name}" for name, count in counts.items()) or "nothing"
    lacks = ", ".join(f"{count} more {taken[key]}" for key, count in half.missing)
    return f"the join {step.name!r} has {has} and waits for {lacks}"


def stalled(stall: Stall, wiring: Wiring, half_full: Sequence[str] = ()) -> WorkflowStalledError:
    """Return the error that explains why a run cannot go on."""
    name_of: Callable[[str], str] = lambda key: wiring.keys.classes[key].__name__  # noqa: E731
    takers = {step.name: [kind.__name__ for kind in accepted_by(step)] for step in wiring.steps}
    accepted = [kind for kinds in takers.values() for kind in kinds]
    unhandled = []
    for key, count in stall.unhandled:
        name = name_of(key)
        close = close_names(name, accepted)
        hint = f" (did you mean {close[0]}?)" if close else ""
        bases = [base.__name__ for base in wiring.keys.classes[key].__mro__[1:] if base.__name__ in accepted]
        if bases:
            hint = f" (routing is by exact type: for {bases[0]}'s subclasses use @step(accept_event_subclasses=True))"
        joiners = [wiring.steps[number].name for number in wiring.plan.routes[key].joins]
        if joiners:
            hint = f" outside of a fan-out (step {joiners[0]!r} joins only what a returned list opened)"
        unhandled.append((name, count, hint))
    joins = [*half_full, *(_half_full(half, wiring) for half in stall.joins)]
    last: Any = wiring.steps[stall.last_step].name if stall.last_step is not None else None
    return WorkflowStalledError(
        workflow=wiring.workflow,
        last_step=last,
        unhandled=unhandled,
        joins=joins,
        takers=[f"{name} ({' | '.join(kinds)})" for name, kinds in takers.items()],
    )
