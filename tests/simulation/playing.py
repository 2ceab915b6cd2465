"""Random workflows under random seeds: what is made of a seed, and what must hold for it."""

from functools import lru_cache
from random import Random
from typing import Any

from tests.simulation.actors import Book, Broken, Shown, Side
from tests.simulation.stories import CALM_ACTS, WILD_ACTS, Author, Mischief, answer

from stepwell.errors import SimulatedFailure, StepTimeoutError
from stepwell.testing import Faults, Outside, SimulatedRun, SimulationReport, no_surprise, simulate

RUNS_PER_STORY = 10
FAULTS = Faults(step_failure=0.03, slow_step=0.02, cancel=0.3, duplicate=0.3, restore=0.3)
TOLERATED = (Broken, SimulatedFailure, StepTimeoutError)


@lru_cache(maxsize=4)
def author_of(number: int) -> Author:
    """Return who wrote the story of this number, with the story written."""
    random = Random(number)
    mischief = Mischief()
    if number % 4 == 3:
        mischief = Mischief(*(random.random() < 0.4 for _ in range(3)))
    author = Author(random, mischief, acts=WILD_ACTS if number % 2 else CALM_ACTS)
    author.workflow = author.story(random.choice((0, 1, 2, 2, 3, 3, 4)))
    return author


def check_effects(run: SimulatedRun, book: Book) -> None:
    """Hold that what bodies did took effect, and once."""
    assert book.broken == [], book.broken
    shown = [event.name for event in run.events if isinstance(event, Shown)]
    assert len(set(shown)) == len(shown), "something was shown twice"
    edits: dict[str, int] = run.ctx.store.snapshot().edits
    assert set(edits.values()) <= {1}, "an edit was made twice"
    if run.lives == 1:  # the books of a later life begin in the middle
        assert sorted(shown) == sorted(book.shown.elements()), "the stream lacks something"
        assert len(edits) == book.edits, "an edit was lost"


def check(run: SimulatedRun) -> None:
    """Hold what must hold for a random workflow."""
    workflow: Any = run.workflow
    check_effects(run, workflow.book)
    if workflow.mischief and run.status in ("failed", "stalled"):
        assert isinstance(run.exception, TOLERATED) or run.status == "stalled", run.exception
    elif run.status == "failed" and isinstance(run.exception, TOLERATED) and run.scenario:
        pass  # retries and recoveries may be used up by what the world did
    elif run.status == "stalled" and any(name.startswith("answer to Inq") and "twice" in name for name in run.scenario):
        pass  # a second answer to one question cannot be told from the first to another
    else:
        no_surprise(run)
    if workflow.mischief:
        return
    if run.plain is None:
        assert run.status == "completed", f"{run.status} in the plain order"
    elif run.status == "completed":
        assert run.result == run.plain.result, f"{run.result}, and in the plain order {run.plain.result}"


def play(seeds: range) -> SimulationReport:
    """Simulate the stories that these seeds belong to, each under its own of them."""
    total = SimulationReport()
    for number in range(seeds.start // RUNS_PER_STORY, -(-seeds.stop // RUNS_PER_STORY)):
        own = range(max(seeds.start, number * RUNS_PER_STORY), min(seeds.stop, (number + 1) * RUNS_PER_STORY))
        story = author_of(number).workflow
        outside = Outside(events=[Side(name="outside")] * (number % 3), answer=answer)
        report = simulate(story, seeds=own, faults=FAULTS, outside=outside, check=check)
        total.runs += report.runs
        total.facts += report.facts
        total.endings += report.endings
    return total
