"""A tiny driver for the machine: a virtual clock, bodies that do random things, and any enabled fact next.

It keeps its own books about events, joins, waits and timers, and compares the machine's effects with them.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from random import Random

from tests.simulation.core_invariants import check_end, check_state
from tests.simulation.core_plans import FAILURE, PING, PONG, SIDE, START, STOP, Role, Story

from stepwell.core import (
    CancelRequested,
    CancelStep,
    CheckIdle,
    ChildClosed,
    ChildOpened,
    ChildPaused,
    ChildResumed,
    Effect,
    EndRun,
    EventSent,
    Fact,
    HeldPassedOn,
    InputAsked,
    Machine,
    Publish,
    ResumeStep,
    RunStarted,
    StartStep,
    StartTimer,
    Status,
    StepCancelled,
    StepFailed,
    StepFannedOut,
    StepFinished,
    StopTimer,
    TaskClosed,
    TaskOpened,
    TimerFired,
    TurnPassed,
    WaitDropped,
    WaitId,
    WaitStarted,
)

Path = tuple[tuple[int, int], ...]
Script = Iterator[Fact | set[WaitId]]
LONGEST = 20_000
NOBODY = 1_000_000
CHILD = "child run"
OF_TASKS = (TaskOpened, TaskClosed)
WITHOUT_IDENTITY = (EventSent, InputAsked, ChildPaused, ChildResumed)


@dataclass(frozen=True)
class Happening:
    """An event. ``path`` names the attempts whose lists it descends from, and its place in each."""

    number: int
    key: str
    path: Path = ()


@dataclass(eq=False)
class Walker:
    """A body, or a background task of one, on its way."""

    attempt: int
    script: Script
    task: bool = False
    blocked: set[WaitId] = field(default_factory=set)
    told: bool = False


@dataclass(frozen=True)
class Habits:
    """How often the world does what is not the plain way, and whether the outside may speak."""

    timeout: float | None = None
    external_events: bool = False
    cancels: bool = False
    noise: float = 0.1
    extras: float = 0.3


class World:
    """One run, driven to its end."""

    def __init__(self, random: Random, story: Story, habits: Habits) -> None:
        self.random = random
        self.story = story
        self.habits = habits
        self.machine = Machine(story.plan)
        self.now = 100.0
        self.log: list[tuple[Fact, list[Effect]]] = []
        self.walkers: list[Walker] = []
        self.paths: dict[int, Path] = {}
        self.starts: dict[int, StartStep] = {}
        self.handled: set[tuple[int, int, int]] = set()
        self.arrivals: dict[tuple[int, int], list[Happening]] = {}
        self.closed: list[int] = []
        self.joined: set[tuple[int, int]] = set()
        self.spent_slots: set[tuple[int, int]] = set()
        self.open: dict[WaitId, str | None] = {}
        self.children: dict[WaitId, bool] = {}
        self.ordinals: dict[int, int] = {}
        self.timers: dict[int, float] = {}
        self.mail: list[Fact] = []
        self.past: list[Fact] = []
        self.questions: list[str] = []
        self.ending: EndRun | None = None
        self.events = 0
        self.early = 3

    # Facts in, effects out.

    def apply(self, fact: Fact) -> list[Effect]:
        assert len(self.log) < LONGEST, "the run does not come to an end"
        effects = self.machine.apply(fact)
        self.log.append((copy.copy(fact), [copy.copy(effect) for effect in effects]))
        assert self.ending is None or not effects, "something follows the end"
        for place, effect in enumerate(effects):
            self.carry_out(effect)
            assert self.ending is None or place == len(effects) - 1, "the end is not the last effect"
        self.check_closed()
        if self.ending is None:
            check_state(self.machine)
            self.check_timers()
            self.check_waits()
        else:
            check_end(self.machine)
            assert not self.timers, "a timer outlives the run"
        return effects

    def carry_out(self, effect: Effect) -> None:
        match effect:
            case StartStep():
                self.start(effect)
            case ResumeStep():
                name = (effect.attempt, effect.wait)
                assert name in self.open, "a wait that is not open was resumed"
                assert self.open.pop(name) is not None or effect.timed_out
                for walker in self.walkers:
                    walker.blocked.discard(name)
            case CancelStep():
                self.tell(effect.attempt)
            case StartTimer():
                assert effect.timer not in self.timers
                self.timers[effect.timer] = effect.at
            case StopTimer():
                self.timers.pop(effect.timer, None)
            case CheckIdle():
                self.mail.append(TurnPassed(self.now))
            case EndRun():
                self.end(effect)
            case Publish():
                assert effect.event is not None

    def end(self, ending: EndRun) -> None:
        assert self.ending is None
        self.ending = ending
        if ending.status is Status.STALLED:
            assert not [one for one in self.walkers if not one.task], "a body is under way in a stalled run"
            assert not [one for one in self.walkers if one.task], "a task is under way in a stalled run"
            assert not self.timers, "a timer runs in a stalled run"
            assert not self.open, "a wait is open in a stalled run"
            assert not self.questions, "a question is open in a stalled run"
            assert not self.habits.external_events
            assert ending.stall is not None

    # Attempts.

    def start(self, start: StartStep) -> None:
        assert start.attempt not in self.starts, "an attempt starts twice"
        assert start.worker >= 0
        self.starts[start.attempt] = copy.copy(start)
        self.paths[start.attempt] = self.path_of(start)
        scope = start.lineage.scope if start.lineage is not None else None
        path = self.paths[start.attempt]
        if scope is not None:
            assert (self.machine.state.scopes[scope].opener, start.lineage.index) == path[-1]  # type: ignore[union-attr]
        else:
            assert path == ()
        self.walkers.append(Walker(start.attempt, self.body(start)))

    def path_of(self, start: StartStep) -> Path:
        """Return where an attempt belongs, after checking that what it was given belongs together."""
        event = start.event
        if isinstance(event, list):
            assert start.parent is not None
            if start.number == 1:
                self.check_join(start, event)
            return self.paths[start.parent]
        if isinstance(event, tuple):
            assert len({(one.path[:-1], one.path[-1][0]) if one.path else () for one in event}) == 1, "branches mixed"
            if start.number == 1:
                for one in event:
                    assert (start.step, one.number) not in self.spent_slots, "an event was joined twice"
                    self.spent_slots.add((start.step, one.number))
            path: Path = max(event, key=lambda one: one.number).path
            return path
        assert isinstance(event, Happening)
        handled = (start.step, event.number, start.number)
        assert handled not in self.handled, "an event was delivered twice"
        self.handled.add(handled)
        return event.path

    def check_join(self, start: StartStep, members: list[Happening]) -> None:
        assert start.parent is not None
        place = (start.step, start.parent)
        assert place not in self.joined, "a join started twice for one scope"
        self.joined.add(place)
        gathering = self.story.plan.steps[start.step].gathering
        assert gathering is not None
        expected = self.arrivals.get(place, [])[: gathering.take]
        if gathering.ordered:
            depth = len(self.paths[start.parent])
            expected = sorted(expected, key=lambda one: one.path[depth][1])
        assert members == expected, "a join lost or mixed its members"
        if gathering.take is None:
            self.closed.append(start.parent)

    def check_closed(self) -> None:
        """Nothing goes on in a scope whose join for all branches has started."""
        for opener in self.closed:
            for walker in self.walkers:
                inside = any(attempt == opener for attempt, _ in self.paths[walker.attempt])
                assert walker.told or not inside, "a join started before its branches had ended"
        self.closed.clear()

    def tell(self, attempt: int) -> None:
        for walker in self.walkers:
            if walker.attempt == attempt:
                assert not walker.told, "an attempt was cancelled twice"
                walker.told = True
        self.forget_waits(attempt)

    def forget_waits(self, attempt: int) -> None:
        for name in [name for name in self.open if name[0] == attempt]:
            del self.open[name]

    # Bodies.

    def make(self, key: str, path: Path = ()) -> Happening:
        self.events += 1
        return Happening(self.events, key, path)

    def body(self, start: StartStep) -> Script:
        attempt, role = start.attempt, self.story.roles[start.step]
        while self.random.random() < self.habits.extras:
            yield from self.extra(attempt)
        if role.asks is not None:
            self.questions.append(role.asks)
            yield InputAsked(self.now)
        yield self.ending_of(start, role)

    def extra(self, attempt: int, *, in_task: bool = False) -> Script:
        """Do one of the things that a body does on its way."""
        match self.random.choice(
            ["sleep", "wait", "wait", "two waits", "child", "send", "side", "input"] + ["task"] * (not in_task)
        ):
            case "sleep":
                yield from self.wait(attempt, None)
            case "wait":
                yield from self.wait(attempt, self.random.choice((PING, PONG)))
            case "two waits":
                first = self.new_wait(attempt, PING)
                yield first
                second = self.new_wait(attempt, PONG)
                yield second
                yield {(attempt, first.wait), (attempt, second.wait)}
            case "child":
                names = set()
                for _ in range(self.random.randint(1, 2)):
                    name = self.new_child(attempt)
                    names.add(name)
                    yield ChildOpened(self.now, *name)
                yield names
            case "send":
                yield self.sent(self.random.choice((PING, PONG)), attempt)
            case "side":
                yield self.sent(SIDE, attempt)
            case "input":
                yield InputAsked(self.now)
            case _:
                yield TaskOpened(self.now, attempt)

    def task(self, attempt: int) -> Script:
        while self.random.random() < 0.5:
            yield from self.extra(attempt, in_task=True)
        yield TaskClosed(self.now, attempt)

    def new_wait(self, attempt: int, key: str | None) -> WaitStarted:
        wait = self.ordinals.get(attempt, 0)
        self.ordinals[attempt] = wait + 1
        deadline = self.now + self.random.randint(0, 5) if key is None or self.random.random() < 0.3 else None
        held = [number for number, one in self.machine.state.held.items() if one.key == key]
        ask = self.make("question") if self.random.random() < 0.2 else None
        self.open[attempt, wait] = key
        return WaitStarted(self.now, attempt, wait, key, deadline, ask, held[0] if held else None)

    def new_child(self, attempt: int) -> WaitId:
        wait = self.ordinals.get(attempt, 0)
        self.ordinals[attempt] = wait + 1
        self.open[attempt, wait] = CHILD
        self.children[attempt, wait] = True
        return attempt, wait

    def wait(self, attempt: int, key: str | None) -> Script:
        fact = self.new_wait(attempt, key)
        yield fact
        yield {(attempt, fact.wait)}

    def sent(self, key: str, sender: int | None, step: int | None = None) -> EventSent:
        event = self.make(key, self.paths[sender] if sender is not None else ())
        wakes = tuple(name for name, wanted in self.open.items() if wanted == key and self.random.random() < 0.8)
        return EventSent(self.now, key, event, sender, step, wakes)

    def ending_of(self, start: StartStep, role: Role) -> Fact:
        """Return how a body ends."""
        mischief = self.story.mischief
        attempt, path = start.attempt, self.paths[start.attempt]
        if start.number < 3 and self.random.random() < 0.1:
            return self.failure(start, self.now + self.random.randint(0, 3))
        if self.random.random() < 0.15 and (mischief.fails or role.may_fail or self.is_caught(start)):
            return self.failure(start, None)
        if mischief.forgets and self.random.random() < 0.05:
            return StepFinished(self.now, attempt, None, None)
        if role.items is not None and role.gives is not None:
            count = self.random.randint(*role.items)
            items = tuple(self.make(role.gives, (*path, (attempt, index))) for index in range(count))
            return StepFannedOut(self.now, attempt, tuple(one.key for one in items), items)
        key = role.back if role.back is not None and self.random.random() < 0.4 else role.gives
        return StepFinished(self.now, attempt, key, self.make(key, path) if key is not None else None)

    def is_caught(self, start: StartStep) -> bool:
        step = self.story.plan.steps[start.step]
        spent = start.lineage.recoveries.count(step.catcher) if start.lineage and step.catcher is not None else 0
        return step.catcher is not None and spent < step.recoveries

    def failure(self, start: StartStep, retry_at: float | None) -> StepFailed:
        failure = self.make(FAILURE, self.paths[start.attempt])
        return StepFailed(self.now, start.attempt, "boom", failure, self.now, retry_at)

    # What is done with the facts of bodies.

    def advance(self, walker: Walker) -> None:
        item = next(walker.script)
        if isinstance(item, set):
            walker.blocked = {name for name in item if name in self.open}
            return
        self.tell_fact(walker, item)

    def tell_fact(self, walker: Walker, fact: Fact) -> None:
        """Apply a fact of a body, with what it means for the books."""
        attempt = walker.attempt
        fact.at = self.now
        match fact:
            case TaskOpened() if not walker.told:
                self.walkers.append(Walker(attempt, self.task(attempt), task=True))
            case StepFinished() | StepFannedOut() | StepFailed() | StepCancelled():
                self.walkers.remove(walker)
                if not walker.told:
                    self.note_arrivals(fact)
                if walker.told or isinstance(fact, StepFailed):
                    for task in self.tasks_of(attempt):
                        task.told = True
                if not self.tasks_of(attempt) or isinstance(fact, StepFailed):
                    self.forget_waits(attempt)
            case TaskClosed():
                self.walkers.remove(walker)
                if not any(one.attempt == attempt for one in self.walkers):
                    self.forget_waits(attempt)
            case _:
                pass
        self.past.append(fact)
        self.apply(fact)

    def tasks_of(self, attempt: int) -> list[Walker]:
        return [one for one in self.walkers if one.task and one.attempt == attempt]

    def note_arrivals(self, fact: Fact) -> None:
        """Write down which joins an event will be a member of."""
        plan = self.story.plan
        if isinstance(fact, StepFailed) and fact.retry_at is None:
            start = self.starts[fact.attempt]
            path = self.paths[fact.attempt]
            if self.is_caught(start) or not path:
                return
            for join in plan.steps[self.starts[path[-1][0]].step].joins:
                gathering = plan.steps[join].gathering
                if gathering is not None and gathering.keeps_errors:
                    self.note(join, fact.failure)
        elif isinstance(fact, (StepFinished, StepFannedOut)):
            for one in fact.events if isinstance(fact, StepFannedOut) else (fact.event,):
                for join in plan.routes[one.key].joins if isinstance(one, Happening) and one.path else ():
                    self.note(join, one)

    def note(self, join: int, event: object) -> None:
        assert isinstance(event, Happening)
        self.arrivals.setdefault((join, event.path[-1][0]), []).append(event)

    # What may happen next.

    def moves(self) -> list[Callable[[], object]]:
        moves: list[Callable[[], object]] = []
        for walker in self.walkers:
            if walker.told:
                moves += [partial(self.stop, walker)] * 2
            elif not walker.blocked:
                moves += [partial(self.advance, walker)] * 3
            elif self.random.random() < self.habits.noise:
                moves.append(partial(self.give_up, walker))
        moves += [partial(self.ring, timer) for timer, at in self.timers.items() if at <= self.now]
        moves += [partial(self.post, fact) for fact in self.mail]
        for name, key in self.open.items():
            if key == CHILD and name in self.children and name in self.pending():
                moves += [partial(self.move_child, name)] * 2
            elif key is not None and key != CHILD:
                moves.append(partial(self.answer, name, key))
        moves += [partial(self.reply, question) for question in self.questions]
        if not moves or self.random.random() < 0.05:
            later = [at for timer, at in self.timers.items() if at > self.now]
            if later:
                moves.append(partial(self.pass_time, min(later)))
        return moves

    def run(self) -> Status:
        """Drive the run to its end and return how it ended."""
        self.apply(RunStarted(self.now, START, self.make(START), self.habits.timeout, self.habits.external_events))
        self.past.append(self.log[0][0])
        while self.ending is None:
            if self.random.random() < self.habits.noise:
                self.make_noise()
                continue
            moves = self.moves()
            if moves:
                self.random.choice(moves)()
                continue
            may_speak = self.machine.state.unprompted or self.machine.state.questions
            assert self.habits.external_events or (may_speak and self.story.plan.takes_answers), "the run hangs"
            self.apply(CancelRequested(self.now))
        for fact in self.past[-5:]:
            assert self.apply(fact) == []
        return self.ending.status

    def stop(self, walker: Walker) -> None:
        """Let a cancelled body or task end, some way or other; it may still try something."""
        attempt = walker.attempt
        if walker.task:
            self.tell_fact(walker, TaskClosed(self.now, attempt))
            return
        choice = self.random.random()
        if choice < 0.1:
            self.tell_fact(walker, self.sent(self.random.choice((PING, SIDE)), attempt))
        elif choice < 0.15:
            self.tell_fact(walker, TaskOpened(self.now, attempt))
        elif choice < 0.2:
            self.tell_fact(walker, WaitStarted(self.now, attempt, self.ordinals.get(attempt, 0), PING, None))
        elif choice < 0.4:
            start = self.starts[attempt]
            self.tell_fact(walker, self.ending_of(start, self.story.roles[start.step]))
        else:
            self.tell_fact(walker, StepCancelled(self.now, attempt))

    def give_up(self, walker: Walker) -> None:
        """Let a body that waits stop waiting, or end outright."""
        if self.random.random() < 0.5:
            self.drop_waits(walker)
        elif not walker.task and self.story.roles[self.starts[walker.attempt].step].asks is None:
            if self.random.random() < 0.5:
                self.drop_waits(walker)
            start = self.starts[walker.attempt]
            self.tell_fact(walker, self.ending_of(start, self.story.roles[start.step]))

    def drop_waits(self, walker: Walker) -> None:
        for name in sorted(walker.blocked):
            walker.blocked.discard(name)
            del self.open[name]
            self.tell_fact(walker, WaitDropped(self.now, *name))

    def ring(self, timer: int) -> None:
        del self.timers[timer]
        fact = TimerFired(self.now, timer)
        self.past.append(fact)
        self.apply(fact)

    def post(self, fact: Fact) -> None:
        self.mail.remove(fact)
        fact.at = self.now
        self.apply(fact)

    def answer(self, name: WaitId, key: str) -> None:
        """Speak from outside to one wait; sometimes the words take their time."""
        fact = self.sent(key, None)
        fact.wakes = (name,)
        if self.random.random() < 0.1:
            self.mail.append(fact)
        else:
            self.apply(fact)

    def move_child(self, name: WaitId) -> None:
        """Let a child end, or rest, or work again."""
        fact: Fact
        if self.random.random() < 0.5:
            del self.children[name]
            fact = ChildClosed(self.now, *name)
            self.past.append(fact)
        else:
            works = self.children[name] = not self.children[name]
            fact = (ChildResumed if works else ChildPaused)(self.now, *name)
        self.apply(fact)

    def reply(self, question: str) -> None:
        self.questions.remove(question)
        self.apply(EventSent(self.now, question, self.make(question)))

    def pass_time(self, until: float) -> None:
        self.now = until

    # Noise: what a machine must take in its stride.

    def make_noise(self) -> None:
        choice = self.random.random()
        if choice < 0.7:
            self.repeat(copy.copy(self.random.choice(self.past)))
        elif choice < 0.8:
            self.repeat(self.nonsense())
        elif choice < 0.9 and self.early:
            self.early -= 1
            self.apply(self.sent(self.random.choice((PING, PONG)), None))
        elif self.habits.cancels and self.random.random() < 0.1:
            self.apply(CancelRequested(self.now))
        else:
            self.now += self.random.random()

    def nonsense(self) -> Fact:
        facts: list[Fact] = [
            StepFinished(self.now, NOBODY, STOP, None),
            StepFannedOut(self.now, NOBODY, (STOP,), (None,)),
            StepFailed(self.now, NOBODY, "boom", None, self.now),
            StepCancelled(self.now, NOBODY),
            TimerFired(self.now, NOBODY),
            WaitStarted(self.now, NOBODY, 0, PING, None),
            WaitDropped(self.now, NOBODY, 0),
            ChildOpened(self.now, NOBODY, 0),
            ChildPaused(self.now, NOBODY, 0),
            ChildResumed(self.now, NOBODY, 0),
            ChildClosed(self.now, NOBODY, 0),
            HeldPassedOn(self.now, NOBODY),
            TaskOpened(self.now, NOBODY),
            TaskClosed(self.now, NOBODY, "boom"),
        ]
        return self.random.choice(facts)

    def repeat(self, fact: Fact) -> None:
        """Tell something that is no news: it must change nothing."""
        if isinstance(fact, WITHOUT_IDENTITY) and getattr(fact, "attempt", None) != NOBODY:
            return
        if isinstance(fact, OF_TASKS) and fact.attempt != NOBODY:
            return  # these carry no identity: told twice they happened twice
        if isinstance(fact, TimerFired) and fact.timer in {0, *self.timers}:
            return
        fact.at = self.now
        before = copy.deepcopy(self.machine.state)
        effects = self.apply(fact)
        assert effects == []
        after = copy.deepcopy(self.machine.state)
        assert after.stale_facts == before.stale_facts + 1
        after.stale_facts, after.now = before.stale_facts, before.now
        assert after == before, "a stale fact changed the state"

    def check_timers(self) -> None:
        state = self.machine.state
        wanted = {*state.delayed, *state.wait_timers} | ({0} if state.deadline is not None else set())
        assert set(self.timers) == wanted, "the timers that run are not those that are wanted"

    def check_waits(self) -> None:
        """Compare the waits that bodies stand in with those that the machine knows."""
        known = {
            (attempt, wait)
            for attempt, suspension in self.machine.state.suspended.items()
            for wait in [*suspension.open, *(one[0] for one in suspension.ready)]
        }
        assert known == self.pending(), "a wait was lost"

    def pending(self) -> set[WaitId]:
        return {name for name in self.open if name[1] < self.begun(name[0])}

    def begun(self, attempt: int) -> int:
        state = self.machine.state
        start = state.running.get(attempt) or state.lingering.get(attempt)
        return start.waits if start is not None else 0
