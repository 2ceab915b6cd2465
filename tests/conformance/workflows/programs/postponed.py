"""A module whose annotations are texts."""

# mypy: ignore-errors

from __future__ import annotations

from typing import Annotated

from engine import Context, Event, Resource, StartEvent, StopEvent, Workflow, step
from observing import observed, program


class Item(Event):
    number: int


def make_factor():
    return 3


class Postponed(Workflow):
    @step
    async def split(self, ctx: Context, ev: StartEvent) -> list[Item]:
        return [Item(number=number) for number in range(ev.count)]

    @step
    async def join(self, evs: list[Item], factor: Annotated[int, Resource(make_factor)]) -> StopEvent:
        return StopEvent(result=sum(ev.number for ev in evs) * factor)


@program
async def a_module_with_postponed_annotations():
    return await observed(Postponed().run(count=4))


@program
async def local_classes_with_postponed_annotations():
    class Local(Event):
        word: str

    class Inside(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Local | StopEvent:
            return Local(word="local")

        @step
        async def finish(self, ctx: Context, ev: Local) -> StopEvent:
            return StopEvent(result=ev.word)

    return await observed(Inside().run())
