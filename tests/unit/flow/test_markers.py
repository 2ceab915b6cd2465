"""Markers of joins: a ``Collect`` around a ``list[E]`` is read; any other is refused where the step is decorated."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import pytest

from stepwell import All, Collect, Context, Event, StartEvent, StopEvent, Take
from stepwell.errors import StepSignatureError
from stepwell.flow import StepDefinition, StepOptions, define
from stepwell.runtime import DictState


class Result(Event):
    pass


class Other(Event):
    pass


def defined(function: Callable[..., Any]) -> StepDefinition:
    return define(function, StepOptions())


def refused(function: Callable[..., Any]) -> str:
    """Return what decoration says, after a look at the line that it names."""
    with pytest.raises(StepSignatureError) as caught:
        defined(function)
    assert caught.value.step == function.__name__
    assert caught.value.location == f"{__file__}:{inspect.unwrap(function).__code__.co_firstlineno}"
    return str(caught.value)


def with_annotation(annotation: Any, default: Any = inspect.Parameter.empty) -> Callable[..., Any]:
    async def join(evs: Any) -> StopEvent:
        raise NotImplementedError  # never run: only the annotations are looked at

    join.__annotations__["evs"] = annotation
    if default is not inspect.Parameter.empty:
        join.__defaults__ = (default,)
    return join


@pytest.mark.parametrize(
    ("mark", "named", "remedy"),
    [
        (Take(2), "Take(2)", "Collect(Take(2))"),
        (Take(2, cancel=True), "Take(2, cancel=True)", "Collect(Take(2, cancel=True))"),
        (All(), "All()", "Collect()"),
        (Take, "Take", "Collect(Take(…))"),
        (All, "All", "Collect()"),
        (Collect, "Collect", "Collect()"),
    ],
)
def test_a_marker_outside_of_a_collect_is_refused(mark: Any, named: str, remedy: str) -> None:
    text = refused(with_annotation(Annotated[list[Result], mark]))

    assert f"Parameter 'evs' carries {named}, which nothing reads there" in text
    assert f"write evs: Annotated[list[Result], {remedy}]" in text


def test_a_marker_in_a_postponed_annotation_is_refused_too() -> None:
    async def join(evs: Annotated[list[Result], Take(2)]) -> StopEvent:
        raise NotImplementedError

    assert "carries Take(2), which nothing reads there" in refused(join)


def test_a_marker_inside_of_the_list_is_refused() -> None:
    text = refused(with_annotation(list[Annotated[Result, Collect(Take(1))]]))

    assert "carries Collect(…), which nothing reads there" in text


def test_a_marker_of_a_single_event_is_refused() -> None:
    assert "carries Take(1), which nothing reads there" in refused(with_annotation(Annotated[Result, Take(1)]))


def test_a_collect_of_no_list_is_refused() -> None:
    text = refused(with_annotation(Annotated[int, Collect()]))

    assert "Parameter 'evs' carries a Collect marker but is not annotated as list[E]" in text
    assert "Write evs: Annotated[list[E], Collect(…)]." in text


def test_a_second_collect_is_refused() -> None:
    text = refused(with_annotation(Annotated[list[Result], Collect(), Collect(Take(1))]))

    assert "carries Collect(…) besides a Collect, and only one marker is read" in text


def test_a_marker_of_the_context_is_refused() -> None:
    async def begin(ctx: Annotated[Context, Take(1)], ev: StartEvent) -> StopEvent:
        raise NotImplementedError

    assert "Parameter 'ctx' carries Take(1)" in refused(begin)


@pytest.mark.parametrize("mark", [Collect(Take(1)), Take(1), Collect, All])
def test_a_marker_as_a_default_is_refused(mark: Any) -> None:
    text = refused(with_annotation(list[Result], default=mark))

    assert "as its default, where nothing reads it" in text
    assert "write evs: Annotated[list[Result], Collect(" in text


def test_a_marker_of_the_result_is_refused() -> None:
    async def split(ev: StartEvent) -> Annotated[list[Result], Collect(Take(1))]:
        raise NotImplementedError

    text = refused(split)

    assert "The annotation of its result carries Collect(…)" in text
    assert "said at the step that joins it" in text


def test_metadata_of_others_may_stand_beside_a_collect() -> None:
    definition = defined(with_annotation(Annotated[list[Result], "said by others", Collect(Take(2))]))

    assert definition.signature.events[0].collect == Collect(Take(2))


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[list[Result] | None, Collect(Take(2))],
        Annotated[list[Result], Collect(Take(2))] | None,
    ],
)
def test_a_list_that_may_be_none_is_joined_like_any_other(annotation: Any) -> None:
    (parameter,) = defined(with_annotation(annotation)).signature.events

    assert (parameter.types, parameter.collect) == ((Result,), Collect(Take(2)))


def test_an_event_that_may_be_none_is_taken_like_any_other() -> None:
    async def take(ev: Result | Other | None = None) -> StopEvent:
        raise NotImplementedError

    (parameter,) = defined(take).signature.events

    assert parameter.types == (Result, Other)


def test_an_event_with_a_default_of_none_is_a_parameter_of_a_join() -> None:
    async def both(left: Result, right: Other | None = None) -> StopEvent:
        raise NotImplementedError

    assert [one.types for one in defined(both).signature.events] == [(Result,), (Other,)]


def test_a_context_that_may_be_none_is_given() -> None:
    async def begin(ev: StartEvent, ctx: Context[DictState] | None = None) -> StopEvent:
        raise NotImplementedError

    signature = defined(begin).signature

    assert (signature.context, signature.state_type) == ("ctx", DictState)


@pytest.mark.parametrize(
    ("annotation", "kinds"),
    [
        (set[Result], "Result"),
        (Sequence[Result], "Result"),
        (list[Result] | Other, "Result | Other"),
        (list[Result] | list[Other], "Result | Other"),
        (list[list[Result]], "Result"),
        (list[Result | None], "Result"),
    ],
)
def test_what_is_nearly_a_list_of_events_is_refused_with_the_way_to_write_it(annotation: Any, kinds: str) -> None:
    text = refused(with_annotation(annotation))

    assert f"A fan-out is joined by evs: list[{kinds}], an event is taken by evs: {kinds}." in text


@pytest.mark.parametrize("annotation", [tuple[Result, ...], list[list[Result]], list[Result | None], set[Result]])
def test_a_result_that_is_nearly_a_list_of_events_is_refused_with_the_way_to_write_it(annotation: Any) -> None:
    async def split(ev: StartEvent) -> Any:
        raise NotImplementedError

    split.__annotations__["return"] = annotation

    assert "A fan-out is -> list[Result]: a list, of events only." in refused(split)
