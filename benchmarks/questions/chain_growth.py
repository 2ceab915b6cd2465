"""Does a step cost more, in time or memory, when the run is longer?"""

from functools import partial
from typing import Any

from benchmarks.clock import seconds, traced_bytes, tracing, typical
from benchmarks.contract import Question, Target, moments

SHORT = 200
LONG = 20_000
REPEATS = 20
# Both parts of a ratio are taken right after one another, again and again: the speed of a machine drifts.
ENOUGH_SECONDS = 2.0
# An engine may keep a record of its last steps (stepwell: 512 attempts): the slope is taken beyond that.
BEYOND = 1_000
TRACED = 6_000


async def time_ratio(chain: Any, divisor: int) -> float:
    """Time a step in a long run, over time a step in a short one."""
    long = LONG // divisor

    async def short_ones(count: int) -> int:
        return sum([await chain(SHORT) for _ in range(count)])

    async def ratio() -> float:
        in_all = SHORT * REPEATS
        short_seconds = await seconds(partial(short_ones, REPEATS), wanted=in_all, what="steps run")
        long_seconds = await seconds(partial(chain, long), wanted=long, what="steps run")
        return (long_seconds / long) / (short_seconds / in_all)

    await short_ones(1)
    return await typical(ratio, enough=ENOUGH_SECONDS)


async def bytes_slope(chain: Any, divisor: int) -> float:
    """Bytes that a run holds at its end for each step beyond the first thousand."""
    held: list[int] = []
    moments.last_step = lambda: held.append(traced_bytes())
    await chain(SHORT)
    held.clear()
    longer = BEYOND + TRACED // divisor
    with tracing():
        for steps in (BEYOND, longer):
            await seconds(partial(chain, steps), wanted=steps, what="steps run")
    return (held[1] - held[0]) / (longer - BEYOND)


QUESTIONS = (
    Question(
        name="chain_growth",
        title="chain growth: 20,000 against 200 steps, per step",
        unit="x itself",
        workload="chain",
        measure=time_ratio,
        target=Target(1.1, of_bare=False),
    ),
    Question(
        name="chain_memory",
        title="chain memory: held for each step beyond 1,000",
        unit="B a step",
        workload="chain",
        measure=bytes_slope,
        target=Target(0.5, of_bare=False),
    ),
)
