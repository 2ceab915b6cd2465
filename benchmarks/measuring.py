"""Rounds: every figure from a fresh process, contenders interleaved, their order rotated, progress told."""

import json
import math
import statistics
import subprocess
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
                for position, entry in enumerate(still):
                    left = (
                        self.seconds_of(still[position:], number, number - 1)
                        + self.seconds_of(still, rounds, number)
                        + self.seconds_of(later, rounds)
                    )
                    self.tell(
                        f"{place}/{len(questions)} {name} · round {number} of {rounds} · "
                        f"{entry.contender.name} {entry.label} · about {left / 60:.0f} min left"
                    )
                    self.measure(entry, answers[entry], number)
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

    def measure(self, entry: Entry, answer: Answer, number: int) -> None:
        """Start a fresh process and put its report into ``answer``."""
        begin = time.monotonic()
        report = self.probe(entry)
        if "figure" in report:
            answer.figures[number] = float(str(report["figure"]))
            self.durations[self.memory_key(entry)] = round(time.monotonic() - begin, 2)
        elif "left_out" in report:
            answer.left_out = tidy(str(report["left_out"]))
        else:
            answer.failed = tidy(str(report.get("failed", "no report")))

    def probe(self, entry: Entry) -> dict[str, object]:
        command = [
            str(self.pythons[entry.contender.name]),
            *("-m", "benchmarks.probe", entry.question.name, entry.contender.adapter, entry.workload),
            *(str(self.divisor), self.loop),
        ]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                check=False,
                cwd=ROOT,
                env=environment(),
                timeout=LIMIT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return {"failed": f"no end after {LIMIT_SECONDS} s"}
        try:
            return dict(json.loads(done.stdout.strip().splitlines()[-1]))
        except (IndexError, ValueError):
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            return {"failed": f"the process ended with {done.returncode}: {last}"}


def tidy(reason: str) -> str:
    """One line that names no directory of this machine."""
    return reason.replace(f"{ROOT}/", "").replace(str(Path.home()), "~").splitlines()[0]


def rotated(asked: Sequence[Entry], rounds: int) -> Iterator[tuple[int, list[Entry]]]:
    """Each round begins with another contender, so that none always follows the same one."""
    for number in range(1, rounds + 1):
        shift = (number - 1) % len(asked)
        yield number, [*asked[shift:], *asked[:shift]]
