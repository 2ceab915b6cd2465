"""Snapshots with children that were damaged: refused before anything starts, wherever the damage is."""

import asyncio
import copy
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel
from tests.unit.runtime.snapshot_helpers import put_away, settle, take_up
from tests.unit.runtime.virtual_loop import virtually

from stepwell import Context, Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent, Workflow, step
from stepwell.errors import ChildMismatchError, ContextSerdeError, ForeignSnapshotError, SnapshotError
from stepwell.flow.codec import JsonSerializer

BEGUN: list[str] = []
"""The bodies that began, here and below."""


class Answer(HumanResponseEvent):
    number: int = 0


class Half(Event):
    number: int


class Seen(BaseModel):
    names: list[str] = []


class Price(BaseModel):
    """No annotation of a workflow leads to it."""

    euros: int


class Asker(Workflow):
    @step
    async def begin(self, ctx: Context[Seen], ev: StartEvent) -> Half | None:
        BEGUN.append("asker")
        await ctx.store.set("names", ["asker"])
        await ctx.once("half", int)
        ctx.send_event(Half(number=2))
        return Half(number=1)

    @step(num_workers=1)
    async def ask(self, ctx: Context[Seen], ev: Half) -> StopEvent:
        BEGUN.append("ask")
        answer = await ctx.wait_for_event(Answer, InputRequiredEvent(prefix="?"), requirements={"number": ev.number})
        return StopEvent(result=answer.number)


class Middle(Workflow):
    @step
    async def pass_on(self, ctx: Context, ev: StartEvent) -> StopEvent:
        BEGUN.append("middle")
        return StopEvent(result=await ctx.run_child(Asker(timeout=100)))


class Outer(Workflow):
    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
        BEGUN.append("outer")
        return StopEvent(result=await ctx.run_child(Middle(timeout=None)))


Way = tuple[Any, ...]


def ways(data: Any, way: Way = ()) -> Iterator[Way]:
    """Yield the way to each part of a document."""
    if way:
        yield way
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in entries:
        yield from ways(value, (*way, key))


def damaged(document: dict[str, Any], way: Way, *instead: object) -> dict[str, Any]:
    """Return a document without one part, or with something else instead of it."""
    document = copy.deepcopy(document)
    holder: Any = document
    for key in way[:-1]:
        holder = holder[key]
    if instead:
        holder[way[-1]] = instead[0]
    else:
        del holder[way[-1]]
    return document


def child_in(document: dict[str, Any]) -> dict[str, Any]:
    inner: dict[str, Any] = document["run"]["children"][0]["document"]
    return inner


async def three_runs() -> dict[str, Any]:
    handler = Outer(timeout=None).run()
    await settle(100)
    return await put_away(handler)


@virtually
async def test_what_is_missing_in_a_child_of_a_child_is_missed_before_anything_starts() -> None:
    document = await three_runs()
    inner = child_in(child_in(document))
    places = [("run", *way) for way in ways(inner["run"]) if all(type(key) is str for key in way)]
    BEGUN.clear()

    for way in [*((key,) for key in inner), *places]:
        whole = damaged(document, ("run", "children", 0, "document", "run", "children", 0, "document", *way))

        with pytest.raises(ContextSerdeError, match=f"at .*{way[-1]}.* Nothing was started"):
            Context.from_dict(Outer(timeout=None), whole)

    assert not BEGUN


@pytest.mark.parametrize(
    ("way", "instead"),
    [
        (("workflow",), f"{__name__}:Middle"),
        (("workflow",), f"{__name__}:Nobody"),
        (("workflow",), "elsewhere:Asker"),
        (("workflow",), "elsewhere:Nobody"),
        (("run", "running", 0, "step"), "begin"),
        (("run", "running", 0, "event", "class"), f"{__name__}:Price"),
        (("run", "suspended", 0, "open", 0, "question"), 99),
        (("run", "counter"), 1),
        (("run", "history", "produced", 0, 0), "nobody"),
        (("store", "class"), f"{__name__}:Half"),
    ],
)
@virtually
async def test_a_child_of_a_child_that_does_not_fit_its_workflow_is_refused_before_anything_starts(
    way: Way, instead: object
) -> None:
    document = await three_runs()
    BEGUN.clear()
    deep = ("run", "children", 0, "document", "run", "children", 0, "document")

    with pytest.raises(ContextSerdeError, match=r"at run\.children\[0\]\.document\.run\.children\[0\]\.document"):
        Context.from_dict(Outer(timeout=None), damaged(document, (*deep, *way), instead))

    assert not BEGUN


@virtually
async def test_a_child_of_another_class_names_both() -> None:
    document = await three_runs()

    with pytest.raises(ForeignSnapshotError, match=r"of a run of elsewhere:Asker, and .*:Asker cannot go on"):
        Context.from_dict(
            Outer(timeout=None),
            damaged(
                document,
                ("run", "children", 0, "document", "run", "children", 0, "document", "workflow"),
                "elsewhere:Asker",
            ),
        )


@virtually
async def test_a_child_that_the_run_above_takes_for_working_while_it_waits_is_refused() -> None:
    document = await three_runs()

    with pytest.raises(SnapshotError, match="another state"):
        Context.from_dict(
            Outer(timeout=None),
            damaged(document, ("run", "children", 0, "document", "run", "suspended", 0, "open", 0, "works"), True),
        )


# Children of which only their step can tell whether they fit.


class Keeper(Asker):
    @step(num_workers=1)
    async def ask(self, ctx: Context[Seen], ev: Half) -> StopEvent:
        price = await ctx.once("price", Price, euros=5)
        await ctx.wait_for_event(Answer, requirements={"number": ev.number})
        return StopEvent(result=price)


class Shop(Workflow):
    """Its child has a serializer of its own, until somebody changes the program."""

    allowed: tuple[type, ...] = (Price,)
    hides_errors = False

    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
        BEGUN.append("shop")
        serializer = JsonSerializer(allowed_types=self.allowed) if self.allowed else None
        try:
            return StopEvent(result=await ctx.run_child(Keeper(timeout=None, serializer=serializer)))
        except ChildMismatchError:
            if self.hides_errors:
                return StopEvent(result="hidden")
            raise


@virtually
async def test_a_child_with_a_serializer_of_its_own_goes_on() -> None:
    handler = Shop(timeout=None).run()
    await settle(100)

    again = take_up(Shop(timeout=None), await put_away(handler))
    again.ctx.send_event(Answer(number=1))

    assert await asyncio.wait_for(again, 10) == Price(euros=5)


@virtually
async def test_a_child_of_a_snapshot_that_was_not_gone_on_with_keeps_what_it_had_of_its_own() -> None:
    handler = Shop(timeout=None).run()
    await settle(100)
    kept = Context.from_dict(Shop(timeout=None), await put_away(handler)).to_dict()

    again = take_up(Shop(timeout=None), kept)
    again.ctx.send_event(Answer(number=1))

    assert await asyncio.wait_for(again, 10) == Price(euros=5)


@pytest.mark.parametrize("hides", [False, True])
@virtually
async def test_a_child_that_its_step_makes_otherwise_than_then_is_a_disagreement_also_when_it_is_hidden(
    hides: bool,
) -> None:
    handler = Shop(timeout=None).run()
    await settle(100)
    changed = Shop(timeout=None)
    changed.allowed, changed.hides_errors = (), hides

    again = take_up(changed, await put_away(handler))

    with pytest.raises(
        ChildMismatchError, match=r"step 'begin' was run again.*the Keeper.*run\.children\[0\].*Price"
    ) as e:
        await asyncio.wait_for(again, 10)
    assert "Nothing was" not in str(e.value)
    assert e.value.__cause__ is None


class Extended(Workflow):
    """Its child gets a step that its class has not."""

    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
        async def ask_more(ctx: Context, ev: Half) -> None:
            await ctx.wait_for_event(Answer, waiter_id="more")

        child = Asker(timeout=None)
        child.add_step(ask_more)
        return StopEvent(result=await ctx.run_child(child))


@virtually
async def test_a_child_with_steps_of_its_own_goes_on() -> None:
    handler = Extended(timeout=None).run()
    await settle(100)

    again = take_up(Extended(timeout=None), await put_away(handler))
    again.ctx.send_event(Answer(number=2))

    assert await asyncio.wait_for(again, 10) == 2


def made_here() -> type[Workflow[Any, Any]]:
    class Local(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(result=await ctx.wait_for_event(Answer))

    return Local


class Maker(Workflow):
    """Its child's class is another one each time."""

    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
        answer = await ctx.run_child(made_here()(timeout=None))
        return StopEvent(result=answer.number)


@virtually
async def test_a_child_whose_class_its_step_makes_goes_on() -> None:
    others = [made_here() for _ in range(2)]
    handler = Maker(timeout=None).run()
    await settle(100)

    again = take_up(Maker(timeout=None), await put_away(handler))
    again.ctx.send_event(Answer(number=3))

    assert await asyncio.wait_for(again, 10) == 3
    assert len(others) == 2


@virtually
async def test_runs_that_stand_too_deep_within_each_other_are_refused() -> None:
    document = await three_runs()
    inner = copy.deepcopy(child_in(document))
    deepest = inner
    for _ in range(70):
        deepest["run"]["children"][0]["document"] = copy.deepcopy(child_in(document))
        deepest = child_in(deepest)

    with pytest.raises(SnapshotError, match="no more than 64 runs"):
        Context.from_dict(Outer(timeout=None), damaged(document, ("run", "children", 0, "document"), inner))
