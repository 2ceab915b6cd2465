"""Does a process that makes many short runs keep anything of them?"""

import gc
import sys
from typing import Any

from benchmarks.contract import Question, Target, check

RUNS = 20_000
SETTLED = 2_000


async def measure(short_run: Any, divisor: int) -> float:
    """Blocks of memory that live on, per run, after the first 2,000 runs have filled every cache."""
    runs, settled = RUNS // divisor, SETTLED // divisor
    blocks = 0
    for number in range(runs):
        if number == settled:
            gc.collect()
            blocks = sys.getallocatedblocks()
        check(await short_run(number), number + 3, "result of a run")
    gc.collect()
    return (sys.getallocatedblocks() - blocks) / (runs - settled)


QUESTIONS = (
    Question(
        name="short_run_memory",
        title="memory growth over 20,000 short runs",
        unit="blocks a run",
        workload="short_run",
        measure=measure,
        target=Target(0.01, of_bare=False),
    ),
)
