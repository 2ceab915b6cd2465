"""A run that is put away at any turn of the loop, and taken up again, comes to what it would have come to."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from tests.simulation.snapshot_programs import DONE, Ask, Author, Note, Person, Scripted, is_beside

from stepwell import Context, Event, Workflow, WorkflowHandler
from stepwell.testing import VirtualLoop

SEEDS = 25
MOMENTS = 3


class TurningLoop(VirtualLoop):
    """A virtual loop that calls ``on_turn`` between its turns."""

    on_turn: Callable[[], None] | None = None

    def _run_once(self) -> None:
        super()._run_once()  # type: ignore[misc]  # private to asyncio: there is no other place between two turns
        if self.on_turn is not None:
            self.on_turn()


@dataclass
class Moment:
    """What was there between two turns of the loop."""

    document: dict[str, Any]
    done: Counter[str]
    answered: set[str]

    @property
    def end(self) -> int:
        """Return the cursor that the stream had come to."""
        end: int = self.document["run"]["stream"]["end"]
        return end


@dataclass
class Life:
    """What a run came to."""

    result: Any
    shown: list[tuple[int, Event]]
    state: dict[str, Any]
    done: Counter[str]
    moments: list[Moment] = field(default_factory=list)


def told(shown: list[tuple[int, Event]], *, since: int = 0, until: int = sys.maxsize) -> Counter[str]:
    return Counter(
        f"{type(event).__name__} {event.name}"
        for cursor, event in shown
        if since <= cursor < until and isinstance(event, (Note, Ask))
    )


def main_part(counted: Counter[str]) -> Counter[str]:
    """Leave out what background tasks did: the run may end before them."""
    return Counter({name: times for name, times in counted.items() if not is_beside(name)})


async def live(start: Callable[[Workflow], WorkflowHandler[Any]], person: Person) -> Life:
    """Let a run come to its end, with a snapshot between any two turns of the loop."""
    handler = start(Scripted(timeout=None, disable_validation=True))
    moments: list[Moment] = []
    shown: list[tuple[int, Event]] = []
    loop = asyncio.get_running_loop()
    assert isinstance(loop, TurningLoop)

    def look() -> None:
        if handler.ctx.is_running:
            moments.append(Moment(handler.ctx.to_dict(), Counter(DONE), set(person.answered)))

    loop.on_turn = look
    await asyncio.wait_for(person.attend(handler, shown), 10_000)
    loop.on_turn = None
    state = await handler.ctx.store.get_state()
    return Life(await handler, shown, state.to_dict(), Counter(DONE), moments)


def begin(program: dict[str, Any]) -> Life:
    """Run a program from its start event."""
    DONE.clear()
    with asyncio.Runner(loop_factory=TurningLoop) as runner:
        return runner.run(live(lambda workflow: workflow.run(**program), Person()))


def take_up(moment: Moment) -> Life:
    """Run a program from a snapshot."""
    DONE.clear()
    DONE.update(moment.done)
    document = json.loads(json.dumps(moment.document))
    with asyncio.Runner(loop_factory=TurningLoop) as runner:
        return runner.run(
            live(lambda workflow: workflow.run(ctx=Context.from_dict(workflow, document)), Person(set(moment.answered)))
        )


def compare(seed: int, moments: int) -> None:
    random = Random(seed)
    life = begin(Author(random).program())
    for moment in random.sample(life.moments, min(moments, len(life.moments))):
        case = f"seed {seed}, moment {life.moments.index(moment)} of {len(life.moments)}"
        again = take_up(moment)
        before = told(life.shown, until=moment.end)
        check(life, again, before + told(again.shown, since=moment.end), case)
        second = random.choice(again.moments)
        case += f", then {again.moments.index(second)} of {len(again.moments)}"
        before += told(again.shown, since=moment.end, until=second.end)
        last = take_up(second)
        check(life, last, before + told(last.shown, since=second.end), case)


def check(life: Life, again: Life, shown: Counter[str], case: str) -> None:
    assert again.result == life.result, case
    assert main_part(again.done) == main_part(life.done), case
    assert again.state == life.state, case
    assert main_part(shown) == main_part(told(life.shown)), case
    assert all(times == 1 for times in (shown + again.done).values()), case


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_run_taken_up_anywhere_comes_to_what_it_would_have_come_to(seed: int) -> None:
    compare(seed, MOMENTS)
