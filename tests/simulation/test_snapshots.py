"""A run that is put away at any turn of the loop, and taken up again, comes to what it would have come to."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from tests.simulation.snapshot_programs import DONE, Ask, Author, Note, Person, Scripted, is_beside

from stepwell import Context, Event
from stepwell.testing import VirtualLoop

SEEDS = 40
MOMENTS = 12


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

    text: str
    done: Counter[str]
    answered: set[str]


@dataclass
class Life:
    """What a run came to."""

    result: Any
    shown: list[tuple[int, Event]]
    state: dict[str, Any]
    done: Counter[str]
    moments: list[Moment] = field(default_factory=list)


def told(shown: list[tuple[int, Event]], *, since: int = 0) -> Counter[str]:
    return Counter(
        f"{type(event).__name__} {event.name}"
        for cursor, event in shown
        if cursor >= since and isinstance(event, (Note, Ask))
    )


def main_part(counted: Counter[str]) -> Counter[str]:
    """Leave out what background tasks did: the run may end before them."""
    return Counter({name: times for name, times in counted.items() if not is_beside(name)})


async def live(program: dict[str, Any]) -> Life:
    """Run a program to its end, with a snapshot between any two turns."""
    DONE.clear()
    workflow, person, shown = Scripted(timeout=None, disable_validation=True), Person(), []
    handler = workflow.run(**program)
    moments: list[Moment] = []
    loop = asyncio.get_running_loop()
    assert isinstance(loop, TurningLoop)

    def look() -> None:
        if handler.ctx.is_running:
            moments.append(Moment(json.dumps(handler.ctx.to_dict()), Counter(DONE), set(person.answered)))

    loop.on_turn = look
    await person.attend(handler, shown)
    loop.on_turn = None
    state = await handler.ctx.store.get_state()
    return Life(await handler, shown, state.to_dict(), Counter(DONE), moments)


async def live_again(moment: Moment) -> Life:
    """Take a run up from a snapshot and let it come to its end."""
    DONE.clear()
    DONE.update(moment.done)
    workflow, person, shown = Scripted(timeout=None, disable_validation=True), Person(set(moment.answered)), []
    handler = workflow.run(ctx=Context.from_dict(workflow, json.loads(moment.text)))
    await asyncio.wait_for(person.attend(handler, shown), 10_000)
    state = await handler.ctx.store.get_state()
    return Life(await handler, shown, state.to_dict(), Counter(DONE))


def compare(seed: int, moments: int) -> None:
    random = Random(seed)
    program = Author(random).program()
    with asyncio.Runner(loop_factory=TurningLoop) as runner:
        life = runner.run(live(program))
    chosen = random.sample(life.moments, min(moments, len(life.moments)))
    for moment in chosen:
        place = life.moments.index(moment)
        with asyncio.Runner(loop_factory=TurningLoop) as runner:
            again = runner.run(live_again(moment))
        end = json.loads(moment.text)["run"]["stream"]["end"]
        case = f"seed {seed}, moment {place} of {len(life.moments)}"
        assert again.result == life.result, case
        assert main_part(again.done) == main_part(life.done), case
        assert again.state == life.state, case
        before = told([item for item in life.shown if item[0] < end])
        shown = before + told(again.shown, since=end)
        assert main_part(shown) == main_part(told(life.shown)), case
        assert all(times == 1 for times in (shown + again.done).values()), case


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_run_taken_up_anywhere_comes_to_what_it_would_have_come_to(seed: int) -> None:
    compare(seed, MOMENTS)
