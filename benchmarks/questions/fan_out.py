"""What does one item of a fan-out through 16 workers and a join cost?"""

from typing import Any

from benchmarks.clock import MICRO, typical_seconds
from benchmarks.contract import Question, Target

WARM_UP = 100
KINDS = {"send_event + collect_events": "fan_out_collected"}


async def measure(fan_out: Any, items: int) -> float:
    await typical_seconds(lambda: fan_out(WARM_UP), wanted=WARM_UP * (WARM_UP - 1), what="warm-up")
    spent = await typical_seconds(lambda: fan_out(items), wanted=items * (items - 1), what="sum of the items")
    return spent / items * MICRO


async def thousand(fan_out: Any, divisor: int) -> float:
    return await measure(fan_out, 1_000 // divisor)


async def five_thousand(fan_out: Any, divisor: int) -> float:
    return await measure(fan_out, 5_000 // divisor)


QUESTIONS = (
    Question(
        name="fan_out_1000",
        title="fan-out of 1,000 through 16 workers, join",
        unit="µs an item",
        workload="fan_out",
        kinds=KINDS,
        measure=thousand,
        target=Target(2.0, stretch=1.5),
    ),
    Question(
        name="fan_out_5000",
        title="fan-out of 5,000 through 16 workers, join",
        unit="µs an item",
        workload="fan_out",
        kinds=KINDS,
        measure=five_thousand,
        target=Target(2.2, stretch=1.5),
    ),
)
