"""Writing the small records of a snapshot: attempts, points, joins. ``_snapshot_records`` reads them."""

from collections.abc import Iterable
from typing import Any

from stepwell.core import Lineage, Point, Points, Retry, Scope, Settled, Settlement, StartStep
from stepwell.flow import Event, Wiring
from stepwell.runtime._branches import told as call_told
from stepwell.runtime._snapshot_values import Values


class RecordWriter:
    """Writes records for the steps of one workflow."""

    def __init__(self, wiring: Wiring, values: Values) -> None:
        self._wiring = wiring
        self._values = values
        self._names = [step.name for step in wiring.steps]
        self.places: dict[int, int] = {}

    def value(self, value: object, where: str) -> Any:
        return self._values.write(value, where)

    def start(self, start: StartStep) -> dict[str, Any]:
        name = self._names[start.step]
        return {
            "attempt": start.attempt,
            "step": name,
            "event": self.value(start.event, f"the event of step {name!r}"),
            "last": self._last(start),
            "number": start.number,
            "parent": start.parent,
            "lineage": self.lineage(start.lineage),
            "queued_at": start.queued_at,
            "worker": start.worker,
            "retry": None if start.retry is None else self.retry(name, start.retry),
            "causes": list(start.causes),
            "waits": start.waits,
        }

    def _last(self, start: StartStep) -> int | None:
        """Return which event of a join over several parameters came last: the attempt has its key."""
        if not isinstance(start.event, tuple):
            return None
        keys = [self._wiring.learn(type(event)) for event in start.event]
        return keys.index(start.key)

    def lineage(self, lineage: Lineage | None) -> Any:
        if lineage is None:
            return None
        return [lineage.scope, lineage.index, [self._names[step] for step in lineage.recoveries]]

    def retry(self, name: str, retry: Retry) -> dict[str, Any]:
        collected: Any = retry.collected
        return {
            "began": retry.began,
            "error": self.value(retry.error, f"the failure of step {name!r}"),
            "failed_at": retry.failed_at,
            "collected": self.collected(name, collected),
        }

    def collected(self, name: str, collected: "dict[str, list[list[Event] | None]] | None") -> list[Any]:
        return [
            [
                buffer,
                [None if one is None else self.value(one, f"the events collected by step {name!r}") for one in told],
            ]
            for buffer, told in (collected or {}).items()
        ]

    def point(self, point: Point | None) -> dict[str, Any]:
        assert point is not None, "the driver gives each wait a point"
        return {
            "branch": list(point.branch),
            "place": point.place,
            "kind": point.kind,
            "name": point.name,
            "nth": point.nth,
            "asks": self.places.get(id(point.asks)),
        }

    def points(self, attempt: int, points: Points) -> dict[str, Any]:
        return {
            "attempt": attempt,
            "settled": [self.settled(one) for one in points.settled],
            "kept": [self.settled(one) for one in points.kept if self._is_known(one)],
        }

    def _is_known(self, one: Settled) -> bool:
        """Return whether it counts for whoever takes the run up: a question does when it is shown again."""
        return one.settlement is not Settlement.ASKED or id(one.point.asks) in self.places

    def settled(self, one: Settled) -> dict[str, Any]:
        what = call_told(one.point.kind, one.point.name)
        return {
            "point": self.point(one.point),
            "settlement": one.settlement.value,
            "value": self.value(one.value, f"the result of ctx.{what}"),
        }

    def scope(self, scope: Scope) -> dict[str, Any]:
        names = self._names
        return {
            "number": scope.number,
            "opener": scope.opener,
            "joins": [names[step] for step in scope.joins],
            "closed_joins": sorted(names[step] for step in scope.closed_joins),
            "lineage": self.lineage(scope.lineage),
            "gathered": [
                {"step": names[step], "items": self.gathered(step, items)} for step, items in scope.gathered.items()
            ],
            "cancelled": scope.cancelled,
        }

    def gathered(self, step: int, items: Iterable[tuple[int, object, int | None]]) -> list[Any]:
        where = f"an event that step {self._names[step]!r} joins"
        return [[index, self.value(event, where), cause] for index, event, cause in items]
