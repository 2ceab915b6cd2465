"""Does the size of the state matter to one write of it, and does a snapshot cost only its size?"""

from time import process_time
from typing import Any

from benchmarks.clock import MICRO
from benchmarks.contract import Question, Target, check, moments

FEW = 10
MANY = 10_000
SETS = 2_000
SNAPSHOTS = {FEW: 200, MANY: 5}


async def microseconds_each(workload: Any, keys: int, times: int) -> float:
    """What one of ``times`` operations costs in a run whose state has ``keys`` keys."""
    marks: list[float] = []
    moments.work_begins = moments.work_ends = lambda: marks.append(process_time())
    await workload(keys, times)
    marks.clear()
    result = await workload(keys, times)
    check((result, len(marks)), (keys + times, 2), "keys and times")
    return (marks[1] - marks[0]) / times * MICRO


async def set_ratio(store_set: Any, divisor: int) -> float:
    sets = SETS // divisor
    return await microseconds_each(store_set, MANY, sets) / await microseconds_each(store_set, FEW, sets)


async def snapshot_ratio(snapshot: Any, divisor: int) -> float:
    """Cost of a snapshot for each key of a large state, over the same of a small one."""
    per_key = {keys: await microseconds_each(snapshot, keys, times) / keys for keys, times in SNAPSHOTS.items()}
    return per_key[MANY] / per_key[FEW]


ONLY = frozenset({"stepwell"})
QUESTIONS = (
    Question(
        name="store_set",
        title="store.set with 10,000 keys against 10",
        unit="x itself",
        workload="store_set",
        measure=set_ratio,
        target=Target(1.2, of_bare=False),
        only=ONLY,
    ),
    Question(
        name="snapshot",
        title="to_dict with 10,000 keys against 10, per key",
        unit="x itself",
        workload="snapshot",
        measure=snapshot_ratio,
        target=Target(1.2, of_bare=False),
        only=ONLY,
    ),
)
