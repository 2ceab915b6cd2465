"""Where a workflow class is written is found without parsing its file."""

import inspect

from stepwell import StartEvent, StopEvent, Workflow, step
from stepwell.flow import class_location


class Plain(Workflow):
    """Not every class Plain in a docstring is its line."""

    @step
    async def only(self, ev: StartEvent) -> StopEvent:
        return StopEvent()


class Heir(Plain):
    pass


def line_of(cls: type) -> int:
    return inspect.getsourcelines(cls)[1]


def test_the_line_is_that_of_the_class() -> None:
    location = class_location(Plain)

    assert (location.file, location.line) == (__file__, line_of(Plain))


def test_a_class_inside_a_function_has_its_own_line() -> None:
    class Plain(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    assert class_location(Plain).line == inspect.getsourcelines(Plain.only)[1] - 1


def test_a_class_without_functions_of_its_own_has_its_line_too() -> None:
    assert class_location(Heir).line == line_of(Heir)


def test_a_class_without_a_source_is_placed_by_its_module() -> None:
    made = type("Made", (Plain,), {"__module__": "nowhere"})

    assert class_location(made).line == 0
