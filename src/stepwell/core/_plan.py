"""What a run can do: the steps of a workflow and the ways events take between them.

A plan is made once for a workflow and shared by all its runs. It is data about types, named by
keys; it knows no class. A type that was not declared is added when it is first seen (``learn``),
which changes nothing for the types already there.
"""

from collections.abc import Sequence
from enum import Enum

from stepwell.core._records import record
from stepwell.core._state import alone


class Kind(Enum):
    """What an event means to the run itself."""

    PLAIN = "plain"
    STOP = "stop"
    ASK = "ask"
    ANSWER = "answer"


@record(frozen=True)
class Gathering:
    """How a join of a fan-out gathers. ``take`` is ``None`` when it wants all branches."""

    take: int | None = None
    ordered: bool = False
    keeps_errors: bool = False
    cancels_rest: bool = False


@record(frozen=True)
class StepPlan:
    """One step: what starts it and how many of it may run at once.

    ``accepts`` are the type keys of its event parameter. ``slots`` has one key for each parameter of a
    join over several; ``gathering`` is set for a join of a fan-out, whose item keys are ``accepts``.
    ``joins`` are the steps that join a fan-out which this step opens. ``catcher`` is the step that
    takes its failures, ``recoveries`` how often it may in one lineage.
    """

    name: str
    accepts: tuple[str, ...]
    workers: int = 4
    accepts_subclasses: bool = False
    slots: tuple[str, ...] = ()
    gathering: Gathering | None = None
    joins: tuple[int, ...] = ()
    catcher: int | None = None
    recoveries: int = 0


@record()
class Route:
    """Where events of one type go. ``leads`` when any step takes them, or the run itself does.

    ``collector`` is the only join, if it wants all branches and such events go nowhere else; -1 where there is none.
    ``slots`` are the parameters of joins that such an event fits, by step and place; ``places`` the same, by step. It
    fills one parameter of each step.
    """

    kind: Kind
    triggers: tuple[int, ...]
    slots: tuple[tuple[int, int], ...]
    joins: tuple[int, ...]
    simple: bool = False
    only_joins: bool = False
    is_one_step: bool = False
    is_plain: bool = False
    collector: int = -1
    places: tuple[tuple[int, tuple[int, ...]], ...] = ()
    ends_run: bool = False
    asks: bool = False
    only_asks: bool = False
    leads: bool = False

    def __post_init__(self) -> None:
        self.is_plain = self.kind is Kind.PLAIN
        self.ends_run = self.kind is Kind.STOP
        self.asks = self.kind is Kind.ASK
        self.leads = bool(self.triggers or self.slots or self.joins) or self.ends_run or self.asks
        plain = self.is_plain and not self.slots
        only_steps = bool(self.triggers) and not self.slots and not self.joins
        self.simple = only_steps and self.kind in (Kind.PLAIN, Kind.ANSWER)
        self.is_one_step = plain and only_steps and len(self.triggers) == 1
        self.only_asks = self.asks and not (self.triggers or self.slots or self.joins)
        self.only_joins = plain and bool(self.joins) and not self.triggers
        steps = dict.fromkeys(step for step, _ in self.slots)
        self.places = tuple([(step, tuple([place for one, place in self.slots if one == step])) for step in steps])


class Routes(dict[str, Route]):
    """The routes of the types seen so far. A type that was never learned leads nowhere."""

    def __missing__(self, key: str) -> Route:
        return _NOWHERE


_NOWHERE = Route(Kind.PLAIN, (), (), ())


class Plan:
    """The steps and the routes between them."""

    __slots__ = ("alone", "failure_key", "kinds", "routes", "slot_steps", "steps", "takes_answers")

    def __init__(self, steps: Sequence[StepPlan], *, kinds: dict[str, Kind], failure_key: str) -> None:
        self.steps = tuple(steps)
        self.alone = tuple([alone(step.workers) for step in self.steps])
        self.slot_steps = tuple(number for number, step in enumerate(self.steps) if step.slots)
        self.kinds = dict(kinds)
        self.failure_key = failure_key
        self.routes = Routes()
        self.takes_answers = False
        for key in kinds:
            self.learn(key, kinds[key], ())

    def learn(self, key: str, kind: Kind, ancestors: Sequence[str]) -> Route:
        """Return the route of a type; ``ancestors`` are the keys of its base classes, nearest first."""
        known = self.routes.get(key)
        if known is not None:
            return known
        taken = [
            (number, step)
            for number, step in enumerate(self.steps)
            if key in step.accepts or (step.accepts_subclasses and not set(step.accepts).isdisjoint(ancestors))
        ]
        route = Route(
            kind=kind,
            triggers=tuple(n for n, step in taken if not step.slots and step.gathering is None),
            slots=tuple(
                (number, place) for number, step in enumerate(self.steps) for place in _fitting(step, key, ancestors)
            ),
            joins=tuple(n for n, step in taken if step.gathering is not None),
        )
        if route.only_joins and [self._takes(join) for join in route.joins] == [None]:
            [route.collector] = route.joins
        self.kinds[key] = kind
        self.routes[key] = route
        if kind is Kind.ANSWER and (route.triggers or route.slots or route.joins):
            self.takes_answers = True
        return route

    def _takes(self, join: int) -> int | None:
        gathering = self.steps[join].gathering
        assert gathering is not None
        return gathering.take


def _fitting(step: StepPlan, key: str, ancestors: Sequence[str]) -> list[int]:
    """Return the places in a join of several parameters that events of a type fit: first those of that very type."""
    places = [
        place
        for place, wanted in enumerate(step.slots)
        if wanted == key or (step.accepts_subclasses and wanted in ancestors)
    ]
    return sorted(places, key=lambda place: step.slots[place] != key)
