"""What a stream keeps of events that its reader has passed: their values, in blocks, in place of the objects.

A stream of words has tens of thousands of events that hardly anybody will ask for again. As objects they take 600 bytes
each, and the garbage collector looks at all of them, again and again, while the run goes on.

Rule 1. Nobody can tell. An event is taken apart only when nobody holds it, not even weakly, and when its fields say all
        there is to say of it. Who reads it later gets an equal one.
Rule 2. A block is taken apart whole, or kept whole.
"""

import itertools
from collections.abc import Iterator
from sys import getrefcount
from typing import Any, TypeAlias
from weakref import getweakrefcount

from stepwell.core import record
from stepwell.flow import Event, InputRequiredEvent

BLOCK = 64
"""How many events a block has."""


@record()
class Layout:
    """What events of a class have in common: their fields in order, and which of them were given."""

    kind: type[Event]
    names: tuple[str, ...]
    given: set[str]
    is_open: bool


@record()
class Block:
    """Events taken apart: the layout of each, and the values of all, one after the other."""

    layouts: list[Layout]
    values: list[Any]

    def __len__(self) -> int:
        return len(self.layouts)

    def events(self) -> Iterator[Event]:
        """Yield the events, made again."""
        at = 0
        for layout in self.layouts:
            behind = at + len(layout.names)
            event = object.__new__(layout.kind)
            fill = object.__setattr__  # the class may have one of its own, or be frozen
            fill(event, "__dict__", dict(zip(layout.names, self.values[at:behind], strict=True)))
            fill(event, "__pydantic_fields_set__", set(layout.given))
            fill(event, "__pydantic_extra__", {} if layout.is_open else None)
            fill(event, "__pydantic_private__", None)
            yield event
            at = behind


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

    __slots__ = ("_blocks", "_layouts", "count", "first")

    def __init__(self, first: int) -> None:
        self.first = first
        self.count = 0
        self._blocks: list[Kept] = []
        self._layouts: dict[object, Layout | None] = {}  # a stream's own: classes may be made in functions

    def add(self, events: list[Event]) -> None:
        """Add a block behind the others; the caller lets go of its events."""
        self.count += len(events)
        self._blocks.append(self._taken_apart(events) or events)

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
        """Return the block; ``None`` when one of the events is to be kept as it is."""
        known = self._layouts
        layouts: list[Layout] = []
        values: list[Any] = []
        for event in events:
            if getrefcount(event) > ALONE or getweakrefcount(event):
                return None
            kind = type(event)
            layout = known[kind] if kind in known else self._learn(kind, event)
            if layout is None or event.__pydantic_extra__ or tuple(event.__dict__) != layout.names:
                return None
            if event.__pydantic_fields_set__ != layout.given:
                layout = self._variant(event, layout)
            layouts.append(layout)
            values.extend(event.__dict__.values())
        return Block(layouts, values)

    def _learn(self, kind: type[Event], event: Event) -> Layout | None:
        layout = None
        if _is_its_fields(kind):
            is_open = event.__pydantic_extra__ is not None
            layout = Layout(kind, tuple(kind.model_fields), set(event.__pydantic_fields_set__), is_open)
        self._layouts[kind] = layout
        return layout

    def _variant(self, event: Event, layout: Layout) -> Layout:
        """Return the layout of an event for which other fields were given."""
        key = (layout.kind, frozenset(event.__pydantic_fields_set__))
        found = self._layouts.get(key)
        if found is None:
            found = Layout(layout.kind, layout.names, set(key[1]), layout.is_open)
            self._layouts[key] = found
        return found


def _is_its_fields(kind: type[Event]) -> bool:
    """Return whether an event of this class can be made again from its fields. Questions are known by identity."""
    return (
        not issubclass(kind, InputRequiredEvent)
        and not kind.__private_attributes__
        and not hasattr(kind, "__del__")
        and kind.__new__ is object.__new__
        and all(not vars(base).get("__slots__") for base in kind.__mro__[: kind.__mro__.index(Event)])
    )


def _references(held_once: list[object]) -> int:
    """Return what ``getrefcount`` says in ``_taken_apart`` of an event that only the list there holds."""
    count = 0
    for one in held_once:
        count = getrefcount(one)
    return count


ALONE = _references([object()])
