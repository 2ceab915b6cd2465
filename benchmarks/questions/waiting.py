"""What does a run cost that waits for an outside event, in time and in memory while it waits?"""

from typing import Any

from benchmarks.clock import MICRO, seconds, traced_bytes, tracing
from benchmarks.contract import Question, Target, nothing

RUNS = 2_000
WARM_UP = 50
KILO = 1024
KINDS = {"wait_for_event": "waiting_in_step"}


async def time_each(waiting: Any, divisor: int) -> float:
    runs = RUNS // divisor

    async def all_answered(count: int) -> list[int]:
        return list(await waiting(count, nothing))

    await seconds(lambda: all_answered(WARM_UP), wanted=list(range(WARM_UP)), what="warm-up")
    spent = await seconds(lambda: all_answered(runs), wanted=list(range(runs)), what="answers")
    return spent / runs * MICRO


async def memory_each(waiting: Any, divisor: int) -> float:
    """kB, counted by tracemalloc, that each of the waiting runs holds."""
    runs = RUNS // divisor
    held: list[int] = []
    await waiting(WARM_UP, nothing)
    with tracing():
        before = traced_bytes()
        await waiting(runs, lambda: held.append(traced_bytes()))
    return (held[0] - before) / runs / KILO


QUESTIONS = (
    Question(
        name="waiting",
        title="2,000 runs wait for an outside event, then are answered",
        unit="µs a run",
        workload="waiting",
        kinds=KINDS,
        measure=time_each,
        target=Target(1.0, stretch=0.6),
    ),
    Question(
        name="waiting_memory",
        title="memory of a waiting run (tracemalloc)",
        unit="kB",
        workload="waiting",
        kinds=KINDS,
        measure=memory_each,
        target=Target(6.0, stretch=4.0, of_bare=False),
    ),
)
