"""Random small workflows for the machine: each is built of parts that turn one event into exactly one other.

Such a workflow reaches its end whatever the order of things, unless ``Mischief`` allows its bodies to fail
for good, to return nothing, or to be too few for a join.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from stepwell.core import Gathering, Kind, Plan, StepPlan

FAILURE = "failure"
PING = "ping"
PONG = "pong"
SIDE = "side"
START = "start"
STOP = "stop"


@dataclass(frozen=True)
class Role:
    """What the bodies of one step return in the end.

    ``items`` are the bounds of the list it returns; ``back`` is the type it returns some times before ``gives``;
    ``asks`` names the answer that it requests; ``may_fail`` tells that a final failure does no harm.
    """

    gives: str | None
    items: tuple[int, int] | None = None
    back: str | None = None
    asks: str | None = None
    may_fail: bool = False


@dataclass(frozen=True)
class Mischief:
    """What may keep a run from its end."""

    fails: bool = False
    forgets: bool = False
    starves: bool = False


@dataclass
class Story:
    """A plan, and what its bodies do."""

    plan: Plan
    roles: tuple[Role, ...]
    mischief: Mischief


@dataclass
class Author:
    """Writes one story."""

    random: Random
    mischief: Mischief
    steps: list[dict[str, Any]] = field(default_factory=list)
    roles: list[Role] = field(default_factory=list)
    kinds: dict[str, Kind] = field(default_factory=dict)
    types: int = 0

    def new_type(self, kind: Kind = Kind.PLAIN) -> str:
        self.types += 1
        key = f"T{self.types}"
        self.kinds[key] = kind
        return key

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def add(self, role: Role, **plan: Any) -> int:
        plan.setdefault("workers", self.random.randint(1, 3))
        self.steps.append(plan)
        self.roles.append(role)
        return len(self.steps) - 1

    def step(self, taken: str, given: str, *, tolerated: bool, **role: Any) -> int:
        """Write one step, sometimes with another one that takes its failures."""
        number = self.add(Role(given, may_fail=tolerated, **role), accepts=(taken,))
        if self.chance(0.25):
            catcher = self.add(Role(given), accepts=())
            self.steps[number].update(catcher=catcher, recoveries=self.random.randint(1, 2))
        return number

    def part(self, taken: str, given: str, depth: int, *, tolerated: bool = False, top: bool = False) -> None:
        """Write the steps that turn ``taken`` into ``given``."""
        kinds = ["step", "step", "loop"]
        if depth:
            kinds = ["loop", "sequence", "sequence", "fan out", "fan out", "fan out", "slots"] + ["human"] * top
        match self.random.choice(kinds):
            case "step":
                self.step(taken, given, tolerated=tolerated)
            case "loop":
                self.loop(taken, given, tolerated)
            case "sequence":
                between = self.new_type()
                self.part(taken, between, depth - 1, tolerated=tolerated, top=top)
                self.part(between, given, depth - 1, tolerated=tolerated, top=top)
            case "fan out":
                self.fan_out(taken, given, depth, tolerated)
            case "slots":
                left, right = self.new_type(), self.new_type()
                self.part(taken, left, depth - 1)
                self.part(taken, right, depth - 1)
                self.add(Role(given, may_fail=tolerated), accepts=(), slots=(left, right))
            case _:
                answer = self.new_type(Kind.ANSWER)
                self.add(Role(None, asks=answer), accepts=(taken,))
                self.step(answer, given, tolerated=tolerated)

    def loop(self, taken: str, given: str, tolerated: bool) -> None:
        back = self.new_type()
        number = self.step(taken, given, tolerated=tolerated, back=back)
        self.steps[number]["accepts"] = (taken, back)

    def fan_out(self, taken: str, given: str, depth: int, tolerated: bool) -> None:
        item, result = self.new_type(), self.new_type()
        takes = self.random.randint(1, 3) if self.chance(0.5) else None
        least = 0 if takes is None or self.mischief.starves else takes
        gathering = Gathering(takes, self.chance(0.5), self.chance(0.4), takes is not None and self.chance(0.6))
        opener = self.add(Role(item, items=(least, least + 3), may_fail=tolerated), accepts=(taken,))
        self.part(item, result, depth - 1, tolerated=gathering.keeps_errors)
        joins = [self.add(Role(given, may_fail=tolerated), accepts=(result,), gathering=gathering)]
        if self.chance(0.3):
            second = Gathering(self.random.choice((None, None, 1)) if least else None, keeps_errors=self.chance(0.5))
            joins.append(self.add(Role(None), accepts=(result,), gathering=second))
        self.random.shuffle(joins)
        self.steps[opener]["joins"] = tuple(joins)

    def story(self) -> Story:
        self.kinds.update({START: Kind.PLAIN, STOP: Kind.STOP, PING: Kind.PLAIN, PONG: Kind.PLAIN, SIDE: Kind.PLAIN})
        self.kinds["question"] = Kind.ASK
        self.kinds[FAILURE] = Kind.PLAIN
        last = self.new_type()
        self.part(START, last, self.random.choice((0, 1, 2, 3, 3, 4)), top=True)
        self.add(Role(STOP), accepts=(last,))
        self.add(Role(None), accepts=(SIDE,), workers=1)
        plan = Plan(
            [StepPlan(f"s{n}", **step) for n, step in enumerate(self.steps)], kinds=self.kinds, failure_key=FAILURE
        )
        return Story(plan, tuple(self.roles), self.mischief)
