"""What does a whole short run cost: start, two events, stop?"""

from typing import Any

from benchmarks.clock import MICRO, typical_seconds
from benchmarks.contract import Question, Target

RUNS = 1_000
WARM_UP = 50


async def measure(short_run: Any, divisor: int) -> float:
    runs = RUNS // divisor

    async def one_after_another(count: int) -> int:
        total = 0
        for number in range(count):
            total += await short_run(number)
        return total

    def wanted(count: int) -> int:
        return sum(number + 3 for number in range(count))

    await typical_seconds(lambda: one_after_another(WARM_UP), wanted=wanted(WARM_UP), what="warm-up")
    spent = await typical_seconds(lambda: one_after_another(runs), wanted=wanted(runs), what="results of the runs")
    return spent / runs * MICRO


QUESTIONS = (
    Question(
        name="short_run",
        title="short run: start → two events → stop",
        unit="µs a run",
        workload="short_run",
        measure=measure,
        target=Target(1.0, stretch=0.6),
    ),
)
