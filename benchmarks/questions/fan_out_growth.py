"""Does an item cost more when the fan-out is wider, and is its memory freed after the join?"""

from functools import partial
from typing import Any

from benchmarks.clock import seconds, traced_bytes, tracing
from benchmarks.contract import Question, Target, moments
from benchmarks.questions.fan_out import KINDS, WARM_UP

NARROW = 10_000
WIDE = 100_000
REPEATS = 2  # before and after the wide one: the speed of a machine drifts
TRACED = (2_000, 20_000)


async def time_ratio(fan_out: Any, divisor: int) -> float:
    """Time an item in a wide fan-out, over time an item in a narrow one."""
    narrow, wide = NARROW // divisor, WIDE // divisor
    await fan_out(WARM_UP)

    async def narrow_ones() -> float:
        taken = [
            await seconds(partial(fan_out, narrow), wanted=narrow * (narrow - 1), what="sum") for _ in range(REPEATS)
        ]
        return sum(taken) / REPEATS

    before = await narrow_ones()
    wide_seconds = await seconds(partial(fan_out, wide), wanted=wide * (wide - 1), what="sum")
    narrow_seconds = (before + await narrow_ones()) / 2
    return (wide_seconds / wide) / (narrow_seconds / narrow)


async def bytes_slope(fan_out: Any, divisor: int) -> float:
    """Bytes that the run still holds, in the step after the join, for each item."""
    held: list[int] = []
    moments.last_step = lambda: held.append(traced_bytes())
    await fan_out(max(TRACED))  # asyncio's own tables of tasks get their size here
    held.clear()
    with tracing():
        for items in TRACED:
            await seconds(partial(fan_out, items), wanted=items * (items - 1), what="sum")
    return (held[1] - held[0]) / (TRACED[1] - TRACED[0])


QUESTIONS = (
    Question(
        name="fan_out_growth",
        title="fan-out growth: 100,000 against 10,000, per item",
        unit="x itself",
        workload="fan_out",
        kinds=KINDS,
        measure=time_ratio,
        target=Target(1.2, of_bare=False),
        only=frozenset({"bare", "stepwell"}),
    ),
    Question(
        name="fan_out_memory",
        title="fan-out memory: held after the join",
        unit="B an item",
        workload="fan_out",
        kinds=KINDS,
        measure=bytes_slope,
        target=Target(1.0, of_bare=False),
        only=frozenset({"bare", "stepwell"}),
    ),
)
