"""How long, in CPU time, from the call of run() until a consumer holds the first streamed event?"""

import statistics
from functools import partial
from time import process_time
from typing import Any

from benchmarks.clock import MICRO
from benchmarks.contract import Question, Target, check, turns

RUNS = 500
WARM_UP = 50
AT_ONCE = 50


def note(arrivals: list[float], number: int) -> None:
    arrivals.append(process_time())


async def measure(stream: Any, divisor: int) -> float:
    runs = RUNS // divisor
    waited: list[float] = []
    for number in range(WARM_UP + runs):
        if number % AT_ONCE == 0:
            turns.wait()
        arrivals: list[float] = []
        begin = process_time()
        result = await stream(1, 0, partial(note, arrivals))
        check((result, len(arrivals)), (1, 1), "result and events")
        if number >= WARM_UP:
            waited.append(arrivals[0] - begin)
    return statistics.median(waited) * MICRO


QUESTIONS = (
    Question(
        name="first_event",
        title="time to the first streamed event",
        unit="µs",
        workload="stream",
        measure=measure,
        target=Target(1.5, stretch=0.9),
    ),
)
