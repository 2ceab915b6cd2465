"""How a figure is taken: CPU time of the process, or bytes that tracemalloc counts. Standard library only."""

import gc
import statistics
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import process_time
from typing import TypeVar

from benchmarks.contract import check, turns

MICRO = 1e6
# What is measured is repeated in its process until this much CPU time has been seen, or this often.
ENOUGH_SECONDS = 0.4
ENOUGH_TIMES = 25

T = TypeVar("T")


async def seconds(work: Callable[[], Awaitable[T]], *, wanted: T, what: str) -> float:
    """CPU seconds of one piece of work whose result must be ``wanted``; garbage of before goes first."""
    turns.wait()
    gc.collect()
    begin = process_time()
    result = await work()
    spent = process_time() - begin
    check(result, wanted, what)
    return spent


async def typical_seconds(work: Callable[[], Awaitable[T]], *, wanted: T, what: str) -> float:
    """The median of enough repetitions of ``seconds``."""
    return await typical(partial(seconds, work, wanted=wanted, what=what))


async def typical(figure: Callable[[], Awaitable[float]], *, enough: float = ENOUGH_SECONDS) -> float:
    """The median of a figure that is taken again until ``enough`` CPU seconds have passed."""
    taken: list[float] = []
    begin = process_time()
    while not taken or (process_time() - begin < enough and len(taken) < ENOUGH_TIMES):
        taken.append(await figure())
    return statistics.median(taken)


def traced_bytes() -> int:
    """Bytes that Python holds now, garbage apart. Only inside ``tracing``."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@contextmanager
def tracing() -> Iterator[None]:
    """Count allocations. Never in a process that also takes times: counting doubles them."""
    gc.collect()
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()
