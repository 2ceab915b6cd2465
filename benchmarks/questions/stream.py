"""What does one event cost from a step to the consumer of the stream?"""

from typing import Any

from benchmarks.clock import MICRO, typical_seconds
from benchmarks.contract import Question, Target, WrongResult

EVENTS = 50_000
WARM_UP = 500
OFTEN = 100


class InOrder:
    """A consumer that refuses a gap, a repetition or a disorder."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, number: int) -> None:
        if number != self.seen:
            raise WrongResult(f"event {number} came when {self.seen} was due")
        self.seen += 1


async def measure(stream: Any, events: int, pause: int) -> float:
    async def consumed(count: int) -> tuple[int, int]:
        consumer = InOrder()
        result = await stream(count, pause, consumer)
        return result, consumer.seen

    await typical_seconds(lambda: consumed(WARM_UP), wanted=(WARM_UP, WARM_UP), what="warm-up")
    spent = await typical_seconds(lambda: consumed(events), wanted=(events, events), what="events seen")
    return spent / events * MICRO


async def never(stream: Any, divisor: int) -> float:
    return await measure(stream, EVENTS // divisor, 0)


async def often(stream: Any, divisor: int) -> float:
    return await measure(stream, EVENTS // divisor, OFTEN)


QUESTIONS = (
    Question(
        name="stream",
        title="stream 50,000 events, writer never yields",
        unit="µs an event",
        workload="stream",
        measure=never,
        target=Target(1.5, stretch=1.2),
    ),
    Question(
        name="stream_yielding",
        title="stream 50,000 events, writer yields every 100",
        unit="µs an event",
        workload="stream",
        measure=often,
        target=Target(1.5, stretch=1.2),
    ),
)
