"""Recorded calls of a body: what was recorded of one is given again, what was not is done and recorded.

Rule 1. A call is known by its branch and place in a body that is run again after a snapshot, and by its kind,
        name and number in a further attempt after a failure.
Rule 2. Inside the function of ``once`` nothing else is recorded: it is one call, done whole or not at all.
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from contextvars import Token
from typing import TYPE_CHECKING, Any

from stepwell import errors
from stepwell.core import Point, PointRecorded, Settled, Settlement, TaskClosed, WaitId
from stepwell.flow import Event
from stepwell.runtime._attempts import Attempt
from stepwell.runtime._branches import (
    NO_COUNTS,
    Branch,
    TaskBranch,
    call_around,
    counting_branch,
    enter_call,
    leave_call,
    new_branch,
    next_path,
    own_branch,
    told,
)
from stepwell.runtime._ports import RunPort
from stepwell.runtime._state_copies import recorded_copy

if TYPE_CHECKING:  # loaded when first used; see ADR 13
    from stepwell.runtime._replay import Entry

WAIT = "wait_for_event"
SLEEP = "sleep"
ONCE = "once"
ONCE_TAKES = "a function, which once calls: once(name, fetch, url), not once(name, fetch(url))"
COMMIT = "commit"
CHILD = "run_child"
TASK = "create_task"

TOLD_AS_THEY_ARE = (str, int, float, bool, type(None))


def wait_name(event: str, requirements: Mapping[str, Any] | None) -> str:
    """Return the name of a wait that was given none: what it waits for."""
    if not requirements:
        return event
    wanted = (
        f"{key}={value!r}" if isinstance(value, TOLD_AS_THEY_ARE) else f"{key}: {type(value).__name__}"
        for key, value in sorted(requirements.items())
    )
    return f"{event}({', '.join(wanted)})"


def open_point(attempt: Attempt, kind: str, name: str, *, asks: Event | None = None) -> "tuple[Point, Entry | None]":
    """Return where the caller stands, and what is recorded of this call if the body runs again."""
    inside = call_around(attempt)
    if inside is not None:
        raise errors.NestedPointError(call=f"ctx.{kind}", inside=f"ctx.{inside}")
    branch = own_branch(attempt) or _first_call(attempt, kind, name)
    place = branch.place
    entry = attempt.replay.find(branch, place, kind, name) if attempt.replay is not None else None
    branch.place += 1
    point = Point(branch.path, place, kind, name, 0, asks)
    if name:
        point.nth = _count(attempt, point)
    return point, entry


def _first_call(attempt: Attempt, kind: str, name: str) -> Branch:
    parent = counting_branch(attempt)
    if attempt.replay is not None:
        return attempt.replay.claim(attempt, parent, kind, name)
    return new_branch(attempt, next_path(parent), (kind, name))


def branch_for_task(attempt: Attempt, ordinal: int) -> TaskBranch | None:
    """Begin the branch of a background task, in the context variables that the task will have.

    ``None`` inside the function of a recorded call: what is done there is counted with it, by its tasks too.
    """
    parent = counting_branch(attempt)
    if call_around(attempt) is not None:
        return None
    name = str(ordinal)
    if attempt.replay is not None:
        branch = attempt.replay.claim(attempt, parent, TASK, name)
    else:
        branch = new_branch(attempt, next_path(parent), (TASK, name))
    assert isinstance(branch, TaskBranch)
    return branch


def _count(attempt: Attempt, point: Point) -> int:
    first = attempt.first_call
    if first is None:
        attempt.first_call = point
        return 0
    if attempt.calls is None:
        attempt.calls = {(first.kind, first.name): 1}
    call = (point.kind, point.name)
    nth = attempt.calls.get(call, 0)
    attempt.calls[call] = nth + 1
    return nth


def kept_of(run: RunPort, attempt: Attempt, point: Point) -> Settled | None:
    """Return what an earlier attempt at the same event left of this call."""
    points = run.machine.state.points
    mine = points.get(attempt.start.attempt) if points else None
    if mine is None or not mine.kept:
        return None
    if attempt.kept is None:
        attempt.kept = {(one.point.kind, one.point.name, one.point.nth): one for one in mine.kept}
    return attempt.kept.get((point.kind, point.name, point.nth))


def note(run: RunPort, attempt: Attempt, point: Point, settlement: Settlement, value: object) -> None:
    """Record what came of a call."""
    run.apply(PointRecorded(run.now(), attempt.start.attempt, point, settlement, value))


async def recall(attempt: Attempt, entry: "Entry") -> tuple[Any, bool]:
    """Return what a recorded call came to, and whether its time was up; or raise what it raised."""
    assert attempt.replay is not None
    recalled: tuple[Any, bool] = await attempt.replay.settle(entry)
    return recalled


def reopened(
    run: RunPort, attempt: Attempt, entry: "Entry", event_type: type[Event] | None
) -> tuple[WaitId, "asyncio.Future[Any]"]:
    """Return the wait to which the body has come again: the machine has it open still."""
    assert entry.wait is not None
    assert entry.future is not None
    name = (attempt.start.attempt, entry.wait)
    run.waits.identify(name, event_type)
    return name, entry.future


def _enter(attempt: Attempt, point: Point, what: str) -> tuple[TaskBranch, Token[TaskBranch | None]]:
    branch = own_branch(attempt)
    assert branch is not None
    made = NO_COUNTS if attempt.replay is None else attempt.replay.made_in(branch, point.place)
    return enter_call(attempt, branch, point.place, what, made)


async def once(
    run: RunPort, attempt: Attempt, name: str, function: Callable[..., Any], arguments: tuple[Any, Any]
) -> Any:
    """Return what ``function`` returns, or returned when this call was made before."""
    point, entry = open_point(attempt, ONCE, name)
    if entry is not None:
        return recorded_copy((await recall(attempt, entry))[0])
    kept = kept_of(run, attempt, point)
    if kept is not None:
        note(run, attempt, point, Settlement.DONE, kept.value)
        return recorded_copy(kept.value)
    scope, token = _enter(attempt, point, told(ONCE, name))
    settlement: Settlement = Settlement.DROPPED
    value: Any = None
    try:
        result = function(*arguments[0], **arguments[1])
        value = await result if inspect.isawaitable(result) else result
        settlement = Settlement.DONE
    except Exception as error:
        settlement, value = Settlement.FAILED, error
        raise
    finally:
        leave_call(attempt, scope, token, careful=attempt.replay is not None)
        if attempt.over is None and attempt.stopping is None:
            note(run, attempt, point, settlement, recorded_copy(value))
    return value


def end_replay(run: RunPort, attempt: Attempt, error: BaseException | None = None) -> None:
    """Take note that a body, which ran again, is over; ``error`` is what it failed with though it counts no more."""
    assert attempt.replay is not None
    attempt.replay.body_is_over = True
    abandon_tasks(run, attempt, error)


def abandon_tasks(run: RunPort, attempt: Attempt, error: BaseException | None = None) -> None:
    """Report the background tasks that were not started again, once nothing is left that could start them."""
    replay = attempt.replay
    if replay is None or not replay.body_is_over:
        return
    if attempt.over is None and any(not task.done() for task in attempt.tasks or ()):
        return
    closed = attempt.tasks_closed or set()
    missing = [one for one in range(attempt.tasks_opened, replay.tasks_opened) if one not in closed]
    attempt.tasks_opened = max(attempt.tasks_opened, replay.tasks_opened)
    for _ in missing:
        is_left = attempt.start.attempt in run.machine.state.lingering and not replay.was_stopped
        run.apply(TaskClosed(run.now(), attempt.start.attempt, (error or replay.lacks_tasks()) if is_left else None))


async def commit(run: RunPort, attempt: Attempt) -> None:
    """Record that the body came here."""
    point, entry = open_point(attempt, COMMIT, "")
    if entry is not None:
        await recall(attempt, entry)
        return
    note(run, attempt, point, Settlement.DONE, None)
