"""Values to text and back, and snapshots of runs."""

# mypy: ignore-errors

import datetime
import json

from engine import (
    DictState,
    Event,
    HumanResponseEvent,
    InMemoryStateStore,
    InputRequiredEvent,
    JsonSerializer,
    PickleSerializer,
)
from observing import error_seen, plain, program, refused
from pydantic import BaseModel


class Inner(BaseModel):
    name: str
    tags: list[str] = []


class Topic(Event):
    text: str
    inner: Inner | None = None


class Question(InputRequiredEvent):
    prompt: str


class Reply(HumanResponseEvent):
    text: str


def round_trip(serializer, value):
    try:
        return plain(serializer.deserialize(serializer.serialize(value)))
    except Exception as error:  # noqa: BLE001  # the observation is the error
        return error_seen(error, ValueError)


@program
async def plain_values_make_the_round_trip():
    values = [None, True, 3, -2.5, "text äöü", [1, [2, "x"]], {"a": {"b": [1, None]}}, [], {}]
    return [round_trip(JsonSerializer(), value) for value in values]


@program
async def models_and_events_make_the_round_trip():
    serializer = JsonSerializer(allowed_types=[Inner, Topic, Event])
    return [
        round_trip(serializer, Inner(name="n", tags=["t"])),
        round_trip(serializer, Topic(text="t", inner=Inner(name="m"))),
        round_trip(serializer, {"deep": [Inner(name="x"), {"more": Topic(text="y")}]}),
        round_trip(serializer, Event(free=1, list=[1, 2])),
    ]


@program
async def a_class_that_is_not_allowed_is_not_read():
    text = JsonSerializer(allowed_types=[Inner]).serialize(Inner(name="n"))
    return await refused(lambda: JsonSerializer(allowed_types=[Topic]).deserialize(text), Exception)


@program
async def types_are_added_to_a_serializer():
    serializer = JsonSerializer(allowed_types=[Inner]).with_types(Topic)
    return round_trip(serializer, [Inner(name="n"), Topic(text="t")])


@program
async def a_class_is_read_without_a_list_of_allowed_ones():
    return round_trip(JsonSerializer(), Inner(name="n"))


@program
async def values_that_json_does_not_know():
    values = [
        (1, 2),
        {1: "one"},
        {"set", "of"},
        datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        b"bytes",
    ]
    return [round_trip(JsonSerializer(), value) for value in values]


@program
async def what_cannot_be_kept_is_refused():
    return await refused(lambda: JsonSerializer().serialize({"a": [object()]}), ValueError)


@program
async def what_other_readers_of_json_find():
    return [isinstance(json.loads(JsonSerializer().serialize(value)), type(value)) for value in ([1], {"a": 1}, "s")]


@program
async def pickles_make_the_round_trip():
    values = [(1, 2), {1: "one"}, datetime.date(2026, 1, 2), Inner(name="n"), [Topic(text="t")]]
    return [round_trip(PickleSerializer(), value) for value in values]


@program
async def a_store_makes_the_round_trip():
    store = InMemoryStateStore(DictState(a=1, deep={"list": [1, {"x": None}]}))

    async def act():
        restored = InMemoryStateStore.from_dict(store.to_dict(JsonSerializer()), JsonSerializer())
        return await restored.get_state()

    return await refused(act, AttributeError)
