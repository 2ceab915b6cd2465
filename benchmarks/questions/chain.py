"""What does one step of a long run cost?"""

from typing import Any

from benchmarks.clock import MICRO, typical_seconds
from benchmarks.contract import Question, Target

STEPS = 2_000


async def measure(chain: Any, divisor: int) -> float:
    steps = STEPS // divisor
    check_steps = steps // 10
    await typical_seconds(lambda: chain(check_steps), wanted=check_steps, what="warm-up")
    return await typical_seconds(lambda: chain(steps), wanted=steps, what="steps run") / steps * MICRO


QUESTIONS = (
    Question(
        name="chain",
        title="chain: one run, loop of 2,000 steps",
        unit="µs a step",
        workload="chain",
        measure=measure,
        target=Target(1.0, stretch=0.6),
    ),
)
