"""What happened in a simulated run: each fact with the effects that followed, as they were at that moment."""

import io
import pickle
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field

from stepwell.core import Effect, Fact, Machine, Plan, StartStep, State, Status
from stepwell.flow import Event


@dataclass(slots=True)
class Record:
    """The facts of one run, and its machine at the end. ``taken_up`` is the state that it began with, if any.

    ``limits`` are the seconds that an attempt may take, by the number of its step.
    """

    machine: Machine
    limits: dict[int, float] = field(default_factory=dict)
    taken_up: bytes | None = None
    objects: list[object] = field(default_factory=list)
    entries: list[tuple[Fact, list[Effect]]] = field(default_factory=list)


class RecordingMachine(Machine):
    """The real machine, with ears. ``heard`` is called after each fact."""

    __slots__ = ("_heard", "record")

    def __init__(self, plan: Plan, heard: Callable[[Fact], None]) -> None:
        super().__init__(plan)
        self.record = Record(self)
        self._heard = heard

    def apply(self, fact: Fact) -> list[Effect]:
        if not self.record.entries and self.state.status is not Status.NEW:
            self.record.taken_up = pack(self.state, self.record.objects)
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


class _Packer(pickle.Pickler):
    """Writes a state down, but for what the machine only passes on: events, errors, results."""

    def __init__(self, file: io.BytesIO, objects: list[object]) -> None:
        super().__init__(file)
        self._objects = objects

    def persistent_id(self, thing: object) -> int | None:
        if isinstance(thing, (Event, BaseException)):
            self._objects.append(thing)
            return len(self._objects) - 1
        return None


class _Unpacker(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, objects: list[object]) -> None:
        super().__init__(file)
        self._objects = objects

    def persistent_load(self, number: int) -> object:
        return self._objects[number]


def pack(state: State, objects: list[object]) -> bytes:
    """Return a state as it is now; what it passes on goes to ``objects`` as it is."""
    file = io.BytesIO()
    _Packer(file, objects).dump(state)
    return file.getvalue()


def unpack(packed: bytes, objects: list[object]) -> State:
    """Return a state that was packed."""
    state: State = _Unpacker(io.BytesIO(packed), objects).load()
    return state


def replays_as_lived(record: Record) -> str | None:
    """Give the facts to a fresh machine; return what is not as it was when they happened."""
    state = None if record.taken_up is None else unpack(record.taken_up, record.objects)
    fresh = Machine(record.machine.plan, state)
    for place, (fact, effects) in enumerate(record.entries):
        again = [_frozen(effect) for effect in fresh.apply(fact)]
        if again != effects:
            return f"fact {place} ({type(fact).__name__}) led to {_names(effects)}, and replayed to {_names(again)}"
    if fresh.state != record.machine.state:
        return "the same facts led to another state when they were replayed"
    return None


def _names(effects: list[Effect]) -> str:
    return ", ".join(type(effect).__name__ for effect in effects) or "nothing"
