"""Random runs of the machine: what always holds, whatever the workflow and the order of things.

Hypothesis draws seeds, and a seeded generator draws the rest: a run asks for hundreds of choices, more than
Hypothesis keeps.
"""

import copy
import pickle
from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulation.core_plans import Author, Mischief
from tests.simulation.core_world import Habits, World

from stepwell.core import Machine, Status

SEEDS = st.integers(0, 2**32 - 1)


def calm_world(seed: int) -> World:
    """Return a world in which nothing keeps a run from its end."""
    random = Random(seed)
    return World(random, Author(random, Mischief()).story(), Habits())


def wild_world(seed: int) -> World:
    """Return a world in which everything may go wrong."""
    random = Random(seed)
    mischief = Mischief(fails=random.random() < 0.3, forgets=random.random() < 0.3, starves=random.random() < 0.3)
    habits = Habits(
        timeout=random.choice((None, None, 5.0, 1000.0)),
        external_events=random.random() < 0.2,
        cancels=random.random() < 0.1,
        noise=random.choice((0.05, 0.2, 0.4)),
        extras=random.choice((0.1, 0.4, 0.6)),
    )
    return World(random, Author(random, mischief).story(), habits)


@settings(max_examples=150)
@given(seed=SEEDS)
def test_a_run_that_nothing_keeps_from_its_end_reaches_it(seed: int) -> None:
    world = calm_world(seed)

    assert world.run() is Status.COMPLETED


@settings(max_examples=150)
@given(seed=SEEDS)
def test_every_run_ends_or_is_truly_stalled(seed: int) -> None:
    world = wild_world(seed)

    assert world.run() is not Status.RUNNING


@settings(max_examples=60)
@given(seed=SEEDS)
def test_replaying_the_facts_gives_the_same_effects_and_the_same_state(seed: int) -> None:
    world = wild_world(seed)
    world.run()
    replayed = Machine(world.story.plan)

    effects = [[copy.copy(one) for one in replayed.apply(copy.copy(fact))] for fact, _ in world.log]

    assert effects == [told for _, told in world.log]
    assert replayed.state == world.machine.state


@settings(max_examples=60)
@given(seed=SEEDS, share=st.floats(0, 1))
def test_a_state_that_was_put_away_and_taken_up_goes_on_as_before(seed: int, share: float) -> None:
    world = wild_world(seed)
    world.run()
    machine = Machine(world.story.plan)
    moment = int(share * len(world.log))

    for place, (fact, effects) in enumerate(world.log):
        if place == moment:
            machine = Machine(world.story.plan, pickle.loads(pickle.dumps(machine.state)))
        assert [copy.copy(one) for one in machine.apply(copy.copy(fact))] == effects

    assert machine.state == world.machine.state


def test_most_random_runs_reach_their_end() -> None:
    endings = Counter(wild_world(seed).run() for seed in range(200))

    assert endings[Status.COMPLETED] >= 120, endings
    assert {Status.FAILED, Status.STALLED, Status.TIMED_OUT, Status.CANCELLED} <= set(endings), endings
