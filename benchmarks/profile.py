"""Where the time of one question goes: ``python -m benchmarks.profile chain [CONTENDER] [--sort tottime]``.

Takes the question's measurement in this process under the standard library's profiler, at a tenth of its size
unless ``--full``. For a peer, start it with that peer's Python: ``.bench/venv-<peer>/bin/python``.
"""

import argparse
import asyncio
import cProfile
import importlib
import pstats

from benchmarks.questions import ALL

SKIPPED = ("imports",)  # measured in processes of its own: see python -X importtime


def main() -> None:
    questions = {row.name: row for row in ALL if row.name not in SKIPPED}
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("question", choices=questions)
    parser.add_argument("contender", nargs="?", default="stepwell")
    parser.add_argument("--workload", help="another function of the adapter, such as fan_out_collected")
    parser.add_argument("--sort", default="tottime", choices=("tottime", "cumtime", "ncalls"))
    parser.add_argument("--lines", type=int, default=30)
    parser.add_argument("--full", action="store_true", help="the sizes of the table")
    options = parser.parse_args()
    question = questions[options.question]
    adapter = importlib.import_module(f"benchmarks.adapters.{options.contender.replace('-', '_')}")
    workload = getattr(adapter, options.workload or question.workload)
    with cProfile.Profile() as profile:
        figure = asyncio.run(question.measure(workload, 1 if options.full else 10))
    print(f"{question.title}: {figure:.3g} {question.unit}, slowed by the profiler")
    pstats.Stats(profile).sort_stats(options.sort).print_stats(options.lines)


if __name__ == "__main__":
    main()
