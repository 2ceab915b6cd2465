"""Events as values: what their constructor makes of its arguments."""

from typing import Any

import pytest
from pydantic import PrivateAttr

from stepwell.flow import Event, StopEvent


class Verdict(StopEvent):
    text: str


class Secret(Event):
    name: str
    _token: str = PrivateAttr(default="none")
    _count: int = PrivateAttr(default_factory=int)


class Prepared(Secret):
    def model_post_init(self, context: object) -> None:
        self._count += 1


@pytest.mark.parametrize("kind", [Secret, Prepared])
def test_an_argument_named_like_a_private_attribute_becomes_that(kind: type[Secret]) -> None:
    arguments: dict[str, Any] = {"name": "a", "free": 1, "_token": "given"}

    event = kind(**arguments)

    assert event._token == "given"
    assert event.to_dict() == event.model_dump() == {"name": "a", "free": 1}
    assert event.model_fields_set == {"name", "free"}


def test_private_attributes_that_are_not_given_have_their_defaults() -> None:
    assert (Secret(name="a")._token, Secret(name="a")._count) == ("none", 0)


def test_a_stop_event_reads_as_its_result() -> None:
    assert str(StopEvent("done")) == "done"
    assert str(StopEvent()) == "None"
    assert str(Verdict(text="guilty")) == "result=None text='guilty'"


def test_a_class_prepares_its_private_attributes_itself() -> None:
    assert Prepared(name="a")._count == 1
