"""How long, in CPU time, from the call of run() until a consumer holds the first streamed event?"""

from time import process_time
from typing import Any

from benchmarks.clock import MICRO
from benchmarks.contract import Question, Target, check

RUNS = 500
WARM_UP = 50


async def measure(stream: Any, divisor: int) -> float:
    runs = RUNS // divisor
    waited = 0.0
    for number in range(WARM_UP + runs):
        arrivals: list[float] = []
        begin = process_time()
        result = await stream(1, 0, lambda _, arrivals=arrivals: arrivals.append(process_time()))
        check((result, len(arrivals)), (1, 1), "result and events")
        if number >= WARM_UP:
            waited += arrivals[0] - begin
    return waited / runs * MICRO


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
