"""Resources: what is made for steps, how often, from what, and from files."""

# mypy: ignore-errors

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Annotated

from engine import (
    Context,
    Event,
    Resource,
    ResourceConfig,
    ResourceManager,
    StartEvent,
    StopEvent,
    Workflow,
    WorkflowValidationError,
    step,
)
from observing import ending_of, observed, program, refused
from pydantic import BaseModel

FOLDER = Path(tempfile.mkdtemp())
FILE = FOLDER / "settings.json"
made = []


class Item(Event):
    number: int


class Done(Event):
    number: int


class Settings(BaseModel):
    name: str
    size: int = 3


class Client:
    def __init__(self, name="client"):
        self.name = name
        self.calls = 0


def make_client():
    made.append("client")
    return Client()


async def make_client_slowly():
    made.append("slow")
    await asyncio.sleep(0.02)
    return Client("slow")


def make_fresh():
    made.append("fresh")
    return Client("fresh")


def make_pool(client: Annotated[Client, Resource(make_client)]):
    made.append("pool")
    return [client.name, "pool"]


def make_broken():
    raise OSError("no connection")


@program
async def a_resource_is_made_once_for_a_workflow():
    made.clear()

    class Uses(Workflow):
        @step
        async def begin(self, ev: StartEvent, client: Annotated[Client, Resource(make_client)]) -> Item:
            client.calls += 1
            return Item(number=client.calls)

        @step
        async def finish(self, ev: Item, client: Annotated[Client, Resource(make_client)]) -> StopEvent:
            client.calls += 1
            return StopEvent(result=[client.name, client.calls])

    workflow = Uses()
    return [await workflow.run(), await workflow.run(), list(made), await Uses().run(), list(made)]


@program
async def a_resource_without_a_cache_is_made_each_time():
    made.clear()

    class Uses(Workflow):
        @step
        async def begin(self, ev: StartEvent, client: Annotated[Client, Resource(make_fresh, cache=False)]) -> Item:
            client.calls += 1
            return Item(number=client.calls)

        @step
        async def finish(self, ev: Item, client: Annotated[Client, Resource(make_fresh, cache=False)]) -> StopEvent:
            return StopEvent(result=[ev.number, client.calls])

    return [await ending_of(Uses().run()), list(made)]


@program
async def an_async_factory_is_awaited():
    made.clear()

    class Uses(Workflow):
        @step
        async def begin(self, ev: StartEvent, client: Annotated[Client, Resource(make_client_slowly)]) -> StopEvent:
            return StopEvent(result=client.name)

    return [await ending_of(Uses().run()), list(made)]


@program
async def an_async_factory_that_many_workers_need_at_once():
    made.clear()

    class Uses(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Item]:
            return [Item(number=number) for number in range(3)]

        @step
        async def work(self, ev: Item, client: Annotated[Client, Resource(make_client_slowly)]) -> Done:
            client.calls += 1
            return Done(number=ev.number)

        @step
        async def join(self, evs: list[Done]) -> StopEvent:
            return StopEvent(result=len(evs))

    return [await ending_of(Uses().run(), ValueError, "Circular resource dependency detected"), list(made)]


@program
async def a_resource_may_need_another():
    made.clear()

    class Uses(Workflow):
        @step
        async def begin(
            self,
            ev: StartEvent,
            pool: Annotated[list, Resource(make_pool)],
            client: Annotated[Client, Resource(make_client)],
        ) -> StopEvent:
            return StopEvent(result=[pool, client.name])

    return [await ending_of(Uses().run()), sorted(made)]


@program
async def two_factories_of_one_name():
    def factory(value):
        return lambda: value

    class Uses(Workflow):
        @step
        async def begin(
            self,
            ev: StartEvent,
            one: Annotated[int, Resource(factory(1))],
            two: Annotated[str, Resource(factory("two"))],
        ) -> StopEvent:
            return StopEvent(result=[one, two])

    return await ending_of(Uses().run())


@program
async def a_factory_that_fails_fails_the_run():
    class Uses(Workflow):
        @step
        async def begin(self, ev: StartEvent, client: Annotated[Client, Resource(make_broken)]) -> StopEvent:
            return StopEvent()

    return await observed(Uses().run())


@program
async def resources_in_a_circle_are_refused():
    def first(other: Annotated[int, "filled in below"]):
        return 1

    def second(other: Annotated[int, Resource(first)]):
        return 2

    first.__annotations__["other"] = Annotated[int, Resource(second)]

    async def act():
        class Uses(Workflow):
            @step
            async def begin(self, ev: StartEvent, number: Annotated[int, Resource(first)]) -> StopEvent:
                return StopEvent()

        return await Uses().run()

    return await refused(act, ValueError, "Circular resource dependency detected")


@program
async def a_file_configures_a_step():
    FILE.write_text(json.dumps({"name": "file", "size": 7, "inner": {"deep": {"name": "deep"}}}))

    class Uses(Workflow):
        @step
        async def begin(
            self,
            ev: StartEvent,
            whole: Annotated[Settings, ResourceConfig(config_file=str(FILE))],
            deep: Annotated[Settings, ResourceConfig(config_file=str(FILE), path_selector="inner.deep")],
        ) -> StopEvent:
            return StopEvent(result=[whole.name, whole.size, deep.name, deep.size])

    return await observed(Uses().run())


@program
async def a_file_that_is_not_there_is_refused_at_validation():
    class Uses(Workflow):
        @step
        async def begin(
            self, ev: StartEvent, settings: Annotated[Settings, ResourceConfig(config_file="nowhere.json")]
        ) -> StopEvent:
            return StopEvent()

    return await refused(lambda: Uses().run(), WorkflowValidationError, "Resource config validation failed", "begin")


@program
async def a_resource_stands_beside_the_context():
    class Uses(Workflow):
        @step
        async def begin(
            self, ctx: Context, ev: StartEvent, client: Annotated[Client, Resource(make_client)]
        ) -> StopEvent:
            await ctx.store.set("client", client.name)
            return StopEvent(result=ev.word)

    return await observed(Uses().run(word="beside"))


@program
async def workflows_may_share_a_resource_manager():
    made.clear()
    manager = ResourceManager()

    class Uses(Workflow):
        @step
        async def begin(self, ev: StartEvent, client: Annotated[Client, Resource(make_client)]) -> StopEvent:
            client.calls += 1
            return StopEvent(result=client.calls)

    return [
        await Uses(resource_manager=manager).run(),
        await Uses(resource_manager=manager).run(),
        await Uses().run(),
        list(made),
    ]


@program
async def a_resource_of_a_plain_function_step():
    class Uses(Workflow):
        @step
        def begin(self, ev: StartEvent, client: Annotated[Client, Resource(make_client)]) -> StopEvent:
            return StopEvent(result=client.name)

    return await ending_of(Uses().run())


@program
async def a_factory_that_yields():
    told = []

    def opened():
        told.append("opened")
        yield Client("opened")
        told.append("closed")

    class Uses(Workflow):
        @step
        async def begin(self, ev: StartEvent, client: Annotated[Client, Resource(opened, cache=False)]) -> StopEvent:
            return StopEvent(result=type(client).__name__)

    return [await ending_of(Uses().run()), told]


@program
async def a_resource_is_set_on_a_manager():
    manager = ResourceManager()

    async def act():
        await manager.set("make_client", Client("fake"))

        class Uses(Workflow):
            @step
            async def begin(self, ev: StartEvent, client: Annotated[Client, Resource(make_client)]) -> StopEvent:
                return StopEvent(result=client.name)

        return await Uses(resource_manager=manager).run()

    return await refused(act, AttributeError)


@program
async def broken_files_are_listed_by_validation():
    broken = FOLDER / "broken.json"
    broken.write_text(json.dumps({"size": "many"}))

    class Uses(Workflow):
        @step
        async def begin(
            self, ev: StartEvent, settings: Annotated[Settings, ResourceConfig(config_file=str(broken))]
        ) -> StopEvent:
            return StopEvent(result=settings.name)

    workflow = Uses()
    phrase = "Resource config validation failed"
    return [
        await refused(
            lambda: workflow.validate(), WorkflowValidationError, phrase, "step 'begin', parameter 'settings'"
        ),
        await refused(lambda: workflow.validate(validate_resource_configs=False), WorkflowValidationError),
        await refused(lambda: Uses(disable_validation=True).run(), Exception, "name"),
    ]


@program
async def resources_are_tried_by_validation_inside_a_loop():
    class Uses(Workflow):
        @step
        async def begin(self, ev: StartEvent, client: Annotated[Client, Resource(make_client)]) -> StopEvent:
            return StopEvent(result=client.name)

    return await refused(lambda: Uses().validate(validate_resources=True), RuntimeError)


@program
async def a_file_that_changes_between_two_runs():
    changing = FOLDER / "changing.json"
    changing.write_text(json.dumps({"name": "old"}))

    class Uses(Workflow):
        @step
        async def begin(
            self, ev: StartEvent, settings: Annotated[Settings, ResourceConfig(config_file=str(changing))]
        ) -> StopEvent:
            return StopEvent(result=settings.name)

    first = await Uses().run()
    changing.write_text(json.dumps({"name": "new"}))
    return [first, await Uses().run()]
