"""What a stream keeps of events that its reader has passed: their values, in blocks, in place of the objects.

A stream of words has tens of thousands of events that hardly anybody will ask for again. As objects they take 600 bytes
each, and the garbage collector looks at all of them, again and again, while the run goes on.

Rule 1. Nobody can tell. An event is taken apart only when nobody holds it, not even weakly, and when its fields say all
        there is to say of it. Who reads it later gets an equal one.
Rule 2. A block is taken apart whole, or kept whole.
"""

import contextlib
import itertools
from collections.abc import Iterator
from operator import attrgetter, itemgetter
from sys import getrefcount
from typing import Any, TypeAlias
from weakref import getweakrefcount

from stepwell.core import record
from stepwell.flow import Event, InputRequiredEvent

BLOCK = 64
"""How many events are taken at once."""

Given: TypeAlias = set[str] | list[set[str]]


@record()
class Block:
    """Events of one class, taken apart: the ``values`` of all, field by field, and how to make them again.

    ``given`` says which fields were given: of all of them, or of each. ``is_open`` to further fields.
    """

    kind: type[Event]
    names: tuple[str, ...]
    count: int
    values: list[Any]
    given: Given
    is_open: bool

    def __len__(self) -> int:
        return self.count

    def events(self) -> Iterator[Event]:
        """Yield the events, made again."""
        names, values, count = self.names, self.values, self.count
        make, fill = object.__new__, object.__setattr__  # the class may have others, or be frozen
        sets = self.given if isinstance(self.given, list) else itertools.repeat(self.given, self.count)
        for place, given in enumerate(sets):
            event = make(self.kind)
            fill(event, "__dict__", dict(zip(names, values[place::count])))  # noqa: B905  # asking costs a quarter
            fill(event, "__pydantic_fields_set__", given.copy())
            fill(event, "__pydantic_extra__", {} if self.is_open else None)
            fill(event, "__pydantic_private__", None)
            yield event


Kept: TypeAlias = Block | list[Event]


class Batch:
    """Events that follow one another; those taken apart are made again one by one, as they are asked for."""

    __slots__ = ("_parts", "_passed")

    def __init__(self, parts: list[Kept], passed: int) -> None:
        self._parts = parts
        self._passed = passed  # so many of the first are not wanted

    def __len__(self) -> int:
        return sum(map(len, self._parts)) - self._passed

    def __iter__(self) -> Iterator[Event]:
        every = itertools.chain.from_iterable(part if isinstance(part, list) else part.events() for part in self._parts)
        return itertools.islice(every, self._passed, None)


class Backlog:
    """The older events of a stream. ``first`` is the cursor of the oldest, ``count`` how many there are."""

    __slots__ = ("_blocks", "_names", "count", "first")

    def __init__(self, first: int) -> None:
        self.first = first
        self.count = 0
        self._blocks: list[Kept] = []
        self._names: dict[type[Event], tuple[str, ...] | None] = {}  # a stream's own: classes may be made in functions

    def add(self, events: list[Event]) -> None:
        """Add a block behind the others, and empty the list: the caller lets go of its events."""
        alike = [list(group) for _, group in itertools.groupby(events, type)]
        events.clear()
        for group in alike:
            block: Kept = group
            with contextlib.suppress(Exception):  # of a class that answers for its attributes: then they stay whole
                block = self._taken_apart(group) or group
            self._blocks.append(block)
            self.count += len(group)

    def since(self, cursor: int, newer: list[Event]) -> "Batch":
        """Return the events from ``cursor`` on, and the ``newer`` ones behind them."""
        parts: list[Kept] = []
        passed = cursor - self.first
        for block in self._blocks:
            if parts or passed < len(block):
                parts.append(block)
            else:
                passed -= len(block)
        return Batch([*parts, newer], passed)

    def drop(self, gone: int) -> list[tuple[int, Event]]:
        """Forget the oldest, and return which of them were still whole, with their cursors."""
        dropped: list[tuple[int, Event]] = []
        for place, block in enumerate(self._blocks):
            if gone < len(block):
                del self._blocks[:place]
                break
            gone -= len(block)
            self._forget(block, dropped)
        else:
            self._blocks.clear()
        if gone:
            block = self._blocks[0]
            whole = block if isinstance(block, list) else list(block.events())
            self._blocks[0] = whole[gone:]
            self._forget(whole[:gone], dropped)
        return dropped

    def _forget(self, block: Kept, dropped: list[tuple[int, Event]]) -> None:
        if isinstance(block, list):
            dropped.extend(enumerate(block, self.first))
        self.first += len(block)
        self.count -= len(block)

    def whole(self) -> Iterator[tuple[int, Event]]:
        """Yield those that are still whole with their cursors, newest first."""
        behind = self.first + self.count
        for block in reversed(self._blocks):
            behind -= len(block)
            if isinstance(block, list):
                yield from reversed([*enumerate(block, behind)])

    def _taken_apart(self, events: list[Event]) -> Block | None:
        """Return events of one class as a block; ``None`` when one of them is to be kept as it is."""
        kind = type(events[0])
        if kind not in self._names:
            self._names[kind] = tuple(kind.model_fields) if _is_its_fields(kind) else None
        names = self._names[kind]
        count = len(events)
        if names is None or sum(map(getrefcount, events)) > ALONE * count or any(map(getweakrefcount, events)):
            return None
        fields: list[dict[str, Any]] = list(map(FIELDS, events))
        more = list(map(MORE, events))
        given: list[set[str]] = list(map(GIVEN, events))
        closed = more.count(None)
        if (
            list(itertools.chain.from_iterable(fields)) != [*names] * count
            or any(more)
            or 0 < closed < count
            or list(map(PRIVATE, events)).count(None) < count
            or sum(map(getrefcount, fields)) > (ALONE + 1) * count  # the list here
        ):
            return None
        values = list(itertools.chain.from_iterable([map(itemgetter(name), fields) for name in names]))
        same = given.count(given[0]) == count
        return Block(kind, names, count, values, given[0] if same else given, not closed)


FIELDS = attrgetter("__dict__")
GIVEN = attrgetter("__pydantic_fields_set__")
MORE = attrgetter("__pydantic_extra__")
PRIVATE = attrgetter("__pydantic_private__")


def _is_its_fields(kind: type[Event]) -> bool:
    """Return whether an event of this class can be made again from its fields. Questions are known by identity."""
    return (
        not issubclass(kind, InputRequiredEvent)
        and not hasattr(kind, "__del__")
        and kind.__new__ is object.__new__
        and kind.__getattribute__ is object.__getattribute__
        and all(not vars(base).get("__slots__") for base in kind.__mro__[: kind.__mro__.index(Event)])
    )


ALONE = max(map(getrefcount, [object()]))
"""What ``getrefcount`` says there of an object that only the list holds."""
