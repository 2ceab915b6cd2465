"""Microseconds of CPU for the start and the end of one event, ours and llama-index-core's, in interleaved rounds.

Runs in an environment that has llama-index-core; see ``python -m benchmarks.callbacks``.
"""

import argparse
import contextvars
import gc
import resource
import statistics
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import llama_index.core.callbacks as peer
from llama_index.core.callbacks.base_handler import BaseCallbackHandler as PeerHandler

import stepwell.callbacks as house

MILLION = 1_000_000
FLAT_KILOBYTES = 5_000


def silent(base: type) -> Any:
    """A handler that does nothing."""

    class Silent(base):  # type: ignore[misc, valid-type] # the base is one of two
        def __init__(self) -> None:
            super().__init__([], [])

        def on_event_start(
            self, event_type: Any, payload: Any = None, event_id: str = "", parent_id: str = "", **kwargs: Any
        ) -> str:
            return event_id

        def on_event_end(self, event_type: Any, payload: Any = None, event_id: str = "", **kwargs: Any) -> None:
            return

        def start_trace(self, trace_id: str | None = None) -> None:
            return

        def end_trace(self, trace_id: str | None = None, trace_map: Any = None) -> None:
            return

    return Silent()


def pairs(manager: Any, event_type: Any, count: int) -> float:
    start, end = manager.on_event_start, manager.on_event_end
    began = time.process_time()
    for _ in range(count):
        end(event_type, event_id=start(event_type))
    return (time.process_time() - began) / count * 1e6


def blocks(manager: Any, event_type: Any, count: int) -> float:
    began = time.process_time()
    for _ in range(count):
        with manager.event(event_type):
            pass
    return (time.process_time() - began) / count * 1e6


def spans(manager: house.CallbackManager, count: int) -> float:
    """What an engine does for an attempt, its context being made anyway."""
    run = contextvars.Context()
    trace = manager.open_trace("run", context=run)
    contexts = [run.copy() for _ in range(count)]
    cause = "root"
    began = time.process_time()
    for context in contexts:
        span = manager.start_span(house.CBEventType.AGENT_STEP, None, parent_id=cause, context=context)
        manager.end_span(span, context=context)
        cause = span.id
    spent = time.process_time() - began
    manager.close_trace(trace, context=run)
    return spent / count * 1e6


def floor(count: int) -> float:
    variable: contextvars.ContextVar[object] = contextvars.ContextVar("floor", default=None)
    began = time.process_time()
    for _ in range(count):
        before = variable.get()
        variable.set(variable)
        variable.set(before)
    return (time.process_time() - began) / count * 1e6


def made(library: ModuleType, handlers: int) -> Any:
    base = PeerHandler if library is peer else house.BaseCallbackHandler
    return library.CallbackManager([silent(base) for _ in range(handlers)])


def in_trace(library: ModuleType, kind: str, handlers: int, count: int) -> float:
    manager = made(library, handlers)
    with manager.as_trace("benchmark"):
        return pairs(manager, library.CBEventType[kind], count)


def outside(library: ModuleType, count: int) -> float:
    return pairs(made(library, 0), library.CBEventType.QUERY, count)


def at_depth(library: ModuleType, depth: int, count: int) -> float:
    manager, kind = made(library, 0), library.CBEventType.QUERY
    with manager.as_trace("benchmark"):
        ids = [manager.on_event_start(kind) for _ in range(depth)]
        spent = pairs(manager, kind, count)
        for event_id in reversed(ids):
            manager.on_event_end(kind, event_id=event_id)
    return spent


def as_blocks(library: ModuleType, count: int) -> float:
    manager = made(library, 0)
    with manager.as_trace("benchmark"):
        return blocks(manager, library.CBEventType.QUERY, count)


def with_debug_handler(library: ModuleType, count: int) -> float:
    manager = library.CallbackManager([library.LlamaDebugHandler(print_trace_on_end=False)])
    with manager.as_trace("benchmark"):
        return pairs(manager, library.CBEventType.LLM, count)


Case = Callable[[ModuleType, int], float]

CASES: dict[str, Case] = {
    "event with children, no handler": lambda library, count: in_trace(library, "QUERY", 0, count),
    "event with children, 1 handler": lambda library, count: in_trace(library, "QUERY", 1, count),
    "event with children, 3 handlers": lambda library, count: in_trace(library, "QUERY", 3, count),
    "leaf event, no handler": lambda library, count: in_trace(library, "LLM", 0, count),
    "leaf event, 1 handler": lambda library, count: in_trace(library, "LLM", 1, count),
    "leaf event, 3 handlers": lambda library, count: in_trace(library, "LLM", 3, count),
    "outside a trace, no handler": outside,
    "with block, no handler": as_blocks,
    "depth 1, no handler": lambda library, count: at_depth(library, 1, count),
    "depth 1,000, no handler": lambda library, count: at_depth(library, 1_000, count),
    "leaf event, debug handler": with_debug_handler,
}
LIMITS = {
    "event with children, no handler": 0.5,
    "leaf event, no handler": 0.5,
    "event with children, 3 handlers": 0.7,
    "leaf event, 3 handlers": 0.7,
}
DEPTH_LIMIT = 1.2


Taken = dict[tuple[str, str], list[float]]


def measure(rounds: int, count: int) -> Taken:
    taken: Taken = {}
    libraries = [("peer", peer), ("house", house)]
    for number in range(rounds):
        order = libraries if number % 2 == 0 else libraries[::-1]
        for case, run in CASES.items():
            for name, library in order:
                gc.collect()
                # In a context of its own: what the peer leaves on its stack must not burden the next case.
                taken.setdefault((case, name), []).append(contextvars.Context().run(run, library, count))
        taken.setdefault(("setting a context variable twice", ""), []).append(floor(count))
        for handlers in (0, 1, 3):
            taken.setdefault((f"attempt of an engine, handlers: {handlers}", "house"), []).append(
                spans(made(house, handlers), count)
            )
    return taken


def kilobytes_grown() -> int:
    """How much the process grows over a million starts and ends with the default stores, after they have filled."""
    manager = house.CallbackManager(
        [
            house.LlamaDebugHandler(print_trace_on_end=False),
            house.TokenCountingHandler(tokenizer=list),
            house.RecordingHandler(),
        ]
    )
    pairs(manager, house.CBEventType.LLM, 30_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pairs(manager, house.CBEventType.LLM, MILLION // 2)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


def ratio(taken: Taken, above: tuple[str, str], below: tuple[str, str]) -> float:
    """The median of the ratios within the rounds: what slows a whole round down does not count."""
    return statistics.median(a / b for a, b in zip(taken[above], taken[below], strict=True))


def report(taken: Taken) -> list[str]:
    missed: list[str] = []
    print(f"{'CPU µs for a start and an end':38}{'llama-index-core':>18}{'stepwell':>10}{'ratio':>8}{'target':>8}")
    for case in CASES:
        theirs, ours = (statistics.median(taken[case, name]) for name in ("peer", "house"))
        times, limit = ratio(taken, (case, "house"), (case, "peer")), LIMITS.get(case)
        if limit is not None and times > limit:
            missed.append(case)
        print(f"{case:38}{theirs:18.2f}{ours:10.2f}{times:8.2f}{limit or '':>8}")
    for case, name in taken:
        if case not in CASES:
            print(f"{case:38}{statistics.median(taken[case, name]):28.2f}")
    for name, label in (("peer", "llama-index-core"), ("house", "stepwell")):
        growth = ratio(taken, ("depth 1,000, no handler", name), ("depth 1, no handler", name))
        print(f"{'depth 1,000 to depth 1, ' + label:56}{growth:18.2f}{DEPTH_LIMIT if name == 'house' else '':>8}")
        if name == "house" and growth > DEPTH_LIMIT:
            missed.append("depth")
    return missed


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--pairs", type=int, default=1_500)
    options = parser.parse_args()
    missed = report(measure(options.rounds, options.pairs))
    grown = kilobytes_grown()
    print(f"{'kB grown over 10^6 events in 3 stores':38}{grown:28d}{'':8}{FLAT_KILOBYTES:>8}")
    if grown > FLAT_KILOBYTES:
        missed.append("memory")
    print("missed: " + ", ".join(missed) if missed else "every target holds")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
