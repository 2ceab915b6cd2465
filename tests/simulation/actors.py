"""The events and the bodies of random workflows: each body does a few random things, then turns its event into others.

What a body gives is fixed by what it gets, whatever the order of things: so a workflow of such steps is confluent.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from stepwell import (
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StepFailedEvent,
    StopEvent,
    Workflow,
    step,
)

POOL = 48
WHOLE = 1 << 61


class Token(Event):
    """What goes through a workflow. ``path`` names the fan-outs it descends from: opener, branch, of how many."""

    path: tuple[tuple[str, int, int], ...] = ()
    value: int = 0
    rounds: int = 0


class Shown(Event):
    """Something a body writes to the stream."""

    name: str


class Ping(Event):
    """Asks the echo step for a ``Pong``."""

    name: str


class Pong(Event):
    name: str


class Side(Event):
    """Leads to a step that comes to nothing."""

    name: str


class Question(InputRequiredEvent):
    """Asked by a wait."""

    name: str


class Answer(HumanResponseEvent):
    name: str


class Inquiry(InputRequiredEvent):
    """Asked by a step that returns it: ``token`` comes back with the answer."""

    token: Token
    number: int


class Counts(BaseModel):
    """The state of a random workflow."""

    edits: dict[str, int] = {}
    answered: set[str] = set()


TOKENS: tuple[type[Token], ...] = tuple(type(f"Token{n}", (Token,), {"__module__": __name__}) for n in range(POOL))
INQUIRIES: tuple[type[Inquiry], ...] = tuple(
    type(f"Inquiry{n}", (Inquiry,), {"__module__": __name__}) for n in range(POOL // 8)
)


class Reply(HumanResponseEvent):
    """Answers an ``Inquiry``."""

    token: Token


REPLIES: tuple[type[Reply], ...] = tuple(
    type(f"Reply{n}", (Reply,), {"__module__": __name__}) for n in range(POOL // 8)
)


@dataclass(slots=True)
class Book:
    """What the bodies of one run say they did."""

    began: Counter[tuple[str, object]] = field(default_factory=Counter)
    shown: Counter[str] = field(default_factory=Counter)
    edits: int = 0
    broken: list[str] = field(default_factory=list)

    def hold(self, fact: bool, otherwise: str) -> None:
        if not fact:
            self.broken.append(otherwise)
            raise AssertionError(otherwise)


@dataclass(frozen=True, slots=True)
class Role:
    """What the bodies of one step do. ``acts`` come first; then it gives events of class ``gives``.

    ``items``: it returns a list of so many. ``back``: it gives this class until it was round so often. ``other``:
    it gives this class for odd values. ``posts``: it sends what it gives instead of returning it. ``forgets``: for
    every fifth value it gives nothing. ``stubborn``: how many attempts fail at first, ``hopeless``: for every
    fourth value all do.
    """

    name: str
    number: int
    gives: type[Event] | None
    acts: tuple[str, ...] = ()
    items: int | None = None
    back: type[Token] | None = None
    rounds: int = 0
    other: type[Token] | None = None
    posts: bool = False
    forgets: bool = False
    stubborn: int = 0
    hopeless: bool = False


def mix(value: int, number: int) -> int:
    return (value * 1_000_003 + number + 1) % WHOLE


def has_token(event: Any) -> bool:
    """Return whether it can be told where an event belongs: not so for the failure of a join that got nothing."""
    while isinstance(event, StepFailedEvent):
        event = event.input_event
    return not (isinstance(event, list) and not event)


def token_of(event: Any) -> Token:
    """Return the token in whatever reached a step."""
    match event:
        case Token():
            return event
        case Inquiry() | Reply():
            return event.token
        case StepFailedEvent():
            return token_of(event.input_event)
        case tuple():
            return token_of(event[0])
        case list():  # a join failed: it belongs to the scope around that of its members
            return Token(path=token_of(event[0]).path[:-1])
        case _:
            return Token()


class Broken(Exception):
    """What a stubborn body raises."""


async def is_first_answer(ctx: Context[Counts], token: Token) -> bool:
    """Return whether this is the first answer for its token; people may answer twice."""

    async def claim() -> bool:
        async with ctx.store.edit_state() as state:
            name = f"{token.path} {token.value}"
            is_first = name not in state.answered
            state.answered.add(name)
        return is_first

    is_first: bool = await ctx.once("claim", claim)
    return is_first


async def perform(role: Role, book: Book, ctx: Context[Counts], token: Token) -> None:
    """Do what a body does before it gives something."""
    name = f"{role.name} {token.path} {token.value} {token.rounds} attempt {ctx.attempt}"
    if ctx.attempt == 1:
        book.began[role.name, (token.path, token.value, token.rounds)] += 1
        seen = book.began[role.name, (token.path, token.value, token.rounds)]
        book.hold(seen == 1, f"{name} began {seen} times")
    for place, act in enumerate(role.acts):
        await ACTS[act](book, ctx, f"{name} {place}")
    if ctx.attempt <= role.stubborn or (role.hopeless and mix(token.value, role.number) % 4 == 0):
        raise Broken(name)


async def pause(book: Book, ctx: Context[Counts], name: str) -> None:
    await asyncio.sleep(len(name) % 7 * 0.002)


async def work_in_thread(book: Book, ctx: Context[Counts], name: str) -> None:
    book.hold(await asyncio.to_thread(len, name) == len(name), "a thread lost its result")


async def sleep(book: Book, ctx: Context[Counts], name: str) -> None:
    await ctx.sleep(len(name) % 5 * 0.003)


async def sleep_long(book: Book, ctx: Context[Counts], name: str) -> None:
    """Sleep for longer than the run may take: while all sleep or wait, its time stands still."""
    await ctx.sleep(3_000)


async def work_after_rest(book: Book, ctx: Context[Counts], name: str) -> None:
    """Rest and work for less than a step may take, and for longer in all: rest does not count."""
    await ctx.sleep(4.5)
    await asyncio.sleep(1.2)


async def ask_with_time(book: Book, ctx: Context[Counts], name: str) -> None:
    try:
        answer = await ctx.wait_for_event(Answer, Question(name=name), requirements={"name": name}, timeout=400)
    except TimeoutError:
        return
    book.hold(answer.name == name, f"{name} got the answer for {answer.name}")


async def edit(book: Book, ctx: Context[Counts], name: str) -> None:
    async with ctx.store.edit_state() as state:
        state.edits[name] = state.edits.get(name, 0) + 1
        if len(name) % 3 == 0:
            await asyncio.sleep(0.001)
    book.edits += 1


async def edit_once(book: Book, ctx: Context[Counts], name: str) -> None:
    """Edit in a recorded call: once for all attempts."""
    once_for_all = name.replace(f" attempt {ctx.attempt}", "")

    async def change() -> int:
        await edit(book, ctx, f"{once_for_all} once")
        return len(once_for_all)

    book.hold(await ctx.once("edit", change) == len(once_for_all), f"{name} got another result of once")


async def come_here(book: Book, ctx: Context[Counts], name: str) -> None:
    await ctx.commit()


async def show(book: Book, ctx: Context[Counts], name: str) -> None:
    ctx.write_event_to_stream(Shown(name=name))
    book.shown[name] += 1


async def ask(book: Book, ctx: Context[Counts], name: str) -> None:
    answer = await ctx.wait_for_event(Answer, Question(name=name), requirements={"name": name})
    book.hold(answer.name == name, f"{name} got the answer for {answer.name}")


async def ask_in_vain(book: Book, ctx: Context[Counts], name: str) -> None:
    try:
        await ctx.wait_for_event(Answer, Question(name=name), requirements={"name": "nobody"}, timeout=0.01)
    except TimeoutError:
        return
    book.hold(False, f"{name} got an answer that nobody gave")


async def ask_impatiently(book: Book, ctx: Context[Counts], name: str) -> None:
    try:
        async with asyncio.timeout(0.004):
            await ctx.wait_for_event(Answer, Question(name=name), requirements={"name": name})
    except TimeoutError:
        return


async def ping(book: Book, ctx: Context[Counts], name: str) -> None:
    ctx.send_event(Ping(name=name))
    pong = await ctx.wait_for_event(Pong, requirements={"name": name})
    book.hold(pong.name == name, f"{name} got the pong of {pong.name}")


async def ping_twice(book: Book, ctx: Context[Counts], name: str) -> None:
    await asyncio.gather(ping(book, ctx, f"{name} left"), ping(book, ctx, f"{name} right"))


async def side(book: Book, ctx: Context[Counts], name: str) -> None:
    ctx.send_event(Side(name=name))


async def background(book: Book, ctx: Context[Counts], name: str) -> None:
    async def work() -> None:
        await ctx.sleep(0.003)  # a task without a recorded call is counted with its body, in whichever order they come
        await show(book, ctx, f"{name} (background)")

    ctx.create_task(work())


async def background_wait(book: Book, ctx: Context[Counts], name: str) -> None:
    task = ctx.create_task(ping(book, ctx, f"{name} (background)"))
    if len(name) % 2:
        await task


class Errand(StartEvent):
    name: str


class Part(Event):
    name: str
    number: int


class Helper(Workflow):
    """What a body runs as a child: it fans out, asks, and joins."""

    def __init__(self, book: Book) -> None:
        super().__init__(timeout=500.0)
        self.book = book

    @step
    async def divide(self, ctx: Context[Counts], ev: Errand) -> list[Part]:
        await show(self.book, ctx, f"{ev.name} (child)")
        return [Part(name=f"{ev.name} part {number}", number=number) for number in range(len(ev.name) % 3 + 1)]

    @step(num_workers=2)
    async def work(self, ctx: Context[Counts], ev: Part) -> Pong:
        await ctx.sleep(0.002 * ev.number)
        if len(ev.name) % 2:
            await ask(self.book, ctx, f"{ev.name} attempt {ctx.attempt}")
        return Pong(name=ev.name)

    @step
    async def finish(self, parts: list[Pong]) -> StopEvent:
        return StopEvent(result=len(parts))


async def child(book: Book, ctx: Context[Counts], name: str) -> None:
    count = await ctx.run_child(Helper(book), name=name)
    book.hold(count == len(name) % 3 + 1, f"{name} got {count} from its child")


ACTS: dict[str, Callable[[Book, Context[Counts], str], Any]] = {
    act.__name__: act
    for act in (
        pause,
        sleep,
        edit,
        show,
        ask,
        ask_in_vain,
        ask_impatiently,
        ping,
        ping_twice,
        side,
        background,
        background_wait,
        work_in_thread,
        child,
        sleep_long,
        work_after_rest,
        ask_with_time,
        edit_once,
        come_here,
    )
}


def result(role: Role, token: Token, ctx: Context[Counts]) -> Any:
    """Return what a body gives, or send it."""
    value = mix(token.value, role.number)
    if role.gives is None or (role.forgets and value % 5 == 0):
        return None
    kind: type[Any] = role.gives
    if role.items is not None:
        return [
            kind(path=(*token.path, (f"{role.name} {token.value}", index, role.items)), value=mix(value, index))
            for index in range(role.items)
        ]
    given: Event
    if issubclass(role.gives, Inquiry):
        given = kind(token=Token(path=token.path, value=value), number=role.number)
    elif role.back is not None and token.rounds < role.rounds:
        given = role.back(path=token.path, value=token.value, rounds=token.rounds + 1)
    else:
        given = (role.other if role.other is not None and value % 2 else kind)(path=token.path, value=value)
    if role.posts:
        ctx.send_event(given)
        return None
    return given


def check_members(role: Role, book: Book, members: Sequence[Any], *, take: int | None) -> None:
    """Hold that a join got members of one fan-out: each once, and as many as it wants."""
    paths = [token_of(member).path for member in members]
    book.hold(len({(path[:-1], path[-1][0]) for path in paths}) == 1, f"{role.name} mixes {paths}")
    branches = [path[-1][1] for path in paths]
    book.hold(len(set(branches)) == len(branches), f"{role.name} has a branch twice: {paths}")
    wanted = paths[0][-1][2] if take is None else take
    book.hold(len(members) == wanted, f"{role.name} wants {wanted} members and got {len(members)}: {paths}")
