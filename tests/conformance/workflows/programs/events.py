"""Events as values: fields, further fields, reading like a dict, dumping."""

# mypy: ignore-errors

from engine import (
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
)
from observing import plain, program, refused
from pydantic import Field, PrivateAttr, ValidationError


class Topic(Event):
    text: str
    score: int = Field(default=1, ge=0)


class Secret(Event):
    name: str
    _token: str = PrivateAttr(default="none")
    _count: int = PrivateAttr(default_factory=int)


class Final(StopEvent):
    text: str = "end"


@program
async def declared_fields_are_checked_and_have_defaults():
    topic = Topic(text="wells")
    return {
        "values": [topic.text, topic.score],
        "missing": await refused(lambda: Topic(score=1), ValidationError),
        "wrong": await refused(lambda: Topic(text="x", score=-1), ValidationError),
        "fields": sorted(Topic.model_fields),
        "true": bool(topic),
    }


@program
async def further_fields_are_read_as_attributes_and_as_items():
    event = Event(name="ann", nested={"a": [1, 2]})
    return {
        "attributes": [event.name, event.nested],
        "items": [event["name"], event["nested"]],
        "get": [event.get("name"), event.get("none"), event.get("none", 5)],
        "keys": sorted(event.keys()),
        "values": plain(sorted(map(str, event.values()))),
        "pairs": sorted([key, str(value)] for key, value in event.items()),
        "in": ["name" in event, "none" in event],
        "len": [len(event), len(Event())],
        "iter": sorted(event),
        "to_dict": event.to_dict(),
        "no_item": await refused(lambda: event["none"], KeyError),
        "no_attribute": await refused(lambda: event.none, AttributeError),
    }


@program
async def fields_are_set_as_attributes_and_as_items():
    event = Event(a=1)
    event.b = 2
    event["c"] = 3
    event.a = 10
    topic = Topic(text="x")
    topic.text = "changed"
    topic.further = "too"
    return [sorted(event.items()), topic.text, topic.further, topic["further"]]


@program
async def declared_fields_are_no_items():
    topic = Topic(text="wells", further=2)
    return {
        "in": "text" in topic,
        "get": topic.get("text", "absent"),
        "keys": sorted(topic.keys()),
        "len": len(topic),
        "to_dict": topic.to_dict(),
    }


@program
async def declared_fields_are_dumped():
    return [Topic(text="wells").model_dump(), Topic.model_validate({"text": "a", "score": 2}).model_dump()]


@program
async def further_fields_are_dumped():
    return [
        Topic(text="wells", further=2).model_dump(),
        Event(a=1).model_dump(),
        StartEvent(a=1).model_dump(),
        repr(Event(a=1)),
    ]


@program
async def a_stop_event_is_dumped_with_its_result():
    return [StopEvent(result=3).model_dump(), Final(text="x").model_dump()]


@program
async def a_stop_event_without_a_result_is_dumped():
    return StopEvent().model_dump()


@program
async def private_attributes_are_no_fields():
    secret = Secret(name="n", _token="given")  # no password
    plain_secret = Secret(name="m")
    plain_secret._count += 2
    return {
        "values": [secret._token, plain_secret._token, plain_secret._count],
        "dump": secret.model_dump(),
        "in": "_token" in secret,
    }


@program
async def a_stop_event_carries_any_result():
    event = StopEvent(result={"a": 1})
    return [event.result, StopEvent().result, StopEvent(7).result, Final(text="x").text, Final().result]


@program
async def further_fields_of_questions_and_answers():
    question = InputRequiredEvent(prefix="Name?", choices=["a", "b"])
    answer = HumanResponseEvent(response="a")
    return [question.prefix, question.get("choices"), answer.response, answer["response"]]


@program
async def events_are_equal_by_value():
    return [
        Topic(text="a") == Topic(text="a"),
        Topic(text="a") == Topic(text="b"),
        Event(a=1) == Event(a=1),
        Event(a=1) == Event(a=2),
    ]


@program
async def a_copy_is_independent():
    topic = Topic(text="a", further=[1])
    copied = topic.model_copy(update={"text": "b"})
    deep = topic.model_copy(deep=True)
    deep.further.append(2)
    return [topic.text, copied.text, topic.further, deep.further]
