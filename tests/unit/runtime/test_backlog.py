"""What a stream keeps of events that its reader has passed: nobody can tell, and it is little."""

import asyncio
import functools
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ConfigDict, PrivateAttr, create_model
from tests.unit.runtime.virtual_loop import virtually

from stepwell import Context, Event, InputRequiredEvent, StartEvent, StopEvent, StreamGap, Workflow, step
from stepwell.runtime import _kept_events
from stepwell.runtime._backlog import BLOCK, Backlog, Block
from stepwell.runtime._stream import EventStream


class Word(Event):
    number: int
    text: str = "word"


class Frozen(Event):
    model_config = ConfigDict(frozen=True)
    number: int


class Closed(Event):
    model_config = ConfigDict(extra="forbid")
    numbers: list[int]


class Secretive(Event):
    number: int
    _secret: str = PrivateAttr(default="secret")


class Counted(Event):
    number: int

    @functools.cached_property
    def double(self) -> int:
        return self.number * 2


class Slotted(Event):
    __slots__ = ("note",)
    number: int


class Made(Event):
    number: int

    def __new__(cls, **fields: Any) -> "Made":
        return super().__new__(cls)


class Mourned(Event):
    number: int

    def __del__(self) -> None:
        pass


class Initialized(Event):
    number: int

    def model_post_init(self, context: Any) -> None:
        object.__setattr__(self, "__pydantic_private__", {"by": "hand"})


class Answering(Event):
    number: int

    def __getattribute__(self, name: str) -> Any:
        return super().__getattribute__(name)


class Question(InputRequiredEvent):
    number: int


def with_double(number: int) -> Counted:
    event = Counted(number=number)
    assert event.double == number * 2
    return event


def bare(number: int) -> Word:
    """Return an event that pydantic knows nothing of."""
    event = object.__new__(Word)
    object.__setattr__(event, "number", number)
    return event


def unlike_the_first(number: int) -> Word:
    event = Word(number=number)
    if number:
        object.__setattr__(event, "__pydantic_extra__", None)
    return event


def reordered(number: int) -> Word:
    event = Word(number=number, text="first")
    del event.number
    event.number = number
    assert list(event.__dict__) == ["text", "number"]
    return event


TAKEN_APART: dict[str, Callable[[int], Event]] = {
    "given and default": lambda number: Word(number=number),
    "all given": lambda number: Word(number=number, text="other"),
    "frozen": lambda number: Frozen(number=number),
    "closed to further fields": lambda number: Closed(numbers=[number]),
    "no fields": lambda number: Event(),
    "an end": lambda number: StopEvent(result=number),
}
KEPT_WHOLE: dict[str, Callable[[int], Event]] = {
    "further fields": lambda number: StartEvent(number=number),
    "private attributes": lambda number: Secretive(number=number),
    "a cached property": with_double,
    "fields in another order": reordered,
    "one with a cached property": lambda number: with_double(number) if number == 2 else Counted(number=number),
    "one with its fields in another order": lambda number: reordered(number) if number == 2 else Word(number=number),
    "slots": lambda number: Slotted(number=number),
    "a constructor": lambda number: Made(number=number),
    "private values of its own": lambda number: Initialized(number=number),
    "an answer for each attribute": lambda number: Answering(number=number),
    "another kind of extra": unlike_the_first,
    "a finalizer": lambda number: Mourned(number=number),
    "a question": lambda number: Question(number=number),
}
ANY = {**TAKEN_APART, **KEPT_WHOLE}


def told(event: Event) -> tuple[Any, ...]:
    extra = event.__pydantic_extra__
    return (type(event), list(event.__dict__.items()), event.__pydantic_fields_set__, extra, event.__pydantic_private__)


@pytest.mark.parametrize("kind", TAKEN_APART)
def test_an_event_that_is_its_fields_is_taken_apart_and_made_again(kind: str) -> None:
    backlog = Backlog(0)
    before = [told(TAKEN_APART[kind](number)) for number in range(3)]

    backlog.add([TAKEN_APART[kind](number) for number in range(3)])

    assert isinstance(backlog._blocks[0], Block)
    again = list(backlog.since(0, []))
    assert [told(event) for event in again] == before
    assert again == [TAKEN_APART[kind](number) for number in range(3)]
    again[0].__dict__["changed"] = True
    again[0].__pydantic_fields_set__.add("changed")
    assert told(next(iter(backlog.since(0, [])))) == before[0]


@pytest.mark.parametrize("kind", KEPT_WHOLE)
def test_an_event_that_is_more_than_its_fields_is_kept_whole(kind: str) -> None:
    backlog = Backlog(0)
    before = [told(KEPT_WHOLE[kind](number)) for number in range(3)]

    backlog.add([KEPT_WHOLE[kind](number) for number in range(3)])

    assert isinstance(backlog._blocks[0], list)
    assert [told(event) for event in backlog.since(0, [])] == before


def test_an_event_that_somebody_holds_stays_the_same_object() -> None:
    backlog = Backlog(0)
    held = Word(number=1)
    others: list[Event] = [Word(number=2), Word(number=3)]
    weak = weakref.ref(others[1])

    backlog.add([Word(number=0), held])
    backlog.add(others)
    del others

    assert list(backlog.since(0, []))[1] is held
    assert weak() is list(backlog.since(0, []))[3]


def test_an_event_that_fails_to_tell_of_itself_is_kept_whole() -> None:
    backlog = Backlog(0)

    backlog.add([Word(number=0), bare(1)])

    assert (backlog.count, len(backlog.since(0, []))) == (2, 2)
    assert next(iter(backlog.since(1, []))).__dict__ == {"number": 1}


def test_an_event_whose_fields_somebody_holds_is_kept_whole() -> None:
    backlog = Backlog(0)
    events: list[Event] = [Word(number=0), Word(number=1)]
    fields = vars(events[1])

    backlog.add(events)
    fields["number"] = 2

    assert list(backlog.since(0, [])) == [Word(number=0), Word(number=2)]


def test_events_of_a_class_may_have_been_given_different_fields() -> None:
    backlog = Backlog(0)
    fields: dict[str, Any] = {f"field{place}": (int, 0) for place in range(4)}
    many = create_model("many", __base__=Event, **fields)
    shown: list[Event] = [
        many(**{f"field{place}": 1 for place in range(4) if number >> place & 1}) for number in range(16)
    ]
    before = [told(event) for event in shown]

    backlog.add(shown)

    assert isinstance(backlog._blocks[0], Block)
    assert [told(event) for event in backlog.since(0, [])] == before


@given(
    blocks=st.lists(st.lists(st.sampled_from(sorted(ANY)), min_size=1, max_size=4), max_size=6),
    drops=st.lists(st.integers(0, 8), max_size=4),
    first=st.integers(0, 5),
)
def test_a_backlog_is_a_list_that_begins_later_and_later(blocks: list[list[str]], drops: list[int], first: int) -> None:
    backlog, model = Backlog(first), list[tuple[int, tuple[Any, ...]]]()
    for kinds in blocks:
        cursors = range(first + len(model), first + len(model) + len(kinds))
        model.extend((cursor, told(ANY[kind](cursor))) for cursor, kind in zip(cursors, kinds, strict=True))
        backlog.add([ANY[kind](cursor) for cursor, kind in zip(cursors, kinds, strict=True)])
    whole = {cursor for cursor, _ in backlog.whole()}

    for gone in drops:
        gone = min(gone, backlog.count)
        dropped = [cursor for cursor, _ in backlog.drop(gone)]
        missing, model = [cursor for cursor, _ in model[:gone]], model[gone:]

        assert set(missing) & whole <= set(dropped) <= set(missing)
        assert backlog.count == len(model)
        assert backlog.first == (model[0][0] if model else backlog.first)
        for cursor, _ in model:
            newer: list[Event] = [Word(number=-1)]
            batch = backlog.since(cursor, newer)
            wanted = [content for place, content in model if place >= cursor]
            assert len(batch) == len(wanted) + 1
            assert [told(event) for event in batch] == [*wanted, told(newer[0])]
        assert [cursor for cursor, _ in backlog.whole()] == sorted((c for c, _ in backlog.whole()), reverse=True)


class Talker(Workflow):
    @step
    async def talk(self, ctx: Context, ev: StartEvent) -> StopEvent:
        for number in range(ev.words):
            ctx.write_event_to_stream(Word(number=number))
            if number % 10 == 0:
                await asyncio.sleep(0)
        return StopEvent(result=ev.words)


def living() -> int:
    gc.collect()
    return sum(type(one) is Word for one in gc.get_objects())


@virtually
async def test_what_the_only_reader_has_passed_is_kept_without_the_objects() -> None:
    handler = Talker().run(words=2_000)

    most = 0
    async for event in handler.stream_events():
        if isinstance(event, Word) and event.number % 500 == 499:
            most = max(most, living())
    late = [event async for event in handler.stream_events()]
    behind = [item async for item in handler.stream(after=1_000)]

    assert most <= 3 * BLOCK
    assert late == [*(Word(number=number) for number in range(2_000)), StopEvent(result=2_000)]
    assert [item.cursor for item in behind] == list(range(1_001, 2_001))
    assert [item.event for item in behind] == late[1_001:]


@virtually
async def test_with_several_readers_each_gets_the_same_objects() -> None:
    handler = Talker().run(words=500)

    async def read() -> list[Event]:
        return [event async for event in handler.stream_events()]

    one, other = await asyncio.gather(read(), read())

    assert len(one) == 501
    assert all(a is b for a, b in zip(one, other, strict=True))


def test_nothing_is_put_by_while_there_are_several_readers() -> None:
    loop = asyncio.new_event_loop()
    stream = EventStream(loop, None)
    stream.readers = 2
    for number in range(3 * BLOCK):
        stream.write(Word(number=number))

    stream.take(3 * BLOCK)

    assert isinstance(stream.take(0)[2], list)  # as they are: the other is to read them still
    loop.close()


def test_what_is_put_by_counts_against_the_limit() -> None:
    loop = asyncio.new_event_loop()
    stream = EventStream(loop, 100)
    stream.readers = 1
    most = 0
    for number in range(5_000):
        stream.write(Word(number=number))
        stream.take(number + 1)
        most = max(most, stream.end - stream._first)

    assert BLOCK < most <= 201
    assert [item.event.missed for item in stream.take(0)[0] if isinstance(item.event, StreamGap)] == [4_900]
    loop.close()


class Model:
    """The stream as it would be if everything was kept as it is, and swept at once."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.shown: list[tuple[Any, ...]] = []

    def late(self) -> list[Any]:
        edge = max(0, len(self.shown) - self.limit)
        questions = [one for one in self.shown[:edge] if one[0] is Question]
        return [*questions, *self.shown[edge:]]


@given(
    limit=st.integers(1, 40),
    turns=st.lists(
        st.tuples(st.lists(st.sampled_from(sorted(ANY)), max_size=9), st.booleans(), st.booleans()), max_size=12
    ),
)
def test_a_stream_that_puts_events_by_shows_what_one_that_does_not_would(
    limit: int, turns: list[tuple[list[str], bool, bool]]
) -> None:
    loop = asyncio.new_event_loop()
    stream, model = EventStream(loop, limit), Model(limit)
    stream.readers = 1
    place, number = 0, 0
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_kept_events, "BLOCK", 3)
        for kinds, reads, somebody_is_late in turns:
            for kind in kinds:
                model.shown.append(told(ANY[kind](number)))
                stream.write(ANY[kind](number))
                number += 1
            if reads:
                instead, cursor, events = stream.take(place)
                missed = sum(item.event.missed for item in instead if isinstance(item.event, StreamGap))
                kept = [told(item.event) for item in instead if not isinstance(item.event, StreamGap)]
                assert missed + len(kept) == cursor - place
                assert all(one[0] is Question for one in kept)
                assert [told(event) for event in events] == model.shown[cursor:]
                place = cursor + len(events)
            if somebody_is_late:
                instead, cursor, events = stream.take(None)
                assert [told(item.event) for item in instead] + [told(event) for event in events] == model.late()
            assert stream.end == len(model.shown)
            questions = [told(item.event) for item in stream.newest_first() if isinstance(item.event, Question)]
            assert questions == [one for one in reversed(model.shown) if one[0] is Question]
    loop.close()
