"""From the parts of a snapshot to a machine's state and what goes with it. Everything is checked before it is used."""

from collections import deque

from stepwell.core import Held, Lane, Points, Settlement, State, Status, Suspension, Wait, find_flaw, recount
from stepwell.errors import SnapshotError
from stepwell.flow import Event, Wiring
from stepwell.runtime._branches import BranchPath, Call, Counts
from stepwell.runtime._buffers import Buffers
from stepwell.runtime._kept_events import StreamItem
from stepwell.runtime._origins import Origin
from stepwell.runtime._points import CHILD, SLEEP, WAIT
from stepwell.runtime._restored import RestoredBody, RestoredChild, RestoredRun, RestoredWait
from stepwell.runtime._snapshot_children import OWN
from stepwell.runtime._snapshot_fields import LARGEST, Fields, check_integer, check_list, check_text
from stepwell.runtime._snapshot_records import RecordReader
from stepwell.runtime._snapshot_values import Values


class RunReader:
    """Reads one run."""

    def __init__(self, wiring: Wiring, values: Values) -> None:
        self._wiring = wiring
        self._values = values
        self._records = RecordReader(wiring, values)
        self._state = State(len(wiring.plan.steps))
        self._timers: dict[int, float] = {}
        self._waits: dict[tuple[int, int], RestoredWait] = {}
        self._shown: list[StreamItem[Event]] = []

    def run(self, fields: Fields) -> RestoredRun:
        """Return the run, or raise a ``ContextSerdeError``; nothing was started then."""
        state = self._state
        self._read_attempts(fields)
        self._read_joins(fields)
        stream_end = self._read_stream(fields.inner("stream"))
        self._read_waits(fields)
        self._read_rest(fields)
        restored = RestoredRun(
            state=state,
            taken_at=fields.number("taken_at"),
            time_left=fields.number_or_none("time_left"),
            bodies=dict(self._body(one) for one in fields.each("bodies")),
            waits=self._waits,
            timers=self._timers,
            buffers=self._buffers(fields),
            stream_end=stream_end,
            questions=self._shown,
            children=dict(map(self._child, fields.each("children"))),
        )
        self._read_history(fields.inner("history"), restored)
        state.remaining = fields.number_or_none("time_kept")
        fields.close()
        state.status = Status.RUNNING
        recount(state)
        if min(restored.time_left or 0.0, state.remaining or 0.0) < 0:
            raise SnapshotError(path=fields.at("time_left"), reason="no less than no time is left")
        flaw = find_flaw(state, self._wiring.plan) or self._flaw(restored)
        if flaw is not None:
            raise SnapshotError(path=fields.path, reason=flaw)
        return restored

    def _read_attempts(self, fields: Fields) -> None:
        state, records = self._state, self._records
        state.running = records.starts(fields.each("running"))
        state.cancelling = records.starts(fields.each("cancelling"))
        state.lingering = records.starts(fields.each("lingering"))
        state.delayed = {}
        for one in fields.each("delayed"):
            start = records.start(one.inner("start"))
            state.delayed[start.attempt] = start
            self._timers[start.attempt] = one.number("at")
            one.close()
        for one in fields.each("lanes"):
            step = records.step(one.raw("step"), one.at("step"))
            if state.lanes[step] is not None:
                raise SnapshotError(path=one.path, reason="a step has its workers once")
            lane = state.lanes[step] = Lane(
                workers=self._wiring.plan.steps[step].workers,
                taken=one.integer("taken"),
                free=one.integers("free"),
                queue=deque(records.start(queued) for queued in one.each("queue")),
                returning=deque(one.integers("returning", 1)),
            )
            # Where somebody queues all workers were taken: the run goes on with as many, however many it has now.
            least = 1 if lane.queue or lane.returning else lane.workers
            lane.workers = max(least, lane.taken)
            one.close()

    def _read_joins(self, fields: Fields) -> None:
        state, records, plan = self._state, self._records, self._wiring.plan
        state.scopes = {scope.number: scope for scope in map(records.scope, fields.each("scopes"))}
        state.slots = {}
        for one in fields.each("slots"):
            step = records.step(one.raw("step"), one.at("step"))
            queues = one.items("queues", len(plan.steps[step].slots))
            state.slots[one.integer("scope"), step] = [
                deque(records.gathered(queue, one.at("queues"))) for queue in queues
            ]
            for place, queue in enumerate(state.slots[one.integer("scope"), step]):
                for _, event, _ in queue:
                    assert isinstance(event, Event)
                    if (step, place) not in self._wiring.route(type(event)).slots:
                        raise SnapshotError(path=one.at("queues"), reason="an event stands where it is not joined")
            one.close()
        state.held = {}
        for one in fields.each("held"):
            event = records.event(one.raw("event"), one.at("event"))
            sender = one.integer_or_none("sender", 1)
            state.held[one.integer("number", 1)] = Held(self._wiring.learn(type(event)), event, sender)
            one.close()

    def _read_waits(self, fields: Fields) -> None:
        state, records = self._state, self._records
        state.suspended, state.points = {}, {}
        for one in fields.each("suspended"):
            attempt = one.integer("attempt", 1)
            suspension = Suspension(returning=one.flag("returning"), detached=one.flag("detached"))
            for wait in one.each("open"):
                self._read_wait(wait, attempt, suspension)
            for answer in one.each("ready"):
                point = records.point(answer.inner("point"))
                settlement, value = records.outcome(point, answer, "event")
                suspension.ready += ((answer.integer("wait"), value, settlement, point),)
                waits_for_child = point.kind == CHILD
                self._waits[attempt, answer.integer("wait")] = RestoredWait(None, None, {}, waits_for_child)
                answer.close()
            if attempt in state.suspended:
                raise SnapshotError(path=one.path, reason="an attempt is suspended once")
            state.suspended[attempt] = suspension
            one.close()
        for one in fields.each("points"):
            points = Points(
                settled=[records.settled(entry) for entry in one.each("settled")],
                kept=tuple(records.settled(entry) for entry in one.each("kept")),
            )
            ended = {entry.settlement for entry in points.settled}
            kept = {entry.settlement for entry in points.kept}
            unknown = any(one.settlement is Settlement.ASKED and one.point.asks is None for one in points.kept)
            if Settlement.ASKED in ended or not kept <= {Settlement.ASKED, Settlement.DONE} or unknown:
                raise SnapshotError(path=one.path, reason="no call is recorded so")
            state.points[one.integer("attempt", 1)] = points
            one.close()

    def _read_wait(self, fields: Fields, attempt: int, suspension: Suspension) -> None:
        ordinal, name = fields.integer("wait"), fields.text_or_none("type")
        timer, at = fields.integer_or_none("timer", 1), fields.number_or_none("at")
        point = self._records.point(fields.inner("point"))
        works = fields.flag("works")
        is_right = {
            WAIT: name is not None and not works,
            SLEEP: name is None and timer is not None and not works,
            CHILD: name is None and timer is None,
        }
        if (timer is None) != (at is None) or not is_right.get(point.kind, False):
            raise SnapshotError(path=fields.path, reason="a wait is for an event, for a time, or for a child")
        if timer is not None and at is not None:
            if timer in self._timers:
                raise SnapshotError(path=fields.path, reason="two waits have one timer")
            self._timers[timer] = at
        kind = None if name is None else self._values.find_class(name)
        event_type = kind if kind is not None and issubclass(kind, Event) else None
        requirements = fields.raw("requirements")
        wanted = {} if requirements is None else self._records.value(requirements, fields.at("requirements"))
        if type(wanted) is not dict or not all(type(key) is str for key in wanted):
            raise SnapshotError(path=fields.at("requirements"), reason="names and values belong there")
        key = None if name is None else name.replace(":", ".", 1)
        if event_type is not None:
            key = self._wiring.learn(event_type)
        suspension.open[ordinal] = Wait(key, timer, works, point)
        self._waits[attempt, ordinal] = RestoredWait(
            event_type,
            None if event_type is not None else name,
            wanted,
            point.kind == CHILD,
        )
        fields.close()

    def _read_rest(self, fields: Fields) -> None:
        state = self._state
        state.now = fields.number("now")
        state.counter = fields.integer("counter", 1)
        state.external_events = fields.flag("external_events")
        state.unprompted = fields.flag("unprompted")
        state.questions = fields.integer("questions")
        state.checking = fields.flag("checking")
        last = fields.raw("last_step")
        state.last_step = None if last is None else self._records.step(last, fields.at("last_step"))
        state.stale_facts = fields.integer("stale_facts")
        state.tasks = {}
        for entry in fields.items("tasks"):
            attempt, count = check_list(entry, fields.at("tasks"), 2)
            state.tasks[check_integer(attempt, fields.at("tasks"), 1)] = check_integer(count, fields.at("tasks"), 1)

    # What the driver knows.

    def _body(self, fields: Fields) -> tuple[int, RestoredBody]:
        branches: dict[BranchPath, tuple[Call, Counts]] = {}
        path = fields.at("branches")
        for entry in fields.items("branches"):
            way, kind, name, *counts, writes_refused, sends_refused = check_list(entry, path, 8)
            sends, shown, writes = (check_integer(count, path) for count in counts)
            refused, refused_sends = (
                tuple(check_integer(one, path, 1) for one in check_list(refusals, path))
                for refusals in (writes_refused, sends_refused)
            )
            branch = tuple(check_integer(one, path, -LARGEST) for one in check_list(way, path))
            made = (sends, shown, writes, refused, refused_sends)
            branches[branch] = (check_text(kind, path), check_text(name, path)), made
        body = RestoredBody(
            started=fields.number("started"),
            timed_out=fields.flag("timed_out"),
            branches=branches,
            collected=self._records.collected(fields, "collected"),
            tasks_opened=fields.integer("tasks_opened"),
            tasks_closed=set(fields.integers("tasks_closed")),
        )
        number = fields.integer("attempt", 1)
        fields.close()
        return number, body

    def _flaw(self, restored: RestoredRun) -> str | None:
        """Return what does not fit between the machine's state and what the driver knows."""
        state = self._state
        if restored.bodies.keys() != {*state.running, *state.lingering}:
            return "each body that is under way is described once"
        if _awaited_children(state) != restored.children.keys():
            return "each child that a step waits for is described once"
        for number, body in restored.bodies.items():
            flaw = self._flaw_of_body(number, body)
            if flaw is not None:
                return flaw
        if (restored.time_left is not None or state.remaining is not None) and (restored.time_left is None) == (
            bool(state.active)
        ):
            return "the time limit runs while something is active, and only then"
        return None

    def _flaw_of_body(self, number: int, body: RestoredBody) -> str | None:
        state = self._state
        if not branches_fit(state, number, set(body.branches)):
            return f"the branches of attempt {number} are not those of its recorded calls"
        open_tasks = body.tasks_opened - len(body.tasks_closed)
        if open_tasks != state.tasks.get(number, 0) or any(one >= body.tasks_opened for one in body.tasks_closed):
            return f"the background tasks of attempt {number} are counted wrong"
        if body.timed_out and (number not in state.running or self._limit(number) is None):
            return f"attempt {number} has no time limit"
        return None

    def _child(self, fields: Fields) -> tuple[tuple[int, int], RestoredChild]:
        document, outcome = fields.raw("document"), fields.inner_or_none("outcome")
        if document is not None and (type(document) is not dict or outcome is not None):
            raise SnapshotError(path=fields.at("document"), reason="a child is under way, or over, or has not begun")
        own = fields.items("own")
        if any(one not in OWN for one in own):
            raise SnapshotError(path=fields.at("own"), reason=f"names of these belong there: {', '.join(OWN)}")
        child = RestoredChild(document, None, tuple(own), fields.at("document"))
        if outcome is not None:
            failed = outcome.flag("failed")
            value = self._records.value(outcome.raw("value"), outcome.at("value"))
            if failed and not isinstance(value, Exception):
                raise SnapshotError(path=outcome.at("value"), reason="an exception belongs there")
            child.outcome = failed, value
            outcome.close()
        name = fields.integer("attempt", 1), fields.integer("wait")
        fields.close()
        return name, child

    def _limit(self, attempt: int) -> float | None:
        return self._wiring.steps[self._state.running[attempt].step].options.timeout

    def _buffers(self, fields: Fields) -> Buffers | None:
        buffers = Buffers()
        for one in fields.each("buffers"):
            step = self._wiring.steps[self._records.step(one.raw("step"), one.at("step"))].name
            name = one.text("name")
            if (step, name) in buffers.by_place:
                raise SnapshotError(path=one.path, reason="a buffer is there once")
            buffers.restore((step, name), [self._records.event(data, one.at("events")) for data in one.items("events")])
            one.close()
        return buffers if buffers.by_place else None

    def _read_stream(self, fields: Fields) -> int:
        end = fields.integer("end")
        path = fields.at("questions")
        before = -1
        for entry in fields.items("questions"):
            cursor, data, origin = check_list(entry, path, 3)
            if not before < check_integer(cursor, path) < end:
                raise SnapshotError(path=path, reason="questions stand there in their order, before the end")
            event = self._records.questions[cursor] = self._records.event(data, path)
            ways = [Origin(*(check_text(one, path) for one in check_list(way, path, 3))) for way in origin]
            self._shown.append(StreamItem(cursor, event, tuple(ways)))
            before = cursor
        fields.close()
        return end

    def _read_history(self, fields: Fields, restored: RestoredRun) -> None:
        restored.ended = fields.integer("ended")
        for name in ("produced", "consumed", "answered"):
            counts: dict[tuple[int, str], int] = getattr(restored, name)
            for entry in fields.items(name):
                step, key, count = check_list(entry, fields.at(name), 3)
                number = self._records.step(step, fields.at(name))
                if check_text(key, fields.at(name)) in self._wiring.keys.classes:
                    counts[number, key] = check_integer(count, fields.at(name))
        fields.close()


def branches_fit(state: State, attempt: int, known: set[BranchPath]) -> bool:
    """Return whether an attempt has its body's branch, that of each recorded call, and of each those around it."""
    points, suspension = state.points.get(attempt), state.suspended.get(attempt)
    calls = [one.point for one in points.settled] if points is not None else []
    if suspension is not None:
        calls += [wait.point for wait in suspension.open.values() if wait.point is not None]
        calls += [point for *_, point in suspension.ready if point is not None]
    return () in known and all(point.branch in known for point in calls) and all(path[:-1] in known for path in known)


def _awaited_children(state: State) -> set[tuple[int, int]]:
    return {
        (attempt, ordinal)
        for attempt, suspension in state.suspended.items()
        for ordinal, wait in suspension.open.items()
        if wait.point is not None and wait.point.kind == CHILD
    }
