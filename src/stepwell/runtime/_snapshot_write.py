"""From a run to the parts of a snapshot: its machine's state, record by record, and what its bodies did.

Written out by hand, so that the format is what stands here and not what a class happens to look like.
The cost is that of what is open; nothing of what is over is in it.
"""

from collections.abc import Callable, Iterable
from itertools import starmap
from typing import Any

from stepwell.core import (
    Lane,
    StartStep,
    State,
    Status,
    Suspension,
    WaitId,
)
from stepwell.flow import Event
from stepwell.runtime._attempts import Attempt
from stepwell.runtime._branches import Branch, made_so_far
from stepwell.runtime._buffers import Buffer
from stepwell.runtime._children import outcome_of
from stepwell.runtime._kept_events import StreamItem
from stepwell.runtime._ports import ChildPort, RunPort
from stepwell.runtime._questions import open_questions
from stepwell.runtime._snapshot_children import own_of
from stepwell.runtime._snapshot_puts import RecordWriter
from stepwell.runtime._snapshot_values import Values
from stepwell.runtime._waits import type_name


class RunWriter(RecordWriter):
    """Writes one run."""

    def __init__(self, run: RunPort, values: Values, document_of_child: Callable[[RunPort], dict[str, Any]]) -> None:
        super().__init__(run.wiring, values)
        self._run = run
        self._document_of_child = document_of_child
        self._state: State = run.machine.state
        # Whose branch was cut off: their background tasks were told to stop, and are not to begin again.
        self._gone = {number for number, start in self._state.lingering.items() if not self._is_alive(start)}

    def run(self) -> dict[str, Any]:
        """Return all but the store."""
        state, run = self._state, self._run
        now = run.now()
        questions = open_questions(run)
        self.places = {id(item.event): item.cursor for item in questions}
        bodies = {number: run.crew.attempts[number] for number in state.running}
        bodies.update(self._left_bodies())
        return {
            "taken_at": now,
            "now": state.now,
            "counter": state.counter,
            "external_events": state.external_events,
            "unprompted": state.unprompted,
            "questions": state.questions,
            "checking": state.checking,
            "last_step": None if state.last_step is None else self._names[state.last_step],
            "stale_facts": state.stale_facts,
            "time_left": None if state.deadline is None else max(0.0, state.deadline - now),
            "time_kept": state.remaining,
            "running": [self.start(start) for start in state.running.values()],
            "cancelling": [self.start(start) for start in state.cancelling.values()],
            "lingering": [self.start(start) for start in state.lingering.values() if start.attempt not in self._gone],
            "delayed": [
                {"start": self.start(start), "at": run.timers.due_at(start.attempt)} for start in state.delayed.values()
            ],
            "lanes": [self.lane(number, lane) for number, lane in enumerate(state.lanes) if lane is not None],
            "suspended": [
                self.suspension(number, one) for number, one in state.suspended.items() if number not in self._gone
            ],
            "points": [self.points(number, one) for number, one in state.points.items() if number not in self._gone],
            "scopes": [self.scope(scope) for scope in state.scopes.values()],
            "slots": [
                {"scope": home, "step": self._names[step], "queues": [self.gathered(step, queue) for queue in queues]}
                for (home, step), queues in state.slots.items()
            ],
            "held": [
                {
                    "number": number,
                    "event": self.value(held.event, "an event that nothing took yet"),
                    "sender": held.sender,
                }
                for number, held in state.held.items()
            ],
            "tasks": [[attempt, count] for attempt, count in state.tasks.items()],
            "bodies": [self.body(number, attempt) for number, attempt in bodies.items()],
            "children": [*starmap(self.child, self._children()), *self._children_to_come(bodies)],
            "buffers": [self.buffer(place, buffer) for place, buffer in self._buffers()],
            "stream": {"end": run.stream.end, "questions": [self.question(one) for one in questions]},
            "history": self.history(),
        }

    def _left_bodies(self) -> dict[int, Attempt]:
        """Return the attempts whose bodies are over and whose background tasks are not."""
        owners = (task.owner for task in self._run.background or ())
        left = self._state.lingering.keys() - self._gone
        return {one.start.attempt: one for one in owners if one is not None and one.start.attempt in left}

    def _children(self) -> Iterable[tuple[WaitId, ChildPort]]:
        children = self._run.children.open.items() if self._run.children is not None else ()
        return [(name, child) for name, child in children if self._awaits(name)]  # others are being cancelled

    def _awaits(self, name: WaitId) -> bool:
        attempt, ordinal = name
        suspension = self._state.suspended.get(attempt)
        return suspension is not None and ordinal in suspension.open and attempt not in self._gone

    def _children_to_come(self, bodies: dict[int, Attempt]) -> Iterable[dict[str, Any]]:
        """Yield the children that a snapshot held, and whose steps have not come to them again."""
        for number, attempt in bodies.items():
            waiting = attempt.replay.children if attempt.replay is not None else {}
            for ordinal, child in waiting.items():
                if child.outcome is None:
                    place = {"attempt": number, "wait": ordinal, "own": list(child.own)}
                    yield {**place, "document": child.document, "outcome": None}

    def child(self, name: WaitId, child: ChildPort) -> dict[str, Any]:
        under_way = child.machine.state.status is Status.RUNNING
        outcome = None
        if child.ending is not None:
            failed, value = outcome_of(child, child.ending)
            outcome = {"failed": failed, "value": self.value(value, f"the result of {child.wiring.workflow}")}
        return {
            "attempt": name[0],
            "wait": name[1],
            "own": own_of(child.workflow) if under_way else [],
            "document": self._document_of_child(child) if under_way else None,
            "outcome": outcome,
        }

    def _buffers(self) -> Iterable[tuple[tuple[str, str], Buffer]]:
        return self._run.buffers.by_place.items() if self._run.buffers is not None else ()

    # Workers.

    def lane(self, number: int, lane: Lane) -> dict[str, Any]:
        suspended = self._state.suspended
        # Who waited again while he queued, and was answered again, stands there twice.
        queuing = dict.fromkeys(lane.returning or ())
        returning = [one for one in queuing if one in suspended and suspended[one].returning]
        return {
            "step": self._names[number],
            "taken": lane.taken,
            "free": list(lane.free),
            "queue": [self.start(start) for start in lane.queue or () if self._is_alive(start)],
            "returning": returning,
        }

    def _is_alive(self, start: StartStep) -> bool:
        if start.lineage is None or start.lineage.scope is None:
            return True
        scope = self._state.scopes.get(start.lineage.scope)
        return scope is not None and not scope.cancelled

    # Waits and points.

    def suspension(self, attempt: int, one: Suspension) -> dict[str, Any]:
        return {
            "attempt": attempt,
            "returning": one.returning,
            "detached": one.detached,
            "open": [self.wait(attempt, ordinal) for ordinal in one.open],
            "ready": [
                {
                    "wait": ordinal,
                    "event": self.value(event, "the answer to a wait"),
                    "settlement": settlement.value,
                    "point": self.point(point),
                }
                for ordinal, event, settlement, point in one.ready
            ],
        }

    def wait(self, attempt: int, ordinal: int) -> dict[str, Any]:
        wait = self._state.suspended[attempt].open[ordinal]
        listener = self._run.waits.find((attempt, ordinal))
        assert listener is not None
        kind = listener.type_name if listener.event_type is None else type_name(listener.event_type)
        requirements = dict(listener.requirements)
        return {
            "wait": ordinal,
            "type": kind,
            "requirements": self.value(requirements, "the requirements of a wait_for_event") if requirements else None,
            "works": wait.works,
            "timer": wait.timer,
            "at": None if wait.timer is None else self._run.timers.due_at(wait.timer),
            "point": self.point(wait.point),
        }

    # What the driver knows.

    def body(self, number: int, attempt: Attempt) -> dict[str, Any]:
        branches: list[Branch] = [attempt, *(attempt.branches or {}).values()]
        told = {branch.path: (branch.first, made_so_far(branch)) for branch in branches}
        replay = attempt.replay
        if replay is not None:  # it has not come again to where it was
            told.update(replay.branches_left(told))
        collected = dict(attempt.recollected or {})
        for name, lists in (attempt.collected or {}).items():
            collected[name] = [*lists, *collected.get(name, [])[len(lists) :]]
        return {
            "attempt": number,
            "started": attempt.started,
            "timed_out": attempt.stopping == "timed out",
            "branches": [[list(path), *first, *made[:3], *map(list, made[3:])] for path, (first, made) in told.items()],
            "collected": self.collected(attempt.step.name, collected),
            "tasks_opened": max(attempt.tasks_opened, replay.tasks_opened if replay is not None else 0),
            "tasks_closed": sorted(attempt.tasks_closed or ()),
        }

    def buffer(self, place: tuple[str, str], buffer: Buffer) -> dict[str, Any]:
        step, name = place
        where = f"an event kept by collect_events of step {step!r}"
        return {
            "step": step,
            "name": name,
            "events": [self.value(event, where) for events in buffer.events.values() for event in events],
        }

    def question(self, item: StreamItem[Event]) -> list[Any]:
        origin = [list(one) for one in item.origin]
        return [item.cursor, self.value(item.event, "a question on the stream"), origin]

    def history(self) -> dict[str, Any]:
        history, names = self._run.history, self._names
        return {
            "produced": [[names[step], key, count] for (step, key), count in history.produced.items()],
            "consumed": [[names[step], key, count] for (step, key), count in history.consumed.items()],
            "answered": [[names[step], key, count] for (step, key), count in history.answered.items()],
            "ended": history.ended,
        }
