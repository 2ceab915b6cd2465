"""Steps: which events start them, how many at once, and what they may return."""

from __future__ import annotations

import asyncio
from typing import Any, Union

import pytest
from tests.unit.runtime.virtual_loop import virtually

from stepwell import Context, Event, StartEvent, StopEvent, Workflow, step
from stepwell.errors import StepError, UndeclaredResultError


class Animal(Event):
    name: str = ""


class Dog(Animal):
    pass


class Puppy(Dog):
    pass


class Plant(Event):
    pass


class Zoo(Workflow):
    """Sends what it is told to steps that differ in what they accept."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> Animal | Dog | Plant | StopEvent:
        ctx.send_event(ev.event)
        await asyncio.sleep(1)
        return StopEvent(sorted(self.seen))

    @step
    async def exact(self, ev: Animal) -> None:
        self.seen.append("exact")

    @step(accept_event_subclasses=True)
    async def open(self, ev: Animal) -> None:
        self.seen.append("open")

    @step
    async def dogs(self, ev: Dog) -> None:
        self.seen.append("dogs")

    @step
    async def either(self, ev: Plant | Dog) -> None:
        self.seen.append("either")

    @step
    async def either_old(self, ev: Union[Plant, Animal]) -> None:  # noqa: UP007  # the old way to write it
        self.seen.append("either_old")


@pytest.mark.parametrize(
    ("event", "steps"),
    [
        (Animal(), ["either_old", "exact", "open"]),
        (Dog(), ["dogs", "either", "open"]),
        (Puppy(), ["open"]),
        (Plant(), ["either", "either_old"]),
    ],
)
@virtually
async def test_routing_is_by_exact_type_but_for_steps_that_open_themselves(event: Event, steps: list[str]) -> None:
    assert await Zoo().run(event=event) == steps


@virtually
async def test_annotations_written_in_the_future_style_name_classes_of_the_function_around() -> None:
    class Local(Event):
        number: int

    class LocalStop(StopEvent):
        number: int

    class Uses(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Local | None:
            return Local(number=4)

        @step
        async def finish(self, ctx: Context, ev: Local) -> LocalStop:
            return LocalStop(number=ev.number)

    assert (await Uses().run()).number == 4


class Item(Event):
    number: int = 0


class Counting(Workflow):
    """Counts how many attempts at one step go on at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.most = 0
        self.order: list[int] = []

    @step
    async def begin(self, ev: StartEvent) -> list[Item]:
        return [Item(number=number) for number in range(10)]

    async def count(self, ev: Item) -> Plant:
        self.order.append(ev.number)
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(1)
        self.now -= 1
        return Plant()

    @step
    async def join(self, evs: list[Plant]) -> StopEvent:
        return StopEvent(self.most)


class Usual(Counting):
    @step
    async def work(self, ev: Item) -> Plant:
        return await self.count(ev)


class Single(Counting):
    @step(num_workers=1)
    async def work(self, ev: Item) -> Plant:
        return await self.count(ev)


class Wide(Counting):
    @step(num_workers=7)
    async def work(self, ev: Item) -> Plant:
        return await self.count(ev)


@pytest.mark.parametrize(("kind", "most"), [(Usual, 4), (Single, 1), (Wide, 7)])
@virtually
async def test_no_more_attempts_than_workers_go_on_at_once(kind: type[Counting], most: int) -> None:
    workflow = kind()

    assert await workflow.run() == most
    assert workflow.order == list(range(10))


def returning(result: Any) -> Workflow:
    class Returns(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Animal | list[Item] | StopEvent:
            return result  # type: ignore[no-any-return]

        @step(accept_event_subclasses=True)
        async def finish(self, ev: Animal) -> StopEvent:
            return StopEvent(type(ev).__name__)

        @step
        async def join(self, evs: list[Item]) -> StopEvent:
            return StopEvent(len(evs))

    return Returns()


@virtually
async def test_a_subclass_of_a_declared_class_may_be_returned() -> None:
    assert await returning(Puppy()).run() == "Puppy"


@virtually
async def test_an_empty_list_is_a_fan_out_of_nothing() -> None:
    assert await returning([]).run() == 0


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (3, r"Step function begin returned int instead of an Event instance; its annotation declares -> Animal"),
        (
            Plant(),
            r"returned the undeclared event Plant; its annotation declares -> Animal \| StopEvent \| list\[Item\]",
        ),
        (Item(), "returned a bare Item but its return annotation only declares it inside a list"),
        (Animal, r"It returned the class itself: return Animal\(…\)"),
        ([Item(), Plant()], "returned the undeclared event Plant"),
        ([Item(), 3], "returned int instead of an Event instance"),
        ((Item(), Item()), "returned tuple instead of an Event instance"),
        ({"a": 1}, "returned dict instead of an Event instance"),
    ],
)
@virtually
async def test_what_a_step_does_not_declare_it_may_not_return(result: Any, message: str) -> None:
    with pytest.raises(UndeclaredResultError, match=message) as caught:
        await returning(result).run()

    assert caught.value.step == "begin"
    assert "test_steps.py:" in caught.value.location
    assert isinstance(caught.value, StepError)
    assert isinstance(caught.value, RuntimeError)


@virtually
async def test_a_list_where_none_is_declared_is_refused() -> None:
    class Single(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return [StopEvent()]  # type: ignore[return-value]

    with pytest.raises(UndeclaredResultError, match="returned list instead of an Event instance"):
        await Single().run()


@virtually
async def test_a_step_of_several_parameters_starts_when_each_has_come() -> None:
    class Both(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Plant | Item | None:
            ctx.send_event(Plant())
            await asyncio.sleep(1)
            return Item(number=3)

        @step
        async def join(self, plant: Plant, item: Item) -> StopEvent:
            return StopEvent((type(plant).__name__, item.number))

    assert await Both().run() == ("Plant", 3)


@virtually
async def test_two_parameters_of_one_type_get_two_events() -> None:
    class Pairs(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Item | None:
            ctx.send_event(Item(number=1))
            ctx.send_event(Item(number=2))
            return None

        @step
        async def join(self, left: Item, right: Item) -> StopEvent:
            return StopEvent((left.number, right.number))

    assert await Pairs().run() == (1, 2)


@virtually
async def test_a_parameter_with_a_default_is_left_alone() -> None:
    class Extra(Workflow):
        @step
        async def begin(self, ev: StartEvent, factor: int = 3) -> StopEvent:
            return StopEvent(factor)

    assert await Extra().run() == 3


async def test_of_a_list_of_stop_events_the_first_is_the_result() -> None:
    class Ends(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> list[Item | StopEvent]:
            return [Item(number=1), StopEvent("first"), StopEvent("second")]

        @step
        async def take(self, ev: Item) -> None:
            return None

    assert await Ends().run() == "first"
