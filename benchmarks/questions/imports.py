"""How much CPU time does the import take that a first program begins with?"""

import statistics
import subprocess
import sys

from benchmarks.contract import Question, Target, turns

MILLI = 1e3
REPEATS = 5
PROGRAM = "from time import process_time\nbegin = process_time()\n{}\nprint(process_time() - begin)"


def import_seconds(statements: str) -> float:
    turns.ask()  # the CPU time is another process's: ``wait`` would not ask again
    command = [sys.executable, "-c", PROGRAM.format(statements)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


async def measure(statements: str, divisor: int) -> float:
    import_seconds(statements)  # the first import may still compile to bytecode
    return statistics.median(import_seconds(statements) for _ in range(REPEATS)) * MILLI


QUESTIONS = (
    Question(
        name="imports",
        title="import (bare: asyncio and pydantic alone)",
        unit="ms",
        workload="IMPORTS",
        measure=measure,
        target=Target(1.48, stretch=1.17),
    ),
)
