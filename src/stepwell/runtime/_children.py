"""Child runs, seen from the run that opened them: opened, listened to, talked to, closed.

Rule 1. A child is a run of its own: its steps, its state, its time limit. To the step that runs it, it is a wait.
Rule 2. What a child shows goes on to the streams of all runs above it as it happens, with its origin; its end does not.
Rule 3. An event from outside goes to all that accept it: this run's steps and waits, and its children's.
Rule 4. A child does not outlive what opened it: it is cancelled with its attempt, and the run ends after it.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic

from typing_extensions import TypeVar

from stepwell import errors
from stepwell.core import (
    COMPLETED,
    RUNNING,
    ChildClosed,
    ChildOpened,
    EndRun,
    EventSent,
    HeldPassedOn,
    InputAnswered,
    Kind,
    Point,
    Settlement,
    WaitDropped,
    WaitId,
)
from stepwell.errors import AttemptOverError, RunOverError, WrongThreadError
from stepwell.flow import Event, StartEvent, StopEvent
from stepwell.runtime._attempts import Attempt
from stepwell.runtime._history import note_wait
from stepwell.runtime._past import Past, PastRun, Way
from stepwell.runtime._points import CHILD, kept_of, note, open_point, recall
from stepwell.runtime._ports import ChildPort, Link, RunPort
from stepwell.runtime._state_copies import recorded_copy
from stepwell.runtime._verdicts import verdict
from stepwell.runtime._waits import ChildWait, held_answer, own_waits

if TYPE_CHECKING:  # loaded when first used; see ADR 13
    from stepwell.runtime._replay import Entry

StartT = TypeVar("StartT", bound=StartEvent, default=StartEvent)
StopT = TypeVar("StopT", bound=StopEvent, default=StopEvent)

DEPTH_LIMIT = 64
"""How many runs may stand within each other: a workflow that runs itself without end is told so."""


class RunsAsChild(Generic[StartT, StopT]):
    """What ``ctx.run_child`` takes: a workflow."""

    def as_child_run(self, link: Link, start_event: StartEvent | None, fields: dict[str, Any]) -> ChildPort:
        """Return a run that has not begun, for ``link``. Raises what ``run()`` raises."""
        raise NotImplementedError  # abstract: ``Workflow`` gives it, and imports this file


class Children:
    """The open children of one run, by the attempt that waits and the ordinal of its wait; and what is past."""

    __slots__ = ("_names", "open", "past")

    def __init__(self) -> None:
        self.open: dict[WaitId, ChildPort] = {}
        self.past = Past()
        self._names: dict[int, set[WaitId]] = {}

    def __bool__(self) -> bool:
        return bool(self.open)

    def add(self, name: WaitId, child: ChildPort) -> None:
        """Take in a child that an attempt opens."""
        self.open[name] = child
        self._names.setdefault(name[0], set()).add(name)

    def remove(self, name: WaitId) -> ChildPort:
        """Let a child go that is over, and return it."""
        names = self._names[name[0]]
        names.discard(name)
        if not names:
            del self._names[name[0]]
        return self.open.pop(name)

    def holds(self, attempt: int) -> bool:
        """Return whether the attempt has a child that is not over."""
        return attempt in self._names

    def cancel(self, grace: float, attempt: int | None = None) -> None:
        """End the children of an attempt, or all; their steps have ``grace`` seconds."""
        names = self.open if attempt is None else self._names.get(attempt, ())
        for child in [self.open[name] for name in names]:
            child.cancel(grace=grace)

    def expose_internal(self) -> None:
        """Let the children show internal events too."""
        for child in self.open.values():
            child.expose_internal()

    def working(self) -> Iterator[ChildPort]:
        """Yield the children that take events: those that have begun and not ended."""
        for child in list(self.open.values()):
            if child.machine.state.status is RUNNING:
                yield child


# From the step.


async def run_child(
    run: RunPort, attempt: Attempt, workflow: RunsAsChild[Any, Any], start_event: StartEvent | None, fields: Any
) -> Any:
    """Run ``workflow`` to its end within a step; return its result, or raise what ended it."""
    _check(run, attempt, workflow)
    point, entry = open_point(attempt, CHILD, type(workflow).__name__)
    if entry is not None and entry.wait is None:
        return recorded_copy((await recall(attempt, entry))[0])
    if entry is not None and attempt.replay is not None and entry.wait in attempt.replay.outcomes:
        return await _known_outcome(attempt, entry)
    kept = kept_of(run, attempt, point)
    if kept is not None:
        note(run, attempt, point, Settlement.DONE, kept.value)
        return recorded_copy(kept.value)
    name = (attempt.start.attempt, attempt.wait_count if entry is None or entry.wait is None else entry.wait)
    child = workflow.as_child_run(Link(run, attempt, name), start_event, fields)
    noted = note_wait(attempt, child.wiring.workflow, child.opened_at)
    future = _open(run, attempt, child, point) if entry is None else _reopen(run, attempt, child, entry)
    if run.observers is not None:
        run.observers.wait_started(attempt, name[1], f"child workflow {child.wiring.workflow}", None)
    outcome = "cancelled"
    try:
        child.launch()
        if entry is not None:
            _offer_held(run, child)
        await _end_of(run, child, future)
        result = settled(child)
        outcome = "ok"
        return result
    finally:
        noted[-1] = run.now()
        if run.waits.remove(name) is not None:
            run.crew.count_wait(attempt, -1)
            run.apply(WaitDropped(noted[-1], *name))
        if run.observers is not None:
            run.observers.wait_ended(attempt, name[1], outcome)


def _check(run: RunPort, attempt: Attempt, workflow: object) -> None:
    if not isinstance(workflow, RunsAsChild):
        raise errors.NotAChildWorkflowError(given=workflow)
    if not run.in_loop():
        raise WrongThreadError(call="ctx.run_child", remedy="In a def step, use ctx.call(ctx.run_child(…)).")
    attempt.check("run_child")
    status = run.machine.state.status
    if status is not RUNNING and attempt.stopping is None:
        raise RunOverError(call="run_child", workflow=run.wiring.workflow, status=status.value)
    is_again = attempt.replay is not None and not attempt.replay.body_is_over
    is_open = attempt.start.attempt in run.crew.attempts or bool(attempt.tasks) or is_again
    if attempt.stopping is not None or not is_open:
        raise AttemptOverError(call="run_child", step=attempt.step.name, why=attempt.stopping or "over already")
    depth = sum(1 for _ in ancestors(run))
    if depth >= DEPTH_LIMIT:
        raise errors.ChildDepthError(workflow=type(workflow).__name__, depth=depth)


def _open(run: RunPort, attempt: Attempt, child: ChildPort, point: Point) -> "asyncio.Future[Event | None]":
    name = (attempt.start.attempt, attempt.wait_count)
    attempt.wait_count += 1
    future: asyncio.Future[Event | None] = run.loop.create_future()
    own_waits(run).add(name, ChildWait(future, None, {}))
    run.crew.count_wait(attempt, 1)
    _keep(run, name, child)
    run.apply(ChildOpened(run.now(), *name, point))
    return future


def _reopen(run: RunPort, attempt: Attempt, child: ChildPort, entry: "Entry") -> "asyncio.Future[Event | None]":
    """Take up a child that was open when the snapshot was made; one that had not begun begins."""
    assert attempt.replay is not None
    assert entry.wait is not None
    assert entry.future is not None
    name = (attempt.start.attempt, entry.wait)
    before = attempt.replay.children.pop(entry.wait)
    if before.read is not None:
        try:
            child.go_on_from(before.read(child.workflow, child.wiring, attempt.step.name))
        except errors.ChildMismatchError as error:
            attempt.replay.disagree(error)
            run.waits.remove(name)
            run.crew.count_wait(attempt, -1)
            run.apply(WaitDropped(run.now(), *name))
            raise
    _keep(run, name, child)
    return entry.future


def _keep(run: RunPort, name: WaitId, child: ChildPort) -> None:
    if run.children is None:
        run.children = Children()
    run.children.add(name, child)


async def _known_outcome(attempt: Attempt, entry: "Entry") -> Any:
    """Return what became of a child that was over when the snapshot was made, and its step had not gone on."""
    assert attempt.replay is not None
    assert entry.wait is not None
    assert entry.future is not None
    await attempt.replay.catch_up(entry.future)
    await entry.future
    failed, value = attempt.replay.outcomes[entry.wait]
    if failed:
        raise value
    return recorded_copy(value)


def _offer_held(run: RunPort, child: ChildPort) -> None:
    """Give a child that was taken up what came from outside before its step, and those above, had come to it again."""
    for holder in (run, *(link.run for link in ancestors(run))):
        for number, held in list(holder.machine.state.held.items()):
            if held.sender is None and isinstance(held.event, Event) and _hand_to(child, held.event):
                holder.apply(HeldPassedOn(holder.now(), number))


async def _end_of(run: RunPort, child: ChildPort, future: "asyncio.Future[Event | None]") -> None:
    """Wait for the child; who stops waiting ends it, and waits until it has."""
    try:
        await future
    except asyncio.CancelledError:
        child.cancel(grace=run.crew.grace)
        await child.outcome.settled()
        raise


def settled(child: RunPort) -> Any:
    """Return what a child that is over gives to the step that waited for it, or raise what ended it.

    The one place where the settled result of a child is known: a recorded point of the step.
    """
    error = child.outcome.failure()
    if error is not None:
        raise error.with_traceback(child.outcome.traceback)
    event = child.outcome.event
    return event.result if type(event) is StopEvent else event


# From the child.


def close(link: Link) -> None:
    """Take note that the child is over; its step goes on, and a run that waited for this ends."""
    run = link.run
    assert run.children is not None
    now = run.now()
    child = run.children.remove(link.name)
    run.children.past.add(_past_run(child, now), child.children.past if child.children is not None else None)
    try:
        failed, value = False, recorded_copy(settled(child))
    except BaseException as error:  # noqa: BLE001  # the step's to see
        failed, value = True, error
    wait = run.waits.open.get(link.name)
    if wait is not None and wait.future.cancelled():  # the body gave it up: it saw nothing of how it ended
        run.waits.remove(link.name)
        run.crew.count_wait(link.attempt, -1)
        run.apply(WaitDropped(now, *link.name))
        return
    run.apply(ChildClosed(now, *link.name, failed, value))
    if wait is not None and link.attempt.stopping is not None and not wait.future.done():
        wait.future.set_result(None)  # the machine has let go of the attempt: nothing else would wake its body
    run.conclude_if_quiet()


def outcome_of(child: RunPort, ending: EndRun) -> tuple[bool, Any]:
    """Return what a child that has ended, and has not wound up yet, will give to its step; whether it is raised."""
    if ending.status is COMPLETED:
        event: Any = ending.outcome
        return False, event.result if type(event) is StopEvent else event
    _, error = verdict(
        ending,
        wiring=child.wiring,
        timeout=child.settings.timeout,
        attempt=child.crew.failed_last,
        now=child.now(),
    )
    return True, error


def way_to(child: ChildPort) -> Way:
    """Return the last part of the way to a child."""
    return ((child.path[-1].step, type(child.workflow)),)


def _past_run(child: ChildPort, now: float) -> PastRun:
    error = child.outcome.failure()  # heard: its step gets it, or has stopped listening
    return PastRun(
        path=child.path[-1:],
        way=way_to(child),
        steps=tuple(step.name for step in child.wiring.steps),
        opened_at=child.opened_at,
        closed_at=now,
        status=child.outcome.status,
        error="" if error is None else f"{type(error).__name__}: {error}",
        history=child.history,
    )


def ancestors(run: RunPort) -> Iterator[Link]:
    """Yield what ties a run to the one above it, that one to the next, and so on."""
    while run.link is not None:
        yield run.link
        run = run.link.run


# From outside.


def pass_down(run: RunPort, event: Event, key: str, wakes: tuple[WaitId, ...] = ()) -> bool:
    """Send an event from outside to all children that take it; return whether that leaves nothing to do here."""
    if run.children is None or isinstance(event, StartEvent):
        return False
    taken = [_hand_to(child, event) for child in run.children.working()]
    route = run.wiring.plan.routes[key]
    if not any(taken) or wakes or route.leads:
        return False
    if route.kind is Kind.ANSWER:
        run.apply(InputAnswered(run.now()))
    return True


def _hand_to(child: ChildPort, event: Event) -> bool:
    """Send the event to a child that takes it, or to what takes it below; return whether anybody did."""
    key = child.wiring.learn(type(event))
    wakes = child.waits.matching(event) if child.waits.open else ()
    if pass_down(child, event, key, wakes):
        return True
    route = child.wiring.plan.routes[key]
    accepts = (route.triggers or route.slots) and route.kind in (Kind.PLAIN, Kind.ANSWER)
    if wakes or accepts:
        child.apply(EventSent(child.now(), key, event, None, None, wakes))
        return True
    return False


def claim_held(run: RunPort, name: WaitId, event_type: type[Event], requirements: Mapping[str, Any]) -> None:
    """Answer a wait with an event from outside that a run above holds, if there is one."""
    for link in ancestors(run):
        above = link.run
        number = held_answer(above.machine.state.held, event_type, requirements, from_outside=True)
        if number is not None:
            event = above.machine.state.held[number].event
            above.apply(HeldPassedOn(above.now(), number))
            run.apply(EventSent(run.now(), run.wiring.learn(event_type), event, None, None, (name,)))
            return


# For who looks.


def awaited_events(run: RunPort) -> tuple[type[Event], ...]:
    """Return the event types that open waits of a run and its children ask for."""
    below = run.children.open.values() if run.children is not None else ()
    return tuple(dict.fromkeys([*run.waits.awaited(), *(kind for child in below for kind in awaited_events(child))]))


def waits_for_outside(run: RunPort) -> bool:
    """Return whether only an event from outside can move the run on: nothing is active, and nothing sleeps."""
    state = run.machine.state
    if run.ending is not None or state.active or state.tasks or run.waits.has_sleepers():
        return False
    return run.children is None or all(waits_for_outside(child) for child in run.children.open.values())
