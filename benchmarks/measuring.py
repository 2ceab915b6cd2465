"""Rounds: every figure from a fresh process, contenders in turn, their order rotated, progress told."""

import contextlib
import json
import math
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.contenders import ROOT, WORKSHOP, Contender, environment
from benchmarks.contract import Question

# A contender whose process takes longer than this is measured in one process only, and marked.
PATIENCE_SECONDS = 20
# The verdicts hang on bare and stepwell, which are quick; the others are there for comparison.
PEER_ROUNDS = 5
LIMIT_SECONDS = 1_800
MEMORY = WORKSHOP / "durations.json"
GUESS_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One contender's way to answer one question."""

    question: Question
    contender: Contender
    workload: str
    label: str = ""

    @property
    def key(self) -> str:
        return f"{self.question.name}/{self.contender.name}/{self.workload}"


@dataclass(slots=True)
class Answer:
    """What was measured for an entry: a figure for each round, by its number; or why there is none."""

    figures: dict[int, float] = field(default_factory=dict)
    left_out: str = ""
    failed: str = ""

    @property
    def median(self) -> float | None:
        return statistics.median(self.figures.values()) if self.figures else None


def entries(questions: Sequence[Question], contenders: Sequence[Contender]) -> list[Entry]:
    """Everything to measure, question by question."""
    planned: list[Entry] = []
    for question in questions:
        for contender in contenders:
            if question.only and contender.name not in question.only:
                continue
            planned.append(Entry(question, contender, question.workload))
            if contender.name == "stepwell":
                planned += [Entry(question, contender, workload, label) for label, workload in question.kinds.items()]
    return planned


class Measurer:
    """Carries out a plan. ``tell`` gets one line of progress at a time."""

    def __init__(self, pythons: Mapping[str, Path], *, divisor: int, loop: str, tell: Callable[[str], None]) -> None:
        self.pythons = pythons
        self.divisor = divisor
        self.loop = loop
        self.tell = tell
        self.durations: dict[str, float] = self.remembered()

    def remembered(self) -> dict[str, float]:
        """Seconds that each process took last time, for the estimate of the time left."""
        try:
            known = json.loads(MEMORY.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def run(self, plan: Sequence[Entry], rounds: int) -> dict[Entry, Answer]:
        answers = {entry: Answer() for entry in plan}
        questions = list(dict.fromkeys(entry.question.name for entry in plan))
        for place, name in enumerate(questions, 1):
            asked = [entry for entry in plan if entry.question.name == name]
            later = [entry for entry in plan if entry.question.name in questions[place:]]
            for number, turn in rotated(asked, rounds):
                still = [entry for entry in turn if not self.is_settled(entry, answers[entry])]
                quick = [entry for entry in still if not entry.contender.requirements]
                groups = ([quick] if quick else []) + [[entry] for entry in still if entry not in quick]
                for position, together in enumerate(groups):
                    left = (
                        self.seconds_of([one for group in groups[position:] for one in group], number, number - 1)
                        + self.seconds_of(still, rounds, number)
                        + self.seconds_of(later, rounds)
                    )
                    who = dict.fromkeys(entry.contender.name for entry in together)
                    self.tell(
                        f"{place}/{len(questions)} {name} · round {number} of {rounds} · "
                        f"{' and '.join(who)} · about {left / 60:.0f} min left"
                    )
                    self.measure(together, answers, number)
        WORKSHOP.mkdir(exist_ok=True)
        MEMORY.write_text(json.dumps(self.durations), encoding="utf-8")
        return answers

    def is_settled(self, entry: Entry, answer: Answer) -> bool:
        return bool(answer.left_out or answer.failed or len(answer.figures) >= self.most_rounds(entry))

    def most_rounds(self, entry: Entry) -> float:
        if not entry.contender.requirements:  # bare and stepwell
            return math.inf
        return 1 if self.durations.get(self.memory_key(entry), 0) > PATIENCE_SECONDS else PEER_ROUNDS

    def memory_key(self, entry: Entry) -> str:
        return f"{entry.key}/{self.divisor}/{self.loop}"

    def seconds_of(self, entries: Sequence[Entry], rounds: int, done: int = 0) -> float:
        """How long these will take up to round ``rounds``, as far as earlier processes tell."""
        return sum(
            self.durations.get(self.memory_key(entry), GUESS_SECONDS)
            * max(0, min(rounds, self.most_rounds(entry)) - done)
            for entry in entries
        )

    def measure(self, together: Sequence[Entry], answers: Mapping[Entry, Answer], number: int) -> None:
        """Start a fresh process for each, let them take turns, and put their reports into the answers.

        The pace of a shared machine changes from one second to the next: what is compared is measured piece by piece,
        each right after the other's.
        """
        begin = time.monotonic()
        probes = {entry: Probe(self.command(entry)) for entry in together}
        reports: dict[Entry, dict[str, object]] = {}
        while probes:
            for entry, probe in list(probes.items()):
                report = probe.turn()
                if "turn" not in report:
                    reports[entry] = report
                    del probes[entry]
        for entry, report in reports.items():
            if "figure" in report:
                answers[entry].figures[number] = float(str(report["figure"]))
                self.durations[self.memory_key(entry)] = round((time.monotonic() - begin) / len(together), 2)
            elif "left_out" in report:
                answers[entry].left_out = tidy(str(report["left_out"]))
            else:
                answers[entry].failed = tidy(str(report.get("failed", "no report")))

    def command(self, entry: Entry) -> list[str]:
        return [
            str(self.pythons[entry.contender.name]),
            *("-m", "benchmarks.probe", entry.question.name, entry.contender.adapter, entry.workload),
            *(str(self.divisor), self.loop),
        ]


class Probe:
    """A process that measures, one piece of work in each turn. It gets no further than to its first before that."""

    def __init__(self, command: Sequence[str]) -> None:
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed by the last turn
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            cwd=ROOT,
            env=environment(),
        )
        self.is_late = False
        self.limit = threading.Timer(LIMIT_SECONDS, self.stop)
        self.limit.daemon = True
        self.limit.start()
        self.report = self.heard()

    def stop(self) -> None:
        self.is_late = True
        self.process.kill()

    def turn(self) -> dict[str, object]:
        """Let one piece of work be done; return the report at the end, and before that what has ``turn``."""
        if "turn" in self.report:
            assert self.process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # it has ended: what is heard says how
                self.process.stdin.write("\n")
                self.process.stdin.flush()
            self.report = self.heard()
        if "turn" not in self.report:
            self.limit.cancel()
            self.process.communicate()
            self.errors.close()
        return self.report

    def heard(self) -> dict[str, object]:
        """Return what the process says next, which is an object of JSON; anything else it prints is passed over."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with contextlib.suppress(ValueError):
                said = json.loads(line)
                if isinstance(said, dict):
                    return said
        if self.is_late:
            return {"failed": f"no end after {LIMIT_SECONDS} s"}
        code = self.process.wait()
        self.errors.seek(0)
        last = (self.errors.read().strip().splitlines() or ["no message"])[-1]
        return {"failed": f"the process ended with {code}: {last}"}


def tidy(reason: str) -> str:
    """One line that names no directory of this machine."""
    return reason.replace(f"{ROOT}/", "").replace(str(Path.home()), "~").splitlines()[0]


def rotated(asked: Sequence[Entry], rounds: int) -> Iterator[tuple[int, list[Entry]]]:
    """Each round begins with another contender, so that none always follows the same one."""
    for number in range(1, rounds + 1):
        shift = (number - 1) % len(asked)
        yield number, [*asked[shift:], *asked[:shift]]
