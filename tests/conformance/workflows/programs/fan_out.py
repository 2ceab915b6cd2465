"""Fan-out by ``list[E]`` and what brings it together again."""

# mypy: ignore-errors

import asyncio
from typing import Annotated

from engine import All, Collect, Context, Event, StartEvent, StopEvent, Take, Workflow, step
from observing import ending_of, observed, program


class Item(Event):
    number: int


class Other(Event):
    name: str


class Done(Event):
    number: int


class Summary(Event):
    total: int


class Batch(Event):
    numbers: list[int]


class Squares(Workflow):
    @step
    async def split(self, ev: StartEvent) -> list[Item]:
        return [Item(number=number) for number in ev.numbers]

    @step
    async def square(self, ev: Item) -> Done:
        return Done(number=ev.number**2)

    @step
    async def join(self, evs: list[Done]) -> StopEvent:
        return StopEvent(result=sorted(ev.number for ev in evs))


@program
async def a_list_is_fanned_out_and_joined():
    return await observed(Squares().run(numbers=[1, 2, 3, 4, 5, 6, 7]))


@program
async def an_empty_list_joins_at_once_with_nothing():
    return await observed(Squares().run(numbers=[]))


@program
async def a_list_of_one_is_joined_too():
    return await observed(Squares().run(numbers=[9]))


@program
async def a_join_lists_its_members_in_the_order_in_which_they_came():
    class Reverse(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Item]:
            return [Item(number=number) for number in range(4)]

        @step
        async def work(self, ev: Item) -> Done:
            await asyncio.sleep(0.04 * (4 - ev.number))
            return Done(number=ev.number)

        @step
        async def join(self, evs: list[Done]) -> StopEvent:
            return StopEvent(result=[ev.number for ev in evs])

    return await observed(Reverse().run())


@program
async def a_join_may_take_the_items_themselves():
    class Direct(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Item]:
            return [Item(number=number) for number in range(3)]

        @step
        async def join(self, evs: Annotated[list[Item], Collect(All())]) -> StopEvent:
            return StopEvent(result=[ev.number for ev in evs])

    return await observed(Direct().run())


@program
async def take_fires_with_the_first_ones():
    seen = []

    class Fastest(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Item]:
            return [Item(number=number) for number in range(4)]

        @step
        async def work(self, ev: Item) -> Done:
            await asyncio.sleep(0.04 * (ev.number + 1))
            seen.append(ev.number)
            return Done(number=ev.number)

        @step
        async def join(self, evs: Annotated[list[Done], Collect(Take(2))]) -> StopEvent:
            return StopEvent(result=[ev.number for ev in evs])

    return {**await observed(Fastest().run()), "seen": seen}


@program
async def take_lets_the_others_run_on():
    seen = []

    class Fastest(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Item]:
            return [Item(number=number) for number in range(3)]

        @step
        async def work(self, ev: Item) -> Done:
            await asyncio.sleep(0.03 * (ev.number + 1))
            seen.append(ev.number)
            return Done(number=ev.number)

        @step
        async def join(self, evs: Annotated[list[Done], Collect(Take(1))]) -> Summary:
            return Summary(total=len(evs))

        @step
        async def finish(self, ev: Summary) -> StopEvent:
            await asyncio.sleep(0.15)
            return StopEvent(result=ev.total)

    return {**await observed(Fastest().run()), "seen": seen}


@program
async def take_of_more_than_there_are():
    class Fastest(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Item]:
            return [Item(number=number) for number in range(2)]

        @step
        async def join(self, evs: Annotated[list[Item], Collect(Take(5))]) -> StopEvent:
            return StopEvent(result=[ev.number for ev in evs])

    return await observed(Fastest(timeout=0.4).run())


@program
async def branches_that_return_nothing_are_missing_from_the_join():
    class Filter(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Item]:
            return [Item(number=number) for number in range(6)]

        @step
        async def keep_even(self, ev: Item) -> Done | None:
            return Done(number=ev.number) if ev.number % 2 == 0 else None

        @step
        async def join(self, evs: list[Done]) -> StopEvent:
            return StopEvent(result=sorted(ev.number for ev in evs))

    return await observed(Filter().run())


@program
async def fan_outs_nest():
    class Nested(Workflow):
        @step
        async def outer(self, ev: StartEvent) -> list[Batch]:
            return [Batch(numbers=[1, 2]), Batch(numbers=[]), Batch(numbers=[3, 4, 5])]

        @step
        async def inner(self, ev: Batch) -> list[Item]:
            return [Item(number=number) for number in ev.numbers]

        @step
        async def inner_join(self, evs: list[Item]) -> Summary:
            return Summary(total=sum(ev.number for ev in evs))

        @step
        async def outer_join(self, evs: list[Summary]) -> StopEvent:
            return StopEvent(result=sorted(ev.total for ev in evs))

    return await observed(Nested().run())


@program
async def a_fan_out_of_several_types_is_joined_by_a_union():
    class Mixed(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Item | Other]:
            return [Item(number=1), Other(name="a"), Item(number=2), Other(name="b")]

        @step
        async def join(self, evs: list[Item | Other]) -> StopEvent:
            return StopEvent(result=sorted(str(getattr(ev, "number", "")) + type(ev).__name__ for ev in evs))

    return await observed(Mixed().run())


@program
async def each_type_of_a_fan_out_has_a_join_of_its_own():
    class Split(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Item | Other]:
            return [Item(number=1), Other(name="a"), Item(number=2)]

        @step
        async def numbers(self, evs: list[Item]) -> Summary:
            return Summary(total=sum(ev.number for ev in evs))

        @step
        async def names(self, evs: list[Other]) -> Done:
            return Done(number=len(evs))

        @step
        async def both(self, one: Summary, two: Done) -> StopEvent:
            return StopEvent(result=[one.total, two.number])

    return await observed(Split().run())


@program
async def a_join_of_several_events_fires_when_one_of_each_has_come():
    class Pair(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Item | Other | None:
            ctx.send_event(Item(number=7))
            ctx.send_event(Other(name="seven"))

        @step
        async def work(self, ev: Item) -> Done:
            await asyncio.sleep(0.02)
            return Done(number=ev.number)

        @step
        async def join(self, done: Done, other: Other) -> StopEvent:
            return StopEvent(result=[done.number, other.name])

    return await observed(Pair().run())


@program
async def a_join_of_several_events_pairs_them_in_the_order_in_which_they_came():
    pairs = []

    class Pairs(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Item | Other | None:
            for number in range(3):
                ctx.send_event(Item(number=number))
            for name in "abc":
                ctx.send_event(Other(name=name))

        @step(num_workers=1)
        async def join(self, ctx: Context, one: Item, two: Other) -> StopEvent | None:
            pairs.append([one.number, two.name])
            return StopEvent(result=pairs) if len(pairs) == 3 else None

    return await observed(Pairs(timeout=0.5).run())


@program
async def a_failed_branch_fails_the_run():
    class Broken(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Item]:
            return [Item(number=number) for number in range(3)]

        @step
        async def work(self, ev: Item) -> Done:
            if ev.number == 1:
                raise KeyError("one")
            return Done(number=ev.number)

        @step
        async def join(self, evs: list[Done]) -> StopEvent:
            return StopEvent(result=len(evs))

    return await observed(Broken().run())


@program
async def a_fan_out_of_many_keeps_to_the_number_of_workers():
    now, most = [0], [0]

    class Wide(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Item]:
            return [Item(number=number) for number in range(12)]

        @step(num_workers=3)
        async def work(self, ev: Item) -> Done:
            now[0] += 1
            most[0] = max(most[0], now[0])
            await asyncio.sleep(0.01)
            now[0] -= 1
            return Done(number=ev.number)

        @step
        async def join(self, evs: list[Done]) -> StopEvent:
            return StopEvent(result=sorted(ev.number for ev in evs))

    return {**await observed(Wide().run()), "most": most[0]}


@program
async def a_bare_event_under_a_list_annotation_fails():
    class Bare(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Item]:
            return Item(number=1)

        @step
        async def join(self, evs: list[Item]) -> StopEvent:
            return StopEvent(result=len(evs))

    return await ending_of(Bare(timeout=0.4).run(), Exception, "only declares it inside a list")


@program
async def an_optional_list_that_is_nothing_opens_no_fan_out():
    class Maybe(Workflow):
        @step
        async def split(self, ctx: Context, ev: StartEvent) -> list[Item] | Summary | None:
            if ev.whole:
                return [Item(number=1)]
            return Summary(total=0)

        @step
        async def join(self, evs: list[Item]) -> StopEvent:
            return StopEvent(result=len(evs))

        @step
        async def none(self, ev: Summary) -> StopEvent:
            return StopEvent(result="none")

    return [await ending_of(Maybe().run(whole=True)), await ending_of(Maybe().run(whole=False))]


@program
async def a_join_over_two_parameters_of_one_type():
    class Pairs(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Item | None:
            for number in range(4):
                ctx.send_event(Item(number=number))
            return None

        @step
        async def pair(self, left: Item, right: Item) -> Done:
            return Done(number=10 * left.number + right.number)

        @step
        async def finish(self, ctx: Context, ev: Done) -> StopEvent | None:
            both = ctx.collect_events(ev, [Done, Done])
            return StopEvent(result=sorted(one.number for one in both)) if both else None

    return await observed(Pairs().run())


@program
async def parameters_that_may_be_none():
    class Optional(Workflow):
        @step
        async def split(self, ev: StartEvent | None) -> list[Item]:
            return [Item(number=number) for number in range(3)]

        @step
        async def join(self, evs: Annotated[list[Item] | None, Collect(Take(2))] = None) -> StopEvent:
            return StopEvent(result=len(evs))

    return await observed(Optional().run())
