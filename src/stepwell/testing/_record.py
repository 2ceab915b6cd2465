"""What happened in a simulated run: each fact with the effects that followed, as they were at that moment."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field

from stepwell.core import Effect, Fact, Machine, Plan, StartStep


@dataclass(slots=True)
class Record:
    """The facts of one run, and its machine at the end."""

    machine: Machine
    entries: list[tuple[Fact, list[Effect]]] = field(default_factory=list)


class RecordingMachine(Machine):
    """The real machine, with ears. ``heard`` is called after each fact."""

    __slots__ = ("_heard", "record")

    def __init__(self, plan: Plan, heard: Callable[[Fact], None]) -> None:
        super().__init__(plan)
        self.record = Record(self)
        self._heard = heard

    def apply(self, fact: Fact) -> list[Effect]:
        effects = super().apply(fact)
        self.record.entries.append((fact, [_frozen(effect) for effect in effects]))
        self._heard(fact)
        return effects


def _frozen(effect: Effect) -> Effect:
    """Return a copy where the machine, or a body, changes what it was given."""
    if type(effect) is not StartStep:
        return effect
    start = copy(effect)
    if type(start.event) is list:
        start.event = list(start.event)
    return start


def replays_as_lived(record: Record) -> str | None:
    """Give the facts to a fresh machine; return what is not as it was when they happened."""
    fresh = Machine(record.machine.plan)
    for place, (fact, effects) in enumerate(record.entries):
        again = [_frozen(effect) for effect in fresh.apply(fact)]
        if again != effects:
            return f"fact {place} ({type(fact).__name__}) led to {_names(effects)}, and replayed to {_names(again)}"
    if fresh.state != record.machine.state:
        return "the same facts led to another state when they were replayed"
    return None


def _names(effects: list[Effect]) -> str:
    return ", ".join(type(effect).__name__ for effect in effects) or "nothing"
