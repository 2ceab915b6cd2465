"""Resources: made once where they are shared, torn down when their time is over."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel

from stepwell import Event, Resource, ResourceConfig, StartEvent, StopEvent, Workflow, step
from stepwell.errors import (
    CircularResourceError,
    ResourceConfigError,
    ResourceLifetimeError,
    ResourceValidationError,
    StepOptionError,
)


class Item(Event):
    number: int


class Done(Event):
    value: str


class Limits(BaseModel):
    depth: int


class Water(Event):
    pass


async def test_a_shared_resource_is_made_once_however_many_attempts_ask_at_once() -> None:
    made: list[str] = []

    async def connect() -> str:
        made.append("connection")
        await asyncio.sleep(0)
        return "connection"

    class Fan(Workflow):
        @step
        async def fan(self, ev: StartEvent) -> list[Item]:
            return [Item(number=n) for n in range(10)]

        @step(num_workers=10)
        async def work(self, ev: Item, connection: Annotated[str, Resource(connect)]) -> Done:
            return Done(value=connection)

        @step
        async def join(self, evs: list[Done]) -> StopEvent:
            return StopEvent(result=[ev.value for ev in evs])

    result = await Fan().run()

    assert result == ["connection"] * 10
    assert made == ["connection"]


async def test_resources_are_told_apart_by_their_factory_and_not_by_its_name() -> None:
    class Two(Workflow):
        @step
        async def begin(
            self,
            ev: StartEvent,
            one: Annotated[int, Resource(lambda: 1)],
            two: Annotated[str, Resource(lambda: "two")],
        ) -> StopEvent:
            return StopEvent(result=(one, two))

    assert await Two().run() == (1, "two")


async def test_a_run_tears_down_its_own_resources_before_its_result_is_there() -> None:
    story: list[str] = []

    async def session() -> AsyncIterator[str]:
        story.append("open")
        yield "session"
        story.append("close")

    class Session(Workflow):
        @step
        async def begin(self, ev: StartEvent, one: Annotated[str, Resource(session, scope="run")]) -> StopEvent:
            story.append("use")
            return StopEvent(result=one)

    workflow = Session()
    await workflow.run()
    await workflow.run()

    assert story == ["open", "use", "close"] * 2


async def test_an_uncached_resource_lives_for_one_attempt() -> None:
    story: list[str] = []

    def lock() -> Iterator[str]:
        story.append("lock")
        yield "lock"
        story.append("unlock")

    class Locked(Workflow):
        @step
        async def begin(self, ev: StartEvent, one: Annotated[str, Resource(lock, cache=False)]) -> StopEvent:
            story.append("work")
            raise LookupError("dry")

    with pytest.raises(LookupError):
        await Locked().run()

    assert story[:2] == ["lock", "work"]


async def test_a_workflow_keeps_its_resources_until_it_is_closed() -> None:
    story: list[str] = []

    async def pool() -> AsyncIterator[str]:
        story.append("open")
        yield "pool"
        story.append("close")

    class Pooled(Workflow):
        @step
        async def begin(self, ev: StartEvent, one: Annotated[str, Resource(pool)]) -> StopEvent:
            return StopEvent(result=one)

    workflow = Pooled()
    await workflow.run()
    await workflow.run()
    assert story == ["open"]

    await workflow.aclose()

    assert story == ["open", "close"]


async def test_resources_are_given_the_resources_they_ask_for() -> None:
    def address() -> str:
        return "well"

    def client(where: Annotated[str, Resource(address)]) -> str:
        return f"client of {where}"

    class Nested(Workflow):
        @step
        async def begin(self, ev: StartEvent, one: Annotated[str, Resource(client)]) -> StopEvent:
            return StopEvent(result=one)

    assert await Nested().run() == "client of well"


async def test_a_circle_of_resources_is_an_error_that_names_it() -> None:
    def one(other: "Annotated[str, Resource(two)]") -> str:
        return other

    def two(other: Annotated[str, Resource(one)]) -> str:
        return other

    one.__annotations__["other"] = Annotated[str, Resource(two)]

    class Circle(Workflow):
        @step
        async def begin(self, ev: StartEvent, value: Annotated[str, Resource(one)]) -> StopEvent:
            return StopEvent()

    with pytest.raises(CircularResourceError, match="Circular resource dependency detected: one -> two -> one"):
        await Circle().run()


async def test_a_circle_is_found_also_when_two_attempts_begin_it_at_its_two_ends() -> None:
    async def straw() -> str:
        await asyncio.sleep(0)
        return "straw"

    async def grain() -> str:
        await asyncio.sleep(0)
        return "grain"

    def egg(first: Annotated[str, Resource(straw)], second: str) -> str:
        return first + second

    def hen(first: Annotated[str, Resource(grain)], second: Annotated[str, Resource(egg)]) -> str:
        return first + second

    egg.__annotations__["second"] = Annotated[str, Resource(hen)]

    class Farm(Workflow):
        @step
        async def hatch(self, ev: StartEvent, egg: Annotated[str, Resource(egg)]) -> StopEvent:
            return StopEvent()

        @step
        async def breed(self, ev: StartEvent, hen: Annotated[str, Resource(hen)]) -> StopEvent:
            return StopEvent()

    with pytest.raises(CircularResourceError, match=r"(egg -> hen -> egg|hen -> egg -> hen)"):
        await asyncio.wait_for(Farm(timeout=None).run(), 5)


@pytest.mark.parametrize("is_in_loop", [False, True])
async def test_run_sync_tears_down_what_it_made_with_its_loop(is_in_loop: bool) -> None:
    told: list[str] = []

    async def connect() -> AsyncIterator[str]:
        told.append("open")
        yield "connection"
        await asyncio.sleep(0)
        told.append("closed")

    class Look(Workflow):
        @step
        async def look(self, ev: StartEvent, connection: Annotated[str, Resource(connect)]) -> StopEvent:
            return StopEvent(result=connection)

    workflow = Look()
    for _ in range(2):
        if is_in_loop:
            workflow.run_sync()
        else:
            await asyncio.to_thread(workflow.run_sync)

    assert told == ["open", "closed", "open", "closed"]


async def test_run_sync_gives_its_result_also_when_a_teardown_fails(caplog: pytest.LogCaptureFixture) -> None:
    def connect() -> Iterator[str]:
        yield "connection"
        raise OSError("the line is cut")

    class Look(Workflow):
        @step
        async def look(self, ev: StartEvent, connection: Annotated[str, Resource(connect)]) -> StopEvent:
            return StopEvent(result=connection)

    assert Look().run_sync() == "connection"
    assert "the teardown of a resource failed" in caplog.text


async def test_a_resource_must_not_need_one_that_is_torn_down_before_it() -> None:
    def short() -> str:
        return "short"

    def long(other: Annotated[str, Resource(short, scope="run")]) -> str:
        return other

    class Upside(Workflow):
        @step
        async def begin(self, ev: StartEvent, value: Annotated[str, Resource(long)]) -> StopEvent:
            return StopEvent()

    with pytest.raises(ResourceLifetimeError, match="'long' lives for one workflow and needs 'short'"):
        await Upside().run()


async def test_a_failed_making_is_told_to_each_attempt_and_tried_again_by_the_next_run() -> None:
    attempts: list[int] = []

    async def flaky() -> str:
        attempts.append(1)
        if len(attempts) == 1:
            raise ConnectionError("no water")
        return "water"

    class Flaky(Workflow):
        @step
        async def begin(self, ev: StartEvent, value: Annotated[str, Resource(flaky)]) -> StopEvent:
            return StopEvent(result=value)

    workflow = Flaky()
    with pytest.raises(ConnectionError, match="no water") as caught:
        await workflow.run()

    assert caught.value.__notes__[0] == "in resource factory 'flaky'"
    assert await workflow.run() == "water"


async def test_a_generator_that_yields_nothing_is_named() -> None:
    def dry() -> Iterator[str]:
        yield from ()

    class Thirsty(Workflow):
        @step
        async def begin(self, ev: StartEvent, value: Annotated[str, Resource(dry)]) -> StopEvent:
            return StopEvent(result=value)

    with pytest.raises(RuntimeError, match="didn't yield") as caught:
        await Thirsty().run()

    assert caught.value.__notes__[0] == "in resource factory 'dry'"


async def test_a_test_can_put_a_value_in_the_place_of_a_factory() -> None:
    def client() -> str:
        raise AssertionError("never made")

    class Replaced(Workflow):
        @step
        async def begin(self, ev: StartEvent, value: Annotated[str, Resource(client)]) -> StopEvent:
            return StopEvent(result=value)

    workflow = Replaced()
    workflow.resource_manager.replace(client, "double")

    assert await workflow.run() == "double"


async def test_a_configuration_is_read_into_its_model(tmp_path: Path) -> None:
    file = tmp_path / "well.json"
    file.write_text(json.dumps({"wells": [{"depth": 7}]}), encoding="utf-8")

    class Configured(Workflow):
        @step
        async def begin(
            self, ev: StartEvent, limits: Annotated[Limits, ResourceConfig(str(file), path_selector="wells.0")]
        ) -> StopEvent:
            return StopEvent(result=limits)

    assert await Configured().run() == Limits(depth=7)


@pytest.mark.parametrize(
    ("text", "selector", "problem"),
    [
        ("{", None, "cannot be read"),
        ('{"depth": "deep"}', None, "depth: "),
        ("{}", "wells", "nothing at 'wells'"),
    ],
)
async def test_a_configuration_of_no_use_is_an_error_that_says_why(
    tmp_path: Path, text: str, selector: str | None, problem: str
) -> None:
    file = tmp_path / "well.json"
    file.write_text(text, encoding="utf-8")

    class Configured(Workflow):
        @step
        async def begin(
            self, ev: StartEvent, limits: Annotated[Limits, ResourceConfig(str(file), path_selector=selector)]
        ) -> StopEvent:
            return StopEvent(result=limits)

    with pytest.raises(ResourceConfigError, match=problem):
        await Configured(disable_validation=True).run()


def no_well(file: Annotated[Limits, ResourceConfig("nowhere.json")]) -> Limits:
    raise AssertionError("a validation of files makes nothing")


def broken_pump() -> int:
    raise OSError("no water")


class Misconfigured(Workflow):
    @step
    async def begin(
        self,
        ev: StartEvent,
        limits: Annotated[Limits, ResourceConfig("missing.json")],
        well: Annotated[Limits, Resource(no_well)],
    ) -> StopEvent:
        return StopEvent(result=limits)


async def test_files_that_steps_and_their_resources_need_are_read_before_the_first_run() -> None:
    with pytest.raises(ResourceValidationError, match="Resource config validation failed") as caught:
        Misconfigured().run()

    direct, nested = (problem.text for problem in caught.value.problems)
    assert direct.startswith("In step 'begin', parameter 'limits': the configuration file 'missing.json'")
    assert nested.startswith("In step 'begin', parameter 'well' (no_well -> nowhere.json): ")


def test_files_are_left_alone_where_a_resource_has_a_replacement_or_nobody_asks() -> None:
    workflow = Misconfigured()
    workflow.resource_manager.replace(no_well, None)

    with pytest.raises(ResourceValidationError) as caught:
        workflow.validate()

    assert len(caught.value.problems) == 1
    assert workflow.validate(validate_resource_configs=False) is False


@pytest.mark.parametrize("is_in_loop", [False, True])
async def test_resources_are_made_on_trial_and_torn_down(is_in_loop: bool) -> None:
    told: list[str] = []

    def pump() -> Iterator[str]:
        told.append("made")
        yield "pump"
        told.append("torn down")

    class Pumps(Workflow):
        @step
        async def begin(self, ev: StartEvent, pump: Annotated[str, Resource(pump)]) -> Water:
            return Water()

        @step
        async def finish(
            self, ev: Water, again: Annotated[str, Resource(pump)], broken: Annotated[int, Resource(broken_pump)]
        ) -> StopEvent:
            return StopEvent()

    def validate() -> None:
        Pumps().validate(validate_resources=True)

    with pytest.raises(ResourceValidationError, match="Resource validation failed") as caught:
        validate() if is_in_loop else await asyncio.to_thread(validate)

    (problem,) = caught.value.problems
    assert problem.text == "In step 'finish', parameter 'broken' (broken_pump): OSError: no water"
    assert told == ["made", "torn down"]


def test_what_cannot_be_called_is_no_factory() -> None:
    with pytest.raises(StepOptionError, match="a callable"):
        Resource("connection")  # type: ignore[arg-type]
