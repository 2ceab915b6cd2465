"""``Workflow.validate``: configuration files and resources are looked at before any run."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from stepwell import HumanResponseEvent, Resource, ResourceConfig, StartEvent, StopEvent, Workflow, step
from stepwell.errors import (
    CallArgumentError,
    ConfigValidationError,
    ResourceConfigError,
    ResourceValidationError,
    WorkflowValidationError,
)


class Limits(BaseModel):
    depth: int


def configured(file: Path, path: str | None = None) -> type[Workflow]:
    class Configured(Workflow):
        @step
        async def dig(
            self, ev: StartEvent, limits: Annotated[Limits, ResourceConfig(str(file), path_selector=path)]
        ) -> StopEvent:
            return StopEvent(limits.depth)

    return Configured


def written(folder: Path, value: Any) -> Path:
    file = folder / "limits.json"
    file.write_text(json.dumps(value), encoding="utf-8")
    return file


def test_a_file_of_no_use_is_named_with_step_parameter_and_path(tmp_path: Path) -> None:
    file = written(tmp_path, {"wells": {"depths": 7}})

    with pytest.raises(ConfigValidationError, match="Resource config validation failed:") as caught:
        configured(file, "wells")().validate()

    text = str(caught.value)
    assert "In step 'dig', parameter 'limits'" in text
    assert f"{str(file)!r} is of no use at 'wells'" in text
    assert "depth: Field required; did you mean 'depths'" in text
    (problem,) = caught.value.problems
    assert problem.rule == "resource_config"
    assert problem.file == __file__


def test_a_path_that_leads_nowhere_is_named_with_the_near_miss(tmp_path: Path) -> None:
    file = written(tmp_path, {"wells": {"depth": 7}})

    with pytest.raises(ConfigValidationError, match=r"'well' is missing; did you mean 'wells'"):
        configured(file, "well")().validate()


def test_a_file_that_is_not_there_is_named_with_the_near_miss(tmp_path: Path) -> None:
    written(tmp_path, {})

    with pytest.raises(ConfigValidationError, match=r"No such file or directory; did you mean 'limits\.json'"):
        configured(tmp_path / "limit.json")().validate()


def test_a_type_that_nothing_can_be_read_into_is_named(tmp_path: Path) -> None:
    class Odd(Workflow):
        @step
        async def dig(
            self, ev: StartEvent, odd: Annotated[Workflow, ResourceConfig(str(written(tmp_path, 1)))]
        ) -> StopEvent:
            return StopEvent()

    with pytest.raises(ConfigValidationError, match="is no type that values can be read into"):
        Odd().validate()


async def test_the_first_run_reads_the_files_too_unless_told_otherwise(tmp_path: Path) -> None:
    wrong = configured(tmp_path / "none.json")

    with pytest.raises(ConfigValidationError):
        wrong().run()

    with pytest.raises(ResourceConfigError, match="for parameter 'limits' of step 'dig'"):
        await wrong(disable_validation=True).run()


def test_the_files_can_be_left_out(tmp_path: Path) -> None:
    assert configured(tmp_path / "none.json")().validate(validate_resource_configs=False) is False


def test_a_file_that_another_resource_needs_is_read_and_the_way_to_it_named(tmp_path: Path) -> None:
    def make_pump(limits: Annotated[Limits, ResourceConfig(str(tmp_path / "none.json"), label="limits")]) -> int:
        return limits.depth

    class Pumps(Workflow):
        @step
        async def pump(self, ev: StartEvent, pump: Annotated[int, Resource(make_pump)]) -> StopEvent:
            return StopEvent(pump)

    workflow = Pumps()
    with pytest.raises(ConfigValidationError, match=r"parameter 'pump' \(make_pump -> limits\)"):
        workflow.validate()

    workflow.resource_manager.replace(make_pump, 3)
    assert workflow.validate() is False


made: list[str] = []


async def make_well() -> Any:
    await asyncio.sleep(0)
    made.append("made")
    yield "well"
    made.append("torn down")


def make_rope() -> str:
    raise KeyError("no rope")


class Digs(Workflow):
    @step
    async def dig(self, ev: StartEvent, well: Annotated[str, Resource(make_well)]) -> StopEvent:
        return StopEvent(well)

    @step
    async def answered(self, ev: HumanResponseEvent) -> None: ...


class Hauls(Workflow):
    @step
    async def haul(self, ev: StartEvent, rope: Annotated[str, Resource(make_rope)]) -> StopEvent:
        return StopEvent(rope)


@pytest.fixture(autouse=True)
def _nothing_made() -> Iterator[None]:
    made.clear()
    return iter([None])


def test_resources_are_made_and_torn_down_on_request() -> None:
    assert Digs().validate(validate_resources=True) is True

    assert made == ["made", "torn down"]


async def test_resources_can_be_made_inside_a_running_loop() -> None:
    assert Digs().validate(validate_resources=True) is True

    assert made == ["made", "torn down"]


async def test_what_was_made_to_look_at_it_is_not_kept() -> None:
    workflow = Digs()
    workflow.validate(validate_resources=True)

    assert await workflow.run() == "well"

    assert made == ["made", "torn down", "made"]
    await workflow.aclose()


def test_resources_are_not_made_unless_asked_for() -> None:
    assert Hauls().validate() is False


def test_a_resource_that_cannot_be_made_is_named() -> None:
    expected = (
        r"Resource validation failed: .*\n  - In step 'haul', parameter 'rope' \(make_rope\): KeyError: 'no rope'"
    )

    with pytest.raises(ResourceValidationError, match=expected) as caught:
        Hauls().validate(validate_resources=True)

    assert isinstance(caught.value, WorkflowValidationError)


def test_a_replaced_resource_is_not_made() -> None:
    workflow = Hauls()
    workflow.resource_manager.replace(make_rope, "string")

    assert workflow.validate(validate_resources=True) is False


def test_the_options_are_true_or_false() -> None:
    with pytest.raises(CallArgumentError, match="True or False would have been fine"):
        Hauls().validate(validate_resources="yes")  # type: ignore[arg-type]
