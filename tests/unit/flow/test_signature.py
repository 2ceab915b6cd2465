"""Reading a step's signature: what each annotation means, and what is refused at decoration."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Optional

import pytest
from pydantic import BaseModel

from stepwell import (
    Collect,
    Context,
    Event,
    Resource,
    StartEvent,
    StepFailedEvent,
    StopEvent,
    Take,
    Workflow,
    catch_error,
    step,
)
from stepwell.errors import (
    StepOptionError,
    StepParameterError,
    StepSignatureError,
    UnboundStepError,
    UnresolvedAnnotationError,
    WorkflowValidationError,
)
from stepwell.flow import Signature, StepOptions, define, definition_of


class Left(Event):
    pass


class Right(Event):
    pass


class State(BaseModel):
    pass


def signature(function: Callable[..., Any]) -> Signature:
    return define(function, StepOptions()).signature


def test_a_step_keeps_its_function() -> None:
    class Keeps(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            """Say it."""
            return StopEvent()

    assert Keeps.begin.__name__ == "begin"
    assert Keeps.begin.__doc__ == "Say it."
    assert definition_of(Keeps.begin) is not None


def test_a_step_can_be_called_like_the_function_it_is() -> None:
    class Plain(Workflow):
        @step
        def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent(ev["number"] + 1)

    assert Plain().begin(StartEvent.model_validate({"number": 3})).result == 4


async def test_a_method_may_call_its_object_as_it_likes() -> None:
    class Named(Workflow):
        @step
        async def begin(this, ev: StartEvent) -> Left:
            return Left()

        @step
        async def finish(self: Any, ev: Left) -> StopEvent:
            return StopEvent(type(self).__name__)

    assert await Named().run() == "Named"


def test_a_definition_says_where_the_step_stands() -> None:
    async def begin(ev: StartEvent) -> StopEvent:
        return StopEvent()

    location = define(begin, StepOptions()).location

    assert location.file == __file__
    assert location.line == begin.__code__.co_firstlineno


def test_an_event_parameter_may_be_a_union() -> None:
    async def either(ev: Left | Right) -> StopEvent:
        return StopEvent()

    (parameter,) = signature(either).events

    assert (parameter.name, parameter.types, parameter.collect) == ("ev", (Left, Right), None)


def test_a_context_is_found_by_its_annotation_whatever_its_name() -> None:
    async def begin(anything: Context[State], ev: StartEvent) -> StopEvent:
        return StopEvent()

    found = signature(begin)

    assert (found.context, found.state_type) == ("anything", State)


def test_a_class_that_is_only_called_context_is_none() -> None:
    Other = type("Context", (), {})

    async def begin(ctx, ev: StartEvent) -> StopEvent:  # type: ignore[no-untyped-def]
        return StopEvent()

    begin.__annotations__["ctx"] = Other

    with pytest.raises(StepSignatureError, match="Parameter 'ctx' has the annotation"):
        define(begin, StepOptions())


def test_a_list_parameter_joins_all_branches_unless_told_otherwise() -> None:
    async def joins(evs: list[Left]) -> StopEvent:
        return StopEvent()

    async def takes(evs: Annotated[list[Left | Right], Collect(Take(2))]) -> StopEvent:
        return StopEvent()

    (all_of,), (two_of,) = signature(joins).events, signature(takes).events

    assert all_of.collect == Collect()
    assert (two_of.collect, two_of.types) == (Collect(Take(2)), (Left, Right))


def test_a_resource_is_found_by_its_marker() -> None:
    resource = Resource(lambda: 3)

    async def begin(ev: StartEvent, number: Annotated[int, resource]) -> StopEvent:
        return StopEvent()

    (found,) = signature(begin).resources

    assert (found.name, found.descriptor, found.annotation) == ("number", resource, int)


def test_results_are_single_events_lists_and_nothing() -> None:
    async def begin(ev: StartEvent) -> Left | list[Right] | None:
        return None

    found = signature(begin)

    assert (found.returns, found.lists, found.returns_nothing) == ((Left,), (Right,), True)


def test_annotations_may_be_texts() -> None:
    async def begin(ctx: "Context", ev: "Left | Right") -> "Optional[StopEvent]":  # noqa: UP045
        return None

    found = signature(begin)

    assert found.context == "ctx"
    assert found.events[0].types == (Left, Right)
    assert found.returns == (StopEvent,)


def test_a_text_that_names_nothing_is_refused_with_the_near_miss() -> None:
    with pytest.raises(UnresolvedAnnotationError) as caught:

        @step
        async def begin(self: Any, ev: "Leftt") -> StopEvent:  # type: ignore[name-defined]  # noqa: F821
            return StopEvent()

    message = str(caught.value)
    assert "Failed to resolve type annotations for begin. Missing name: Leftt" in message
    assert "Did you mean 'Left'" in message
    assert "test_signature.py:" in message


async def no_event(ctx: Context) -> StopEvent:
    return StopEvent()


async def no_annotation(ev) -> StopEvent:  # type: ignore[no-untyped-def]
    return StopEvent()


async def no_result(ev: StartEvent):  # type: ignore[no-untyped-def]
    return StopEvent()


async def strange_parameter(ev: StartEvent, number: int) -> StopEvent:
    return StopEvent()


async def two_lists(left: list[Left], right: list[Right]) -> StopEvent:
    return StopEvent()


async def list_and_event(left: list[Left], right: Right) -> StopEvent:
    return StopEvent()


async def unions_joined(left: Left | Right, right: Right) -> StopEvent:
    return StopEvent()


async def marker_without_list(ev: Annotated[Left, Collect(Take(2))]) -> StopEvent:
    return StopEvent()


async def yields(ev: StartEvent) -> AsyncIterator[Left]:
    yield Left()


async def only_by_position(ev: StartEvent, /) -> StopEvent:
    return StopEvent()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_event, "Step signature must have at least one parameter annotated as type Event"),
        (no_annotation, "Step signature must have at least one parameter annotated as type Event"),
        (no_result, "Return types of workflows step functions must be annotated with their type"),
        (strange_parameter, "Parameter 'number' has the annotation <class 'int'>"),
        (two_lists, r"A step may declare at most one list\[E\] collection parameter"),
        (list_and_event, r"A list\[E\] collection parameter cannot be combined with other event parameters"),
        (
            unions_joined,
            r"Collect-mode steps \(more than one event parameter\) require each event parameter to declare",
        ),
        (marker_without_list, r"Parameter 'ev' carries a Collect marker but is not annotated as list\[E\]"),
        (yields, "Async-iterator fan-out is not supported"),
        (only_by_position, "Parameter 'ev' can only be given by position"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_signature_that_cannot_work_is_refused_with_its_place(function: Any, message: str) -> None:
    with pytest.raises(StepSignatureError, match=message) as caught:
        define(function, StepOptions())

    assert caught.value.step == function.__name__
    assert f"test_signature.py:{function.__code__.co_firstlineno}" in str(caught.value)
    assert isinstance(caught.value, WorkflowValidationError)


def test_a_free_function_must_name_its_workflow() -> None:
    with pytest.raises(UnboundStepError, match="To decorate alone please pass a workflow class to the @step decorator"):

        @step
        async def alone(ev: StartEvent) -> StopEvent:
            return StopEvent()


@pytest.mark.parametrize("count", [0, -1, 1.5, "2", True, None])
def test_num_workers_must_be_a_count(count: Any) -> None:
    with pytest.raises(StepOptionError, match="num_workers must be an integer greater than 0") as caught:
        step(num_workers=count)

    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("names", [["terminal_event"], ["reachable"], "reachability", 5, [1]])
def test_only_the_checks_of_a_step_can_be_skipped(names: Any) -> None:
    with pytest.raises(StepOptionError, match="skip_graph_checks must be a list out of reachability, dead_end"):
        step(skip_graph_checks=names)


@pytest.mark.parametrize("what", [3, "begin", [1]])
def test_only_functions_can_be_steps(what: Any) -> None:
    with pytest.raises(StepOptionError, match="@step must be"):
        step(what)


def test_a_class_is_no_step() -> None:
    with pytest.raises(StepOptionError, match="@step must be a plain function or method"):
        step(State)


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", True])
def test_take_must_have_a_count(n: Any) -> None:
    with pytest.raises(StepParameterError, match=r"Collect cardinality must be All\(\) or Take\(n\)"):
        Take(n)


def test_a_wrong_count_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"Take\(0\) joins nothing"):
        Take(0)


def test_collect_takes_a_cardinality() -> None:
    with pytest.raises(StepParameterError, match=r"Collect cardinality must be All\(\) or Take\(n\)"):
        Collect(3)  # type: ignore[arg-type]


def test_collect_knows_two_ways_to_treat_failures() -> None:
    with pytest.raises(StepParameterError, match="is no way to treat failures"):
        Collect(errors="ignore")  # type: ignore[arg-type]


def test_a_handler_of_errors_has_one_worker() -> None:
    class Handled(Workflow):
        @catch_error
        async def rescue(self, ev: StepFailedEvent) -> StopEvent:
            return StopEvent()

    definition = definition_of(Handled.rescue)

    assert definition is not None
    assert definition.options.num_workers == 1
