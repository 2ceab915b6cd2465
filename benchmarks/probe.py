"""One measurement in a fresh process.

Called as ``python -m benchmarks.probe QUESTION CONTENDER WORKLOAD DIVISOR LOOP``, in the contender's own
environment: so it imports nothing but the standard library, the question and the adapter. Prints one JSON
object: ``{"figure": …}``, ``{"left_out": reason}`` or ``{"failed": reason}``. Before each piece of work it prints
``{"turn": …}`` and waits for a line, or the end, of its input.
"""

import asyncio
import contextlib
import importlib
import json
import os
import sys
import traceback
from collections.abc import Coroutine
from typing import Any, TypeVar

from benchmarks.contract import turns
from benchmarks.questions import ALL

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T], loop: str) -> T:
    """Run ``main`` to its end on the event loop that was asked for."""
    factory = importlib.import_module(loop).new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


def keep_to_one_core() -> None:
    """Run where all of these run, if a program may choose: the cores of a shared machine differ in pace."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a sandbox may forbid it
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def ask_for_turn() -> None:
    """Ask whoever started this process for the next turn."""
    print(json.dumps({"turn": "please"}), flush=True)
    sys.stdin.readline()


def answer(question: str, contender: str, workload: str, divisor: int, loop: str) -> dict[str, object]:
    """Measure one figure, or say why there is none."""
    row = next(row for row in ALL if row.name == question)
    try:
        adapter = importlib.import_module(f"benchmarks.adapters.{contender}")
    except ImportError as error:
        if contender == "stepwell":
            return {"left_out": f"not built yet: {error}"}
        raise
    if workload in adapter.LEFT_OUT:
        return {"left_out": adapter.LEFT_OUT[workload]}
    return {"figure": run(row.measure(getattr(adapter, workload), divisor), loop)}


def main() -> None:
    question, contender, workload, divisor, loop = sys.argv[1:]
    keep_to_one_core()
    turns.ask = ask_for_turn
    try:
        report = answer(question, contender, workload, int(divisor), loop)
    except Exception as error:  # noqa: BLE001 - whatever a library raises is the report
        traceback.print_exc()
        report = {"failed": f"{type(error).__name__}: {error}"}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
