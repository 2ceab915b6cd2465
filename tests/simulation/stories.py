"""Random workflows: real classes, each built of parts that turn one event into exactly one other.

Such a workflow reaches its end whatever the order of things, and always with the same result, unless ``Mischief``
lets its bodies fail for good, give nothing, or be too few for a join.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from random import Random
from typing import Annotated, Any

from tests.simulation.actors import (
    INQUIRIES,
    REPLIES,
    TOKENS,
    Answer,
    Book,
    Counts,
    Inquiry,
    Ping,
    Pong,
    Question,
    Role,
    Side,
    Token,
    check_members,
    has_token,
    is_first_answer,
    mix,
    perform,
    result,
    token_of,
)

from stepwell import All, Collect, Context, Event, StartEvent, StepFailedEvent, StopEvent, Take, Workflow, catch_error
from stepwell import step as make_step
from stepwell.retry_policy import retry_policy, stop_after_attempt, wait_fixed

Body = Callable[[Any, Context[Counts], Any], Any]

CALM_ACTS = ("pause", "sleep", "edit", "show", "ask", "ping", "ping_twice", "side", "background", "background_wait")
RARE_ACTS = (
    "edit_once",
    "come_here",
    "ask_impatiently",
    "ask_with_time",
    "child",
    "ask_in_vain",
    "work_in_thread",
    "sleep_long",
    "work_after_rest",
)
WILD_ACTS = (*CALM_ACTS, *RARE_ACTS)


@dataclass(frozen=True, slots=True)
class Mischief:
    """What may keep a run from its end."""

    fails: bool = False
    forgets: bool = False
    starves: bool = False

    def __bool__(self) -> bool:
        return self.fails or self.forgets or self.starves


@dataclass(slots=True)
class Author:
    """Writes one workflow. ``lines`` tell what it is, for people."""

    random: Random
    mischief: Mischief = Mischief()
    acts: tuple[str, ...] = WILD_ACTS
    steps: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    tokens: int = 0
    inquiries: int = 0
    workflow: Any = None

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def token(self) -> type[Token]:
        self.tokens += 1
        return TOKENS[self.tokens - 1]

    def role(self, kind: str, gives: type[Event] | None, **rest: Any) -> Role:
        acts = tuple(self.random.choice(self.acts) for _ in range(self.random.choice((0, 0, 1, 1, 2, 3))))
        number = len(self.steps)
        return Role(f"{kind}{number}", number, gives, acts, **rest)

    def add(
        self, role: Role, takes: dict[str, Any], returns: tuple[Any, ...], body: Body, mark: Callable[[Any], Any]
    ) -> None:
        """Make a step of ``body``, with these parameters and results."""
        run: Any
        if not inspect.iscoroutinefunction(body):

            def run(self: Any, ctx: Any, ev: Any) -> Any:
                return body(self, ctx, ev)
        elif len(takes) == 2:

            async def run(self: Any, ctx: Any, left: Any, right: Any) -> Any:
                return await body(self, ctx, (left, right))
        else:

            async def run(self: Any, ctx: Any, ev: Any) -> Any:
                return await body(self, ctx, ev)

        run.__name__ = role.name
        run.__qualname__ = f"Story.{role.name}"
        run.__annotations__ = {"ctx": Context[Counts], **takes, "return": reduce(or_, (*returns, None))}
        self.steps[role.name] = mark(run)
        shown = ", ".join(getattr(one, "__name__", str(one)) for one in takes.values())
        self.lines.append(f"{role.name}({shown}): {role}")

    def plain_step(self, role: Role, takes: Any, *, catch: bool = True) -> None:
        """Write a step from one event, sometimes with retries, a time limit, and somebody who takes its failures."""
        returns: list[Any] = [kind for kind in (role.gives, role.back, role.other) if kind is not None]
        if role.items is not None:
            returns = [list.__class_getitem__(returns[0])]

        async def body(workflow: Any, ctx: Any, ev: Any) -> Any:
            if workflow.mischief and not has_token(ev):
                return None
            token = token_of(ev)
            if isinstance(ev, REPLIES) and not await is_first_answer(ctx, token):
                return None
            await perform(role, workflow.book, ctx, token)
            return result(role, token, ctx)

        def body_in_thread(workflow: Any, ctx: Any, ev: Any) -> Any:
            if isinstance(ev, REPLIES) and not ctx.call(is_first_answer(ctx, token_of(ev))):
                return None
            ctx.call(perform(role, workflow.book, ctx, token_of(ev)))
            return result(role, token_of(ev), ctx)

        in_thread = self.chance(0.05)
        self.add(role, {"ev": takes}, tuple(returns), body_in_thread if in_thread else body, self.options(role))
        if catch and role.items is None and (self.chance(0.3) or (role.hopeless and not self.mischief.fails)):
            self.catcher(role, tuple(returns))

    def options(self, role: Role) -> Callable[[Any], Any]:
        policy = None
        if role.stubborn or self.chance(0.3):
            policy = retry_policy(
                stop=stop_after_attempt(role.stubborn + 3), wait=wait_fixed(self.random.choice((0, 0.01, 1)))
            )
        return make_step(
            num_workers=self.random.randint(1, 4),
            retry_policy=policy,
            # Who sends and is then found too late has sent all the same: it would send twice.
            timeout=None if role.posts else self.random.choice((None, None, 5.0)),
        )

    def catcher(self, role: Role, returns: tuple[Any, ...]) -> None:
        """Write a handler that gives what the failed step would have given."""

        async def body(workflow: Any, ctx: Any, ev: StepFailedEvent) -> Any:
            if isinstance(ev.exception, AssertionError):
                raise ev.exception
            token = token_of(ev)
            return result(role, token.model_copy(update={"rounds": role.rounds}), ctx)

        handler = Role(f"mend_{role.name}", len(self.steps), role.gives)
        mark = catch_error(for_steps=[role.name], max_recoveries=2)
        self.add(handler, {"ev": StepFailedEvent}, returns, body, mark)

    # Parts: each turns ``taken`` into ``given``.

    def part(self, taken: Any, given: type[Event], depth: int, *, tolerated: bool = False, top: bool = False) -> None:
        kinds = ["step", "step", "loop", "either"]
        if depth and self.tokens < len(TOKENS) - 8:
            kinds = ["loop", "either", "sequence", "sequence", *["fan out"] * 4, *["slots", "human"] * top]
            kinds += ["gather"] * (not tolerated)  # its branches fail one by one, and a join counts each
        match self.random.choice(kinds):
            case "step":
                self.plain_step(self.simple("step", given, tolerated), taken)
            case "loop":
                back = self.token()
                role = self.simple("loop", given, tolerated, back=back, rounds=self.random.randint(1, 3))
                self.plain_step(role, taken | back)
            case "either":
                self.either(taken, given, tolerated)
            case "sequence":
                between = self.token()
                self.part(taken, between, depth - 1, tolerated=tolerated, top=top)
                self.part(between, given, depth - 1, tolerated=tolerated, top=top)
            case "fan out":
                self.fan_out(taken, given, depth, tolerated)
            case "gather":
                self.gather(taken, given, tolerated)
            case "slots":
                self.slots(taken, given, depth)
            case _:
                self.human(taken, given)

    def simple(self, kind: str, gives: type[Event], tolerated: bool, **rest: Any) -> Role:
        return self.role(
            kind,
            gives,
            posts=self.chance(0.2),
            stubborn=self.random.choice((0, 0, 0, 1, 2)),
            hopeless=self.chance(0.2) and (tolerated or self.mischief.fails or self.chance(0.5)),
            forgets=self.mischief.forgets and self.chance(0.3),
            **rest,
        )

    def either(self, taken: Any, given: type[Event], tolerated: bool) -> None:
        """Two ways to the same end; the value of the token says which."""
        even, odd = self.token(), self.token()
        self.plain_step(self.simple("fork", even, tolerated, other=odd), taken)
        self.plain_step(self.simple("even", given, tolerated), even)
        self.plain_step(self.simple("odd", given, tolerated), odd)

    def human(self, taken: Any, given: type[Event]) -> None:
        number = self.inquiries
        if number == len(INQUIRIES) or self.mischief:  # a run that may be answered waits, where others stall
            self.plain_step(self.simple("step", given, False), taken)
            return
        self.inquiries += 1
        self.plain_step(self.role("inquire", INQUIRIES[number]), taken, catch=False)
        self.plain_step(self.simple("reply", given, False), REPLIES[number])

    def slots(self, taken: Any, given: type[Event], depth: int) -> None:
        """Two events of the same origin, joined by a step with two parameters."""
        left, right = self.token(), self.token()
        self.part(taken, left, depth - 1)
        self.part(taken, right, depth - 1)
        role = self.role("both", given)

        async def body(workflow: Any, ctx: Any, pair: tuple[Token, Token]) -> Any:
            token = Token(path=pair[0].path, value=mix(pair[0].value, pair[1].value))
            workflow.book.hold(pair[0].path == pair[1].path, f"{role.name} joins {pair[0].path} with {pair[1].path}")
            await perform(role, workflow.book, ctx, token)
            return result(role, token, ctx)

        self.add(role, {"left": left, "right": right}, (given,), body, make_step(num_workers=2))

    def gather(self, taken: Any, given: type[Event], tolerated: bool) -> None:
        """Events sent one by one, and put together by ``collect_events``."""
        item = self.token()
        count = self.random.randint(1, 4)
        sender = self.role("spread", None, posts=True)
        collector = self.role("collect", given)
        expected: list[type[Event]] = [item] * count

        async def spread(workflow: Any, ctx: Any, ev: Any) -> None:
            token = token_of(ev)
            await perform(sender, workflow.book, ctx, token)
            for index in range(count):
                ctx.send_event(item(path=token.path, value=token.value, rounds=index))

        self.add(sender, {"ev": taken}, (item,), spread, self.options(sender))

        performs_last = self.chance(0.5)

        async def collect(workflow: Any, ctx: Any, ev: Token) -> Any:
            if not performs_last:
                await perform(collector, workflow.book, ctx, ev)
            events = ctx.collect_events(ev, expected, buffer_id=f"{ev.path} {ev.value}")
            if performs_last:
                await perform(collector, workflow.book, ctx, ev)
            if events is None:
                return None
            rounds = sorted(one.rounds for one in events)
            workflow.book.hold(rounds == list(range(count)), f"{collector.name} collected {rounds} of {count}")
            return result(collector, Token(path=ev.path, value=ev.value), ctx)

        self.add(collector, {"ev": item}, (given,), collect, self.options(collector))

    def fan_out(self, taken: Any, given: type[Event], depth: int, tolerated: bool) -> None:
        item, end = self.token(), self.token()
        take = self.random.randint(1, 3) if self.chance(0.4) else None
        least = take if take is not None and not self.mischief.starves else 1
        opener = self.role("open", item, items=self.random.randint(least, least + 3))
        self.plain_step(opener, taken)
        keeps_errors = self.chance(0.4)
        cancels = self.chance(0.5)
        self.part(item, end, depth - 1, tolerated=keeps_errors)
        marker = Collect(
            All() if take is None else Take(take, cancel=cancels),
            ordered=self.chance(0.4),
            errors="collect" if keeps_errors else "raise",
        )
        self.join(self.role("join", given), end, marker)
        if not tolerated and self.chance(0.3):  # else its failure would be one more member of the join around
            self.join(self.role("watch", None), end, Collect(All(), errors="collect" if keeps_errors else "raise"))

    def join(self, role: Role, end: type[Token], marker: Collect) -> None:
        take = marker.cardinality.n if isinstance(marker.cardinality, Take) else None
        keeps_errors = marker.errors == "collect"
        members: Any = end | StepFailedEvent if keeps_errors else end

        async def body(workflow: Any, ctx: Any, gathered: list[Any]) -> Any:
            if workflow.mischief:
                gathered = [one for one in gathered if has_token(one)]
                if not gathered:
                    return None
            if not (workflow.mischief or (take is None and role.gives is None)):
                check_members(role, workflow.book, gathered, take=take)
            places = [token_of(one).path[-1][1] for one in gathered]
            workflow.book.hold(not marker.ordered or places == sorted(places), f"{role.name} got {places} unsorted")
            of = token_of(gathered[0]).path
            known = take is None and not keeps_errors and role.gives is not None
            value = sum(token_of(one).value for one in gathered) if known else hash_of(of)
            token = Token(path=of[:-1], value=mix(value, role.number))
            await perform(role, workflow.book, ctx, token)
            return result(role, token, ctx)

        returns = () if role.gives is None else (role.gives,)
        self.add(role, {"ev": Annotated[list[members], marker]}, returns, body, make_step(num_workers=2))

    def story(self, depth: int) -> type[Workflow[Any, Any]]:
        """Return a whole workflow."""
        last = self.token()
        self.part(StartEvent, last, depth, top=True)
        final = Role("finish", len(self.steps), StopEvent)

        async def finish(workflow: Any, ctx: Any, ev: Token) -> StopEvent:
            return StopEvent(result=ev.value)

        async def echo(workflow: Any, ctx: Any, ev: Ping) -> None:
            ctx.send_event(Pong(name=ev.name))

        async def aside(workflow: Any, ctx: Any, ev: Side) -> None:
            return None

        self.add(final, {"ev": last}, (StopEvent,), finish, make_step())
        sturdy = retry_policy(stop=stop_after_attempt(50), wait=wait_fixed(0))
        self.add(Role("echo", 0, None), {"ev": Ping}, (), echo, make_step(num_workers=1, retry_policy=sturdy))
        self.add(Role("aside", 0, None), {"ev": Side}, (), aside, make_step(num_workers=1, retry_policy=sturdy))
        mischief = self.mischief

        def begin(workflow: Any, book: Book | None = None) -> None:
            Workflow.__init__(workflow, timeout=1_000.0, disable_validation=True)
            workflow.book = book if book is not None else Book()
            workflow.mischief = mischief

        return type("Story", (Workflow,), {"__module__": "story", "__init__": begin, **self.steps})


def hash_of(path: tuple[tuple[str, int, int], ...]) -> int:
    """Return a number for a fan-out: what a join gives whose members depend on the order of things."""
    opener, _, count = path[-1]
    return sum(map(ord, opener)) + count


def answer(question: Event) -> Event | None:
    """Answer what a random workflow asks."""
    match question:
        case Question():
            return Answer(name=question.name)
        case Inquiry():
            return REPLIES[INQUIRIES.index(type(question))](token=question.token)
        case _:
            return None
