"""Reading the small records of a snapshot: attempts, points, joins. ``_snapshot_write`` says what they hold."""

from collections.abc import Iterable
from typing import Any

from stepwell.core import Lineage, Point, Retry, Route, Scope, Settled, Settlement, StartStep
from stepwell.errors import SnapshotError
from stepwell.flow import Event, StepFailedEvent, Wiring
from stepwell.runtime._points import CHILD, COMMIT, ONCE, SLEEP, WAIT
from stepwell.runtime._snapshot_fields import Fields, check_integer, check_list, check_text
from stepwell.runtime._snapshot_values import Values

SETTLEMENTS = {one.value: one for one in Settlement}
NAMED_KINDS = (WAIT, ONCE, CHILD)
POINT_KINDS = (*NAMED_KINDS, SLEEP, COMMIT)


class RecordReader:
    """Reads records for the steps of one workflow."""

    def __init__(self, wiring: Wiring, values: Values) -> None:
        self._wiring = wiring
        self._values = values
        self.questions: dict[int, Event] = {}

    def value(self, data: Any, path: str) -> Any:
        return self._values.read(data, path)

    def event(self, data: Any, path: str) -> Event:
        value = self.value(data, path)
        if not isinstance(value, Event):
            raise SnapshotError(path=path, reason=f"an event belongs there, not a {type(value).__name__}")
        self._wiring.learn(type(value))
        return value

    def events(self, data: Any, path: str) -> list[Event]:
        value = self.value(data, path)
        if type(value) is not list or not all(isinstance(one, Event) for one in value):
            raise SnapshotError(path=path, reason="a list of events belongs there")
        for one in value:
            self._wiring.learn(type(one))
        return value

    def step(self, name: Any, path: str) -> int:
        number = self._wiring.numbers.get(check_text(name, path))
        if number is None:
            raise SnapshotError(path=path, reason=f"the workflow has no step {name!r} any more")
        return number

    # Attempts.

    def starts(self, every: Iterable[Fields]) -> dict[int, StartStep]:
        return {start.attempt: start for start in map(self.start, every)}

    def start(self, fields: Fields) -> StartStep:
        step = self.step(fields.raw("step"), fields.at("step"))
        retry = fields.inner_or_none("retry")
        event = self.value(fields.raw("event"), fields.at("event"))
        start = StartStep(
            attempt=fields.integer("attempt", 1),
            step=step,
            key=self._key(step, event, fields),
            event=event,
            number=fields.integer("number", 1),
            parent=fields.integer_or_none("parent", 1),
            lineage=self.lineage(fields.raw("lineage"), fields.at("lineage")),
            queued_at=fields.number("queued_at"),
            worker=fields.integer("worker", -1),
            retry=None if retry is None else self._retry(retry),
            causes=tuple(fields.integers("causes", 1)),
            waits=fields.integer("waits"),
        )
        if (start.number > 1) != (start.retry is not None):
            raise SnapshotError(path=fields.at("retry"), reason="only a further attempt knows of an earlier one")
        fields.close()
        return start

    def _key(self, step: int, event: Any, fields: Fields) -> str:
        """Return the type key of what starts an attempt, if the step takes such a thing."""
        plan, path = self._wiring.plan.steps[step], fields.at("event")
        last = fields.integer_or_none("last")
        if plan.slots:
            if type(event) is not tuple or len(event) != len(plan.slots) or last is None or last >= len(event):
                raise SnapshotError(path=path, reason=f"step {plan.name!r} joins {len(plan.slots)} events")
            for place, one in enumerate(event):
                self._check((step, place) in self._route(one, path).slots, step, one, path)
            return self._wiring.learn(type(event[last]))
        if last is not None:
            raise SnapshotError(path=fields.at("last"), reason="only a join over several parameters has a last event")
        if plan.gathering is not None:
            if type(event) is not list:
                raise SnapshotError(path=path, reason=f"step {plan.name!r} takes a list of events")
            for one in event:
                taken = step in self._route(one, path).joins or (
                    plan.gathering.keeps_errors and isinstance(one, StepFailedEvent)
                )
                self._check(taken, step, one, path)
            return plan.accepts[0]
        self._check(step in self._route(event, path).triggers or self._handles(step, event), step, event, path)
        return self._wiring.learn(type(event))

    def _handles(self, step: int, event: Any) -> bool:
        return type(event) is StepFailedEvent and any(one.catcher == step for one in self._wiring.plan.steps)

    def _route(self, event: Any, path: str) -> Route:
        if not isinstance(event, Event):
            raise SnapshotError(path=path, reason=f"an event belongs there, not a {type(event).__name__}")
        return self._wiring.route(type(event))

    def _check(self, taken: bool, step: int, event: Any, path: str) -> None:
        if not taken:
            name = self._wiring.steps[step].name
            raise SnapshotError(path=path, reason=f"step {name!r} does not take a {type(event).__name__}")

    def lineage(self, data: Any, path: str) -> Lineage | None:
        if data is None:
            return None
        scope, index, recoveries = check_list(data, path, 3)
        return Lineage(
            None if scope is None else check_integer(scope, path, 1),
            check_integer(index, path),
            tuple(self.step(name, path) for name in check_list(recoveries, path)),
        )

    def _retry(self, fields: Fields) -> Retry:
        error = self.value(fields.raw("error"), fields.at("error"))
        if not isinstance(error, BaseException):
            raise SnapshotError(path=fields.at("error"), reason="an exception belongs there")
        collected = self.collected(fields, "collected")
        retry = Retry(fields.number("began"), error, fields.number("failed_at"), collected or None)
        fields.close()
        return retry

    def collected(self, fields: Fields, name: str) -> dict[str, list[list[Event] | None]]:
        collected: dict[str, list[list[Event] | None]] = {}
        path = fields.at(name)
        for entry in fields.items(name):
            buffer, told = check_list(entry, path, 2)
            collected[check_text(buffer, path)] = [
                None if one is None else self.events(one, path) for one in check_list(told, path)
            ]
        return collected

    # Points.

    def point(self, fields: Fields) -> Point:
        question = fields.integer_or_none("asks")
        if question is not None and question not in self.questions:
            raise SnapshotError(path=fields.at("asks"), reason="there is no such question on the stream")
        point = Point(
            branch=tuple(fields.integers("branch")),
            place=fields.integer("place"),
            kind=fields.text("kind"),
            name=fields.text("name"),
            nth=fields.integer("nth"),
            asks=None if question is None else self.questions[question],
        )
        if point.kind not in POINT_KINDS or (point.kind in NAMED_KINDS) != bool(point.name):
            raise SnapshotError(path=fields.at("kind"), reason=f"{point.kind!r} is no recorded call")
        fields.close()
        return point

    def settled(self, fields: Fields) -> Settled:
        point = self.point(fields.inner("point"))
        settlement, value = self.outcome(point, fields, "value")
        fields.close()
        return Settled(point, settlement, value)

    def outcome(self, point: Point, fields: Fields, name: str) -> tuple[Settlement, Any]:
        """Return how a call ended, and with what."""
        settlement = SETTLEMENTS.get(fields.text("settlement"))
        if settlement is None:
            raise SnapshotError(path=fields.at("settlement"), reason="no call ends so")
        value = self.value(fields.raw(name), fields.at(name))
        if not _fits(point.kind, settlement, value):
            raise SnapshotError(path=fields.at(name), reason=f"no {point.kind} comes to that")
        if isinstance(value, Event):
            self._wiring.learn(type(value))
        return settlement, value

    # Joins.

    def gathered(self, data: Any, path: str) -> list[tuple[int, object, int | None]]:
        items: list[tuple[int, object, int | None]] = []
        for item in check_list(data, path):
            index, event, cause = check_list(item, path, 3)
            cause = None if cause is None else check_integer(cause, path, 1)
            items.append((check_integer(index, path), self.event(event, path), cause))
        return items

    def scope(self, fields: Fields) -> Scope:
        joins = self._joins(fields, "joins")
        scope = Scope(
            number=fields.integer("number", 1),
            opener=fields.integer("opener", 1),
            joins=tuple(joins),
            lineage=self.lineage(fields.raw("lineage"), fields.at("lineage")),
            closed_joins=set(self._joins(fields, "closed_joins")),
            cancelled=fields.flag("cancelled"),
        )
        for entry in fields.each("gathered"):
            join = self.step(entry.raw("step"), entry.at("step"))
            items = self.gathered(entry.raw("items"), entry.at("items"))
            take = self._wiring.plan.steps[join].gathering
            full = take is not None and take.take is not None and len(items) >= take.take
            if join not in joins or join in scope.closed_joins or join in scope.gathered or full:
                raise SnapshotError(path=entry.path, reason="nothing is gathered for such a join")
            for _, event, _ in items:
                tolerated = take is not None and take.keeps_errors and isinstance(event, StepFailedEvent)
                self._check(join in self._route(event, entry.path).joins or tolerated, join, event, entry.path)
            scope.gathered[join] = items
            entry.close()
        fields.close()
        return scope

    def _joins(self, fields: Fields, name: str) -> list[int]:
        joins = [self.step(one, fields.at(name)) for one in fields.items(name)]
        if len(set(joins)) < len(joins) or any(self._wiring.plan.steps[join].gathering is None for join in joins):
            raise SnapshotError(path=fields.at(name), reason="these are no joins of a fan-out")
        return joins


def _fits(kind: str, settlement: Settlement, value: object) -> bool:
    """Return whether a call of a kind can come to that."""
    match settlement:
        case Settlement.FAILED:
            return kind in (ONCE, CHILD) and isinstance(value, Exception)
        case Settlement.DROPPED | Settlement.ASKED:
            return value is None
        case Settlement.LATE:
            return kind in (WAIT, SLEEP) and value is None
        case Settlement.DONE:
            return kind in (ONCE, CHILD) or (isinstance(value, Event) if kind == WAIT else value is None)
