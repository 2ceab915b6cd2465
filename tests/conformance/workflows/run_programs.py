"""Runs every program on one engine, named by the argument, and prints what each of them saw as one JSON object.

    python run_programs.py stepwell|workflows [PROGRAM ...]

Programs run one after the other, each in an event loop of its own. One that raises is reported as crashed, one that
takes longer than ``PATIENCE`` as hung; neither is an observation.
"""

# mypy: ignore-errors
# One of the two engines is never in the environment that checks this.

import asyncio
import contextlib
import importlib
import io
import json
import logging
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PATIENCE = 20.0


def run(function: Any) -> dict[str, Any]:
    async def main() -> Any:
        return await asyncio.wait_for(function(), PATIENCE)

    printed = io.StringIO()
    begun = time.monotonic()
    told: dict[str, Any]
    try:
        with contextlib.redirect_stdout(printed):
            told = {"saw": asyncio.run(main())}
    except TimeoutError:
        told = {"crashed": f"hung for {PATIENCE} seconds, or: {traceback.format_exc()}"}
    except BaseException:  # a program that breaks is a finding, and the others go on  # noqa: BLE001
        told = {"crashed": traceback.format_exc()}
    return {**told, "printed": printed.getvalue(), "seconds": round(time.monotonic() - begun, 3)}


def main() -> None:
    engine, *wanted = sys.argv[1:]
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    sys.path.insert(0, str(HERE))
    sys.modules["engine"] = importlib.import_module(f"engine_{engine}")
    for path in sorted((HERE / "programs").glob("*.py")):
        importlib.import_module(f"programs.{path.stem}")
    programs = importlib.import_module("observing").PROGRAMS
    results = {name: run(function) for name, function in programs.items() if not wanted or name in wanted}
    json.dump({"engine": engine, "results": results}, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
