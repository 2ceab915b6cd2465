"""Signatures that a fuzzer found: each is refused in words, or works."""

import functools
import inspect
import types
import typing
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from stepwell import Context, Event, StartEvent, StopEvent, Workflow, step
from stepwell.errors import StepOptionError, StepSignatureError, UndeclaredResultError
from stepwell.flow import definition_of


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class Left(Event):
    pass


def through(function: Callable[..., Any]) -> Any:
    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        return function(*arguments)

    return call


@pytest.mark.parametrize("text", ["(", "1/0", "functools.missing", "[]["])
def test_a_text_that_is_no_annotation_is_refused_with_its_reason(text: str) -> None:
    async def odd(self: Any, ev: Any) -> None: ...

    odd.__annotations__["ev"] = text

    with pytest.raises(StepSignatureError, match="An annotation cannot be read: "):
        step(odd)


BARE_LIST: Any = vars(typing)["List"]


@pytest.mark.parametrize("kind", [BARE_LIST, types.GenericAlias(list, ())])
def test_a_list_of_nothing_is_no_event(kind: Any) -> None:
    async def odd(self: Any, ev: Any) -> None: ...

    odd.__annotations__["ev"] = kind

    with pytest.raises(StepSignatureError, match="at least one parameter annotated as type Event"):
        step(odd)


def test_an_annotation_without_a_repr_is_refused_in_words() -> None:
    async def odd(self: Any, ev: Any) -> None: ...

    odd.__annotations__["ev"] = Unshowable()

    with pytest.raises(StepSignatureError, match="<Unshowable without a repr>"):
        step(odd)


def test_a_return_annotation_without_an_event_is_refused() -> None:
    with pytest.raises(StepSignatureError, match=r"declares to return <class 'int'>, which holds no event"):

        class Numbers(Workflow):
            @step
            async def count(self, ev: StartEvent) -> int:
                return 1


def test_a_step_that_always_raises_may_say_so() -> None:
    class Raises(Workflow):
        @step
        async def fall(self, ev: Left) -> NoReturn:
            raise KeyError

    definition = definition_of(Raises.fall)

    assert definition is not None
    assert definition.signature.returns == ()


def test_two_parameters_cannot_both_take_the_context() -> None:
    with pytest.raises(StepSignatureError, match="'one' and 'two' both take the context"):

        class Two(Workflow):
            @step
            async def begin(self, one: Context, two: Context, ev: StartEvent) -> StopEvent:
                return StopEvent()


def test_a_method_without_self_is_refused() -> None:
    class Selfless(Workflow):
        @step
        async def begin(ev: StartEvent) -> StopEvent:  # type: ignore[misc]
            return StopEvent()

    with pytest.raises(StepSignatureError, match="is a method and takes no self"):
        Selfless()


def test_a_static_method_with_self_is_refused() -> None:
    class Static(Workflow):
        @staticmethod
        @step
        async def begin(self: Any, ev: StartEvent) -> StopEvent:
            return StopEvent()

    with pytest.raises(StepSignatureError, match="is no method and takes self"):
        Static()


async def test_the_instance_may_be_annotated_and_called_anything() -> None:
    class Annotated(Workflow):
        @step
        async def begin(self: Any, ev: StartEvent) -> Left:
            return Left()

        @step
        async def last(this, ev: Left) -> StopEvent:
            return StopEvent(type(this))

    assert await Annotated().run() is Annotated


async def test_an_event_may_be_a_keyword_only_parameter() -> None:
    class Keywords(Workflow):
        @step
        async def begin(self, *, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(ctx.attempt)

    assert await Keywords().run() == 1


async def test_an_async_step_behind_a_plain_wrapper_fails_with_the_reason() -> None:
    class Wrapped(Workflow):
        @step
        @through
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    with pytest.raises(UndeclaredResultError, match="make its wrapper async def"):
        await Wrapped().run()


def test_annotations_as_text_belong_to_the_wrapped_function() -> None:
    elsewhere = types.ModuleType("elsewhere")
    exec(
        "from __future__ import annotations\nfrom stepwell import StartEvent as Beginning, StopEvent as Ending\n"
        "async def begin(ev: Beginning) -> Ending: ...",
        vars(elsewhere),
    )

    class Empty(Workflow):
        pass

    definition = definition_of(step(workflow=Empty)(through(elsewhere.begin)))

    assert definition is not None
    assert definition.signature.events[0].types == (StartEvent,)


def test_a_function_that_wraps_itself_is_read_as_it_is() -> None:
    async def odd(self: Any, ev: Any) -> None: ...

    odd.__annotations__["ev"] = Left
    vars(odd)["__wrapped__"] = odd

    with pytest.raises(StepSignatureError, match="Its signature cannot be read"):
        step(odd)


def test_a_signature_that_is_none_is_refused() -> None:
    async def odd(self: Any, ev: Left) -> None: ...

    vars(odd)["__signature__"] = 5

    with pytest.raises((StepSignatureError, StepOptionError), match="cannot be read"):
        step(odd)


def test_what_is_shown_of_a_long_object_is_cut() -> None:
    with pytest.raises(StepOptionError) as caught:
        step(num_workers="x" * 500)  # type: ignore[call-overload]

    assert len(str(caught.value)) < 250
    assert inspect.cleandoc(str(caught.value)) == str(caught.value)
