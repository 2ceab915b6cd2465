"""Many seeds, on all cores: ``python -m tests.simulation.torture --seeds 100000``.

It tells where it stands every few seconds. A failing seed is told with the command that repeats it, and the others
go on; at the end the program fails if any did. ``--first`` goes on where an earlier one was stopped.
"""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.playing import RUNS_PER_STORY, play

from stepwell.errors import SimulationFailure
from stepwell.testing import SimulationReport

CHUNK = 20 * RUNS_PER_STORY
TELL_EVERY = 10.0


def chunks(first: int, seeds: int) -> Iterator[range]:
    """Return the seeds in parts that a worker takes at once; all but the first begin with a story."""
    start = first
    while start < first + seeds:
        stop = min((start // CHUNK + 1) * CHUNK, first + seeds)
        yield range(start, stop)
        start = stop


def work(seeds: range) -> tuple[range, SimulationReport, list[str]]:
    """Simulate a part; behind a seed that fails its story is left."""
    failures: list[str] = []
    total = SimulationReport()
    start = seeds.start
    while start < seeds.stop:
        stop = min((start // RUNS_PER_STORY + 1) * RUNS_PER_STORY, seeds.stop)
        try:
            report = play(range(start, stop))
        except SimulationFailure as failure:
            command = f"python -m tests.simulation.torture --first {failure.seed} --seeds 1"
            failures.append(f"{failure}\n{command}")
        else:
            total.runs += report.runs
            total.facts += report.facts
            total.endings += report.endings
        start = stop
    return seeds, total, failures


def told(endings: Counter[str]) -> str:
    whole = max(1, endings.total())
    return ", ".join(f"{name} {100 * count / whole:.1f} %" for name, count in endings.most_common())


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run the seeds and return the exit code."""
    parser = argparse.ArgumentParser(description="Simulate random workflows under many seeds.")
    parser.add_argument("--seeds", type=int, default=100_000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="how many processes")
    chosen = parser.parse_args()
    began = told_at = time.monotonic()
    total, failed, done = SimulationReport(), 0, 0
    with ProcessPoolExecutor(max_workers=chosen.workers) as pool:
        for seeds, report, failures in pool.map(work, chunks(chosen.first, chosen.seeds)):
            done += len(seeds)
            total.runs += report.runs
            total.facts += report.facts
            total.endings += report.endings
            for failure in failures:
                failed += 1
                tell(f"{failure}\n")
            now = time.monotonic()
            if now - told_at > TELL_EVERY or done == chosen.seeds:
                told_at = now
                tell(
                    f"{done:,} of {chosen.seeds:,} seeds, {failed} failed, {done / (now - began):,.0f} seeds/s, "
                    f"{total.facts / (now - began):,.0f} facts/s; go on with --first {seeds.stop}; "
                    f"{told(total.endings)}"
                )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
