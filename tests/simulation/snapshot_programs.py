"""Random programs for snapshots: one workflow whose bodies follow scripts, and a person who answers its questions.

A script is data: what a body awaits, sends, shows, writes, asks, retries. What a program comes to does not depend
on the order of things, so that a run that was put away and taken up anywhere must come to the same.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Annotated, Any

from stepwell import (
    Collect,
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StepFailedEvent,
    StopEvent,
    Workflow,
    WorkflowHandler,
    catch_error,
    step,
)
from stepwell.retry_policy import retry_policy, stop_after_attempt, wait_fixed

Script = list[list[Any]]


class Program(StartEvent):
    script: Script
    groups: list[list[Script]]
    endings: list[Script]


class Group(Event):
    name: str
    members: list[Script]


class Item(Event):
    name: str
    script: Script


class Done(Event):
    name: str
    value: int


class GroupDone(Event):
    name: str
    value: int


class Left(Event):
    name: str
    value: int


class Right(Event):
    name: str


class Paired(Event):
    value: int


class Ending(Event):
    name: str
    script: Script
    count: int


class Counted(Event):
    value: int
    count: int


class Side(Event):
    name: str


class Note(Event):
    name: str


class Ask(InputRequiredEvent):
    name: str


class Answer(HumanResponseEvent):
    name: str
    value: int


class Never(HumanResponseEvent):
    pass


class Scripted(Workflow):
    """Fans out twice, joins in every way there is, and ends when all is collected."""

    @step
    async def begin(self, ctx: Context, ev: Program) -> list[Group]:
        await perform(ctx, "begin", ev.script)
        await ctx.store.set("endings", ev.endings)
        return [Group(name=f"g{place}", members=members) for place, members in enumerate(ev.groups)]

    @step
    async def open_group(self, ctx: Context, ev: Group) -> list[Item]:
        return [Item(name=f"{ev.name}.{place}", script=script) for place, script in enumerate(ev.members)]

    @step(num_workers=2, retry_policy=retry_policy(wait=wait_fixed(3), stop=stop_after_attempt(3)))
    async def work(self, ctx: Context, ev: Item) -> Done:
        return Done(name=ev.name, value=await perform(ctx, ev.name, ev.script))

    @catch_error(for_steps=["work"], max_recoveries=1)
    async def mend(self, ctx: Context, ev: StepFailedEvent) -> Done:
        await ctx.sleep(1)
        return Done(name=ev.input_event.name, value=1000)

    @step
    async def close_group(self, ctx: Context, evs: Annotated[list[Done], Collect(ordered=True)]) -> GroupDone:
        await asyncio.sleep(0.1)
        name = evs[0].name.partition(".")[0] if evs else "empty"
        return GroupDone(name=name, value=sum(ev.value for ev in evs))

    @step(num_workers=1)
    async def split(self, ctx: Context, ev: GroupDone) -> Left:
        ctx.send_event(Right(name=ev.name))
        await ctx.sleep(0.5)
        return Left(name=ev.name, value=ev.value)

    @step
    async def pair(self, ctx: Context, left: Left, right: Right) -> Paired:
        await ctx.commit()
        return Paired(value=left.value)

    @step
    async def join(self, ctx: Context, evs: list[Paired]) -> None:
        total = sum(ev.value for ev in evs)
        endings = await ctx.store.get("endings")
        ctx.send_event(Counted(value=total, count=len(endings) + 1))
        for place, script in enumerate(endings):
            ctx.send_event(Ending(name=f"e{place}", script=script, count=len(endings) + 1))

    @step(retry_policy=retry_policy(wait=wait_fixed(2), stop=stop_after_attempt(3)))
    async def end(self, ctx: Context, ev: Ending) -> Counted:
        return Counted(value=await perform(ctx, ev.name, ev.script), count=ev.count)

    @step(num_workers=1, retry_policy=retry_policy(wait=wait_fixed(1), stop=stop_after_attempt(2)))
    async def count(self, ctx: Context, ev: Counted) -> StopEvent | None:
        together = ctx.collect_events(ev, [Counted] * ev.count)
        await asyncio.sleep(0)
        if ctx.attempt == 1:
            raise RuntimeError("the first attempt always fails")
        if together is None:
            return None
        return StopEvent(result=sum(one["value"] for one in together))

    @step(num_workers=1)
    async def on_side(self, ctx: Context, ev: Side) -> None:
        if not is_beside(ev.name):
            async with ctx.store.edit_state() as state:
                state["sides"] = state.get("sides", 0) + 1
        ctx.write_event_to_stream(Note(name=f"side {ev.name}"))


class Task(StartEvent):
    name: str
    script: Script


class Inner(Workflow):
    """Follows one script, as a child of another run."""

    @step
    async def follow(self, ctx: Context, ev: Task) -> StopEvent:
        return StopEvent(result=await perform(ctx, ev.name, ev.script))


def is_beside(name: str) -> bool:
    """Return whether a background task does it: the run may end before, or after."""
    return "~" in name


DONE: Counter[str] = Counter()
"""What the functions of ``once`` did, in all runs."""


async def perform(ctx: Context, name: str, script: Script) -> int:
    """Do what a script says; return the sum of what it got."""
    value = 0
    for place, (verb, *rest) in enumerate(script):
        value += await act(ctx, f"{name}/{place}", verb, rest)
    return value


async def act(ctx: Context, name: str, verb: str, rest: list[Any]) -> int:
    """Do one line of a script."""
    if verb in ("gather", "task", "awaited task"):
        return await act_in_tasks(ctx, name, verb, rest[0])
    if verb in ("once", "ask", "hopeless", "drop", "child"):
        return await act_on_points(ctx, name, verb, rest)
    if verb in ("write", "edit"):
        await act_on_store(ctx, name, verb)
        return 0
    match verb:
        case "nap":
            await ctx.sleep(rest[0])
        case "pause":
            await asyncio.sleep(rest[0])
        case "note":
            ctx.write_event_to_stream(Note(name=f"{name} {ctx.attempt}"))
        case "send":
            ctx.send_event(Side(name=f"{name} {ctx.attempt}"))
        case "commit":
            await ctx.commit()
        case _:
            assert verb == "fail"
            if ctx.attempt <= rest[0]:
                raise RuntimeError(name)
    return 0


async def act_on_store(ctx: Context, name: str, verb: str) -> None:
    if is_beside(name):
        return
    if verb == "write":
        await ctx.store.set(f"written {name} {ctx.attempt}".replace(".", "-"), True)
    else:
        async with ctx.store.edit_state() as state:
            state["edits"] = state.get("edits", 0) + 1


async def act_in_tasks(ctx: Context, name: str, verb: str, scripts: Any) -> int:
    if verb == "gather":
        parts = [perform(ctx, f"{name}-{branch}", script) for branch, script in enumerate(scripts)]
        return sum(await asyncio.gather(*parts))
    if verb == "task":
        ctx.create_task(perform(ctx, f"{name}~", scripts))
        return 0
    return int(await ctx.create_task(perform(ctx, name, scripts)))


async def act_on_points(ctx: Context, name: str, verb: str, rest: list[Any]) -> int:
    if verb == "once":
        return int(await ctx.once("effect", effect, ctx, name, rest[0]))
    if verb == "child":
        return int(await ctx.run_child(Inner(timeout=None), name=name, script=rest[0]))
    if verb == "ask":
        answer = await ctx.wait_for_event(Answer, waiter_event=Ask(name=name), requirements={"name": name})
        return answer.value
    try:
        if verb == "hopeless":
            await ctx.wait_for_event(Never, timeout=rest[0])
        else:
            async with asyncio.timeout(rest[0]):
                await ctx.wait_for_event(Never, waiter_id=name)
    except TimeoutError:
        return 7
    raise AssertionError("the wait was in vain, and came to an end")


async def effect(ctx: Context, name: str, seconds: float) -> int:
    """Do something outside, once; what it sends and shows is part of it."""
    ctx.send_event(Side(name=f"{name} once"))
    if seconds:
        await asyncio.sleep(seconds)
    DONE[name] += 1
    return len(name)


@dataclass
class Author:
    """Writes random scripts."""

    random: Random

    def program(self) -> dict[str, Any]:
        groups = [[self.script(2) for _ in range(self.random.randint(0, 3))] for _ in range(self.random.randint(1, 2))]
        return {
            "script": self.script(1, failing=False, length=2),
            "groups": groups,
            "endings": [self.script(1, failing=False) for _ in range(self.random.randint(0, 2))],
        }

    def script(self, depth: int, *, failing: bool = True, length: int = 4, tasks: bool = True) -> Script:
        return [self.line(depth, failing, tasks) for _ in range(self.random.randint(0, length))]

    def line(self, depth: int, failing: bool, tasks: bool) -> list[Any]:
        verbs = ["nap", "pause", "note", "note", "send", "send", "write", "edit", "commit", "once", "ask"]
        verbs += ["hopeless", "drop"]
        if depth:
            verbs += ["gather", "gather", "awaited task", "child"] + ["task"] * tasks
        if failing:
            verbs += ["fail"]
        verb = self.random.choice(verbs)
        if verb == "gather":
            return [verb, [self.script(depth - 1, failing=False, tasks=False) for _ in range(2)]]
        if verb in ("task", "awaited task", "child"):
            return [verb, self.script(depth - 1, failing=False, tasks=False)]
        return [verb, self.random.choice(AMOUNTS[verb])] if verb in AMOUNTS else [verb]


AMOUNTS: dict[str, list[float]] = {
    "nap": [0, 1, 2.5],
    "hopeless": [0, 1, 2.5],
    "drop": [0, 1, 2.5],
    "pause": [0, 0, 0.3, 1],
    "once": [0, 0, 0.4],
    "fail": [1, 1, 2, 3],
}


@dataclass
class Person:
    """Answers each question once, some time after it was shown."""

    answered: set[str] = field(default_factory=set)

    async def attend(self, handler: WorkflowHandler[Any], seen: list[tuple[int, Event]]) -> None:
        """Listen to a run to its end, note what it shows, and answer."""
        asked: set[str] = set(self.answered)
        async for item in handler.stream():
            seen.append((item.cursor, item.event))
            if isinstance(item.event, Ask) and type(item.event.name) is str and item.event.name not in asked:
                asked.add(item.event.name)
                delay = len(item.event.name) % 5 * 0.7
                asyncio.get_running_loop().call_later(delay, self.answer, handler, item.event.name)

    def answer(self, handler: WorkflowHandler[Any], name: str) -> None:
        if not handler.is_done() and handler.ctx.is_running:
            self.answered.add(name)
            handler.ctx.send_event(Answer(name=name, value=3))
