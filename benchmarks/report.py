"""The tables, for the terminal and for a file: ratios to bare of the same rounds, and what targets hold."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.contract import Target
from benchmarks.measuring import Answer, Entry


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: stepwell's entry of a question, beside everyone else's."""

    entry: Entry
    answers: Mapping[str, Answer]

    @property
    def title(self) -> str:
        question = self.entry.question
        return f"{question.title} ({self.entry.label})" if self.entry.label else question.title

    @property
    def target(self) -> Target:
        return self.entry.question.target

    def ratio(self, contender: str) -> float | None:
        """The median over the rounds of a contender's figure over bare's figure in the same round."""
        bare, own = self.answers.get("bare"), self.answers.get(contender)
        if not bare or not own or not self.target.of_bare:
            return None
        ratios = [figure / bare.figures[number] for number, figure in own.figures.items() if number in bare.figures]
        return statistics.median(ratios) if ratios else None

    @property
    def is_judged(self) -> bool:
        """Whether the target is about this row: bare does what the first way does, not what another asks for."""
        return not (self.entry.label and self.target.of_bare)

    @property
    def judged(self) -> float | None:
        """The number that the target is about."""
        if not self.is_judged:
            return None
        if self.target.of_bare:
            return self.ratio("stepwell")
        answer = self.answers.get("stepwell")
        return answer.median if answer else None

    @property
    def holds(self) -> bool | None:
        return None if self.judged is None else self.judged <= self.target.limit

    @property
    def verdict(self) -> str:
        if self.judged is None:
            return ""
        if self.target.stretch is not None and self.judged <= self.target.stretch:
            return "stretch"
        return "holds" if self.holds else "MISSED"

    def wish(self) -> str:
        """The target, and the stretch behind it, as the table shows them."""
        if not self.is_judged:
            return "-"
        mark = "x" if self.target.of_bare else ""
        stretch = f" ({self.target.stretch:g}{mark})" if self.target.stretch is not None else ""
        return f"≤ {self.target.limit:g}{mark}{stretch}"


def rows(answers: Mapping[Entry, Answer]) -> list[Row]:
    """A row for each question, and one more for each other way in which stepwell answers it."""
    made: list[Row] = []
    for name in dict.fromkeys(entry.question.name for entry in answers):
        asked = {entry: answer for entry, answer in answers.items() if entry.question.name == name}
        plain = {entry.contender.name: answer for entry, answer in asked.items() if not entry.label}
        made.append(Row(next(iter(asked)), plain))
        for entry, answer in asked.items():
            if entry.label:
                bare = {name: other for name, other in plain.items() if name == "bare"}
                made.append(Row(entry, {**bare, "stepwell": answer}))
    return made


def figure(value: float) -> str:
    """Three digits that mean something."""
    if abs(value) < 0.005:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def cell(row: Row, contender: str) -> str:
    """A contender's figure and its ratio to bare; a dash when there is none, ``*`` when of one process."""
    answer = row.answers.get(contender)
    if answer is None or answer.median is None:
        return "failed" if answer and answer.failed else "-"
    ratio = row.ratio(contender)
    multiple = f" ({figure(ratio)}x)" if ratio is not None and contender != "bare" else ""
    others = row.answers.get("bare")
    alone = "*" if others and len(answer.figures) == 1 < len(others.figures) else ""
    return f"{figure(answer.median)}{multiple}{alone}"


def table(found: Sequence[Row], contenders: Sequence[str], *, titles: bool) -> list[list[str]]:
    """Header and lines. ``titles`` writes the questions out; else a line begins with the question's name."""
    head = ["workload", "unit", "target (stretch)", "", *contenders]
    lines = [head]
    for row in found:
        name = row.title if titles else " + ".join(filter(None, (row.entry.question.name, row.entry.label)))
        answered = [cell(row, contender) for contender in contenders]
        lines.append([name, row.entry.question.unit, row.wish(), row.verdict, *answered])
    return lines


def plain(lines: Sequence[Sequence[str]]) -> str:
    """A table for the terminal."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in lines)


def markdown(lines: Sequence[Sequence[str]]) -> str:
    head, *body = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([head, "|" + "---|" * len(lines[0]), *body])


def remarks(answers: Mapping[Entry, Answer]) -> list[str]:
    """Why a figure is missing, once for each reason."""
    reasons: dict[str, list[str]] = {}
    for entry, answer in answers.items():
        reason = f"failed: {answer.failed}" if answer.failed else answer.left_out
        if reason:
            reasons.setdefault(f"{entry.contender.name}: {reason}", []).append(entry.question.name)
    return [f"{reason} ({', '.join(dict.fromkeys(names))})" for reason, names in reasons.items()]


def spread(answers: Mapping[Entry, Answer]) -> list[list[str]]:
    """Smallest, median and largest figure of every entry, and from how many processes."""
    lines = [["workload", "contender", "unit", "smallest", "median", "largest", "processes"]]
    for entry, answer in answers.items():
        if answer.median is not None:
            name = f"{entry.contender.name} {entry.label}".strip()
            low, high = min(answer.figures.values()), max(answer.figures.values())
            figures = [figure(low), figure(answer.median), figure(high), str(len(answer.figures))]
            lines.append([entry.question.name, name, entry.question.unit, *figures])
    return lines


def document(answers: Mapping[Entry, Answer], contenders: Sequence[str], facts: Iterable[str]) -> str:
    """``RESULTS.md``."""
    left_out = [f"- {text}" for text in remarks(answers)] or ["- nothing"]
    return "\n".join(
        [
            "# Results of `make bench`",
            "",
            "Written by `python -m benchmarks`, not by hand. CPU time, never wall-clock. A figure is the",
            "median of fresh processes (`*`: of one, because it takes long); in parentheses its ratio to",
            "`bare`, hand-written asyncio doing the same work: the median of the ratios of each round. An",
            "absolute time says something about the machine; the targets are about the ratios.",
            "",
            *(f"- {fact}" for fact in facts),
            "",
            markdown(table(rows(answers), contenders, titles=True)),
            "",
            "Left out:",
            "",
            *left_out,
            "",
            "## Spread",
            "",
            markdown(spread(answers)),
            "",
        ]
    )
