"""A thousand traces at once on one manager, over tasks and threads: no event is lost, and none is misplaced."""

import asyncio
import random
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

from stepwell.callbacks import (
    BaseCallbackHandler,
    CallbackManager,
    CBEventType,
    RecordingHandler,
    propagate,
    run_in_executor,
)

QUERY, RETRIEVE, LLM = CBEventType.QUERY, CBEventType.RETRIEVE, CBEventType.LLM
TRACES = 1_000


def expected_map(name: str) -> dict[str, set[str]]:
    branches = {f"{name}/task", f"{name}/thread", f"{name}/pool"}
    return {
        "root": {name},
        name: branches,
        **{branch: {f"{branch}/llm"} for branch in branches},
    }


class Ledger(RecordingHandler):
    """Checks every trace when it ends; keeps counts, not events."""

    def __init__(self) -> None:
        super().__init__(max_records=1)
        self.lock = threading.Lock()
        self.counts: dict[str, int] = defaultdict(int)
        self.wrong: list[object] = []

    def on_event_start(self, event_type: CBEventType, *args: object, **kwargs: object) -> str:
        with self.lock:
            self.counts["start"] += 1
        return ""

    def on_event_end(self, event_type: CBEventType, *args: object, **kwargs: object) -> None:
        with self.lock:
            self.counts["end"] += 1

    def end_trace(self, trace_id: str | None = None, trace_map: dict[str, list[str]] | None = None) -> None:
        seen = {parent: set(children) for parent, children in (trace_map or {}).items()}
        with self.lock:
            self.counts["trace"] += 1
            if trace_id is None or seen != expected_map(trace_id):
                self.wrong.append((trace_id, seen))


def branch(manager: CallbackManager, name: str) -> None:
    with manager.event(RETRIEVE, event_id=name), manager.event(LLM, event_id=f"{name}/llm"):
        pass


async def branch_in_steps(manager: CallbackManager, name: str, turns: random.Random) -> None:
    with manager.event(RETRIEVE, event_id=name):
        for _ in range(turns.randrange(3)):
            await asyncio.sleep(0)
        with manager.event(LLM, event_id=f"{name}/llm"):
            await asyncio.sleep(0)


async def one_trace(manager: CallbackManager, name: str, pool: ThreadPoolExecutor, turns: random.Random) -> None:
    with manager.as_trace(name), manager.event(QUERY, event_id=name):
        await asyncio.gather(
            branch_in_steps(manager, f"{name}/task", turns),
            asyncio.to_thread(branch, manager, f"{name}/thread"),
            run_in_executor(pool, branch, manager, f"{name}/pool"),
        )


def assert_complete(ledger: Ledger, manager: CallbackManager) -> None:
    assert ledger.wrong == []
    assert ledger.counts == {"trace": TRACES, "start": TRACES * 7, "end": TRACES * 7}
    assert manager.stats.unmatched_ends == 0
    assert manager.stats.handler_errors == 0


async def test_a_thousand_traces_in_tasks_of_one_loop() -> None:
    ledger = Ledger()
    manager = CallbackManager([ledger])
    turns = random.Random(7)

    with ThreadPoolExecutor(4) as pool:
        await asyncio.gather(*(one_trace(manager, f"t{number}", pool, turns) for number in range(TRACES)))

    assert_complete(ledger, manager)


def test_a_thousand_traces_over_threads() -> None:
    ledger = Ledger()
    manager = CallbackManager([ledger])

    def one(number: int) -> None:
        name = f"t{number}"
        with manager.as_trace(name), manager.event(QUERY, event_id=name), ThreadPoolExecutor(1) as inner:
            branch(manager, f"{name}/task")
            inner.submit(propagate(branch), manager, f"{name}/thread").result()
            branch(manager, f"{name}/pool")

    with ThreadPoolExecutor(8) as outer:
        list(outer.map(one, range(TRACES)))

    assert_complete(ledger, manager)


def test_handlers_may_come_and_go_while_others_are_told() -> None:
    steady = Ledger()
    manager = CallbackManager([steady])
    has_finished = threading.Event()

    def come_and_go() -> None:
        while not has_finished.is_set():
            guest: BaseCallbackHandler = RecordingHandler(max_records=1)
            manager.add_handler(guest)
            manager.remove_handler(guest)

    visitor = threading.Thread(target=come_and_go)
    visitor.start()
    for number in range(2_000):
        branch(manager, str(number))
    has_finished.set()
    visitor.join()

    assert steady.counts == {"start": 4_000, "end": 4_000}
