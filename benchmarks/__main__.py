"""The command line: ``python -m benchmarks``.

Exit codes: 0 everything was measured and every target holds; 1 a target is missed, or a workload failed or
computed something else than it was asked for; 2 wrong usage; 130 stopped. A peer whose environment cannot be
made, and a question that a library has no feature for, are left out with the reason. A quick run judges no
target.
"""

import argparse
import datetime
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import contenders, questions, report
from benchmarks.contenders import Contender
from benchmarks.measuring import PEER_ROUNDS, Answer, Entry, Measurer, entries

ROUNDS = 9
QUICK_DIVISOR = 10
RESULTS = Path(__file__).with_name("RESULTS.md")


def choice(allowed: Sequence[str]) -> Callable[[str], list[str]]:
    """A parser of comma-separated names that says which there are."""

    def parse(text: str) -> list[str]:
        names = [name.strip() for name in text.split(",") if name.strip()]
        unknown = [name for name in names if name not in allowed]
        if unknown or not names:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown) or 'nothing'}: choose from {', '.join(allowed)}")
        return names

    return parse


def positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: a whole number of at least 1 is needed")
    return int(text)


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    names = list(dict.fromkeys(row.name for row in questions.ALL))
    everyone = [contender.name for contender in contenders.ALL]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure stepwell.")
    parser.add_argument("--only", type=choice(names), default=names, metavar="QUESTION,…", help=", ".join(names))
    parser.add_argument(
        "--contenders",
        type=choice(everyone),
        default=everyone,
        metavar="NAME,…",
        help=f"{', '.join(everyone)} (bare is always measured: it is the yardstick)",
    )
    parser.add_argument(
        "--rounds",
        type=positive,
        help=f"fresh processes for each figure (default {ROUNDS}; of a peer, at most {PEER_ROUNDS})",
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes, one round, no verdict")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio", help="the event loop of all")
    parser.add_argument("--output", type=Path, help="where to write the results (a whole run: benchmarks/RESULTS.md)")
    options = parser.parse_args(arguments)
    options.is_whole = options.only == names and options.contenders == everyone and not options.quick
    options.rounds = options.rounds or (1 if options.quick else ROUNDS)
    return options


def teller() -> Callable[[str], None]:
    """Progress: one line that is written over in a terminal, a line for each question elsewhere."""
    told: set[str] = set()

    def tell(text: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
        elif (question := text.split(" · ")[0]) not in told:
            told.add(question)
            print(f"{question} · {text.rsplit(' · ', 1)[1]}", file=sys.stderr, flush=True)

    return tell


def settled(chosen: Sequence[Contender], loop: str) -> tuple[dict[str, Path], dict[str, str]]:
    """The interpreter of each contender, and why some have none."""
    pythons: dict[str, Path] = {}
    missing: dict[str, str] = {}
    for contender in chosen:
        try:
            pythons[contender.name] = contenders.python_of(contender, loop)
        except contenders.NoEnvironment as error:
            missing[contender.name] = str(error)
            print(f"{contender.name} is left out: {error}", file=sys.stderr)
    return pythons, missing


def facts(
    options: argparse.Namespace, arguments: Sequence[str], pythons: Mapping[str, Path], minutes: float
) -> list[str]:
    """What a reader must know to judge or repeat the figures."""
    named = {contender.name: contender for contender in contenders.ALL}
    today = datetime.datetime.now(tz=datetime.UTC).date()
    return [
        f"{today}, commit {contenders.commit()}, {minutes:.0f} minutes, rounds: {options.rounds}",
        *(["a quick run: a tenth of the sizes, no verdict"] if options.quick else []),
        f"command: `{' '.join(['python -m benchmarks', *arguments])}`",
        f"{platform.python_implementation()} {platform.python_version()}, {options.loop}, "
        f"{platform.system()} {platform.machine()}, {cores()}",
        *(f"{name}: {contenders.versions(python, named[name])}" for name, python in pythons.items()),
    ]


def cores() -> str:
    """On how much of this machine the processes ran: see ``probe.keep_to_one_core``."""
    return f"{'one of ' if sys.platform == 'linux' else ''}{os.cpu_count()} cores"


def is_good(answers: Mapping[Entry, Answer], options: argparse.Namespace) -> bool:
    if any(answer.failed for answer in answers.values()):
        return False
    return options.quick or all(row.holds is not False for row in report.rows(answers))


def main(arguments: Sequence[str]) -> int:
    options = parsed(arguments)
    begin = time.monotonic()
    chosen = [one for one in contenders.ALL if one.name == "bare" or one.name in options.contenders]
    pythons, missing = settled(chosen, options.loop)
    plan = entries([row for row in questions.ALL if row.name in options.only], chosen)
    measurer = Measurer(
        pythons,
        divisor=QUICK_DIVISOR if options.quick else 1,
        loop=options.loop,
        tell=teller(),
    )
    answers = measurer.run([entry for entry in plan if entry.contender.name in pythons], options.rounds)
    answers |= {
        entry: Answer(left_out=missing[entry.contender.name]) for entry in plan if entry.contender.name in missing
    }
    names = [contender.name for contender in chosen]
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    print(report.plain(report.table(report.rows(answers), names, titles=False)))
    for text in report.remarks(answers):
        print(f"left out · {text}")
    output = options.output or (RESULTS if options.is_whole else None)
    if output:
        minutes = (time.monotonic() - begin) / 60
        text = report.document(answers, names, facts(options, arguments, pythons, minutes))
        output.write_text(text, encoding="utf-8")
        print(f"written: {output}", file=sys.stderr)
    return 0 if is_good(answers, options) else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
