"""Random workflows in the simulated world: what always holds, whatever the order, the faults and the moment.

``make torture`` runs many more of these, and ``python -m tests.simulation.torture --first 17 --seeds 1`` one.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.simulation.playing import RUNS_PER_STORY, author_of, play
from tests.simulation.torture import chunks, work

STORIES = 25
SEEDS_PER_STORY = 2
"""50 seeds in all: more stories find more than more seeds of the same."""

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("story", range(STORIES))
def test_what_must_hold_for_random_workflows_holds(story: int) -> None:
    first = story * RUNS_PER_STORY
    play(range(first, first + SEEDS_PER_STORY))


def test_most_random_workflows_reach_their_end() -> None:
    report = play(range(2_000, 2_200))

    assert report.endings["completed"] >= 0.75 * report.runs, report.endings
    assert {"failed", "cancelled"} <= set(report.endings), report.endings


def test_random_workflows_have_parts_of_all_kinds() -> None:
    lines = [line for story in range(60) for line in author_of(story).lines]

    kinds = ("step", "loop", "fork", "open", "join", "watch", "both", "spread", "collect", "inquire", "reply", "mend")
    assert [kind for kind in kinds if not any(line.startswith(kind) for line in lines)] == []


def test_a_seed_is_the_same_run_in_every_process() -> None:
    code = "from tests.simulation.playing import play; print(play(range(120, 130)))"
    paths = os.pathsep.join([str(ROOT), str(ROOT / "src")])

    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(told) == 1
    assert "facts" in told.pop()


def test_the_parts_of_a_torture_are_all_its_seeds_in_order() -> None:
    parts = list(chunks(first=137, seeds=500))

    assert [seed for part in parts for seed in part] == list(range(137, 637))


def test_a_part_of_a_torture_tells_how_many_it_ran() -> None:
    part = range(25, 45)

    seeds, report, failures = work(part)

    assert (seeds, report.runs, failures) == (part, 20, [])
