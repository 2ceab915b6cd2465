"""The live view in a terminal: a table of steps that ticks, and above it the text as it arrives."""

import time
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from stepwell.cli._shown import Ending, ending_line, line_of, result_text, step_name, text_in
from stepwell.flow import Event, InputRequiredEvent, InternalDispatchEvent, StepState, StepStateChanged, StopEvent
from stepwell.runtime import Origin

REFRESHES = 12
# Text of a model is not trusted to leave the terminal alone.
CONTROLS = {code: None for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}
MARKS = {"ready": ("·", "dim"), "running": ("▶", "cyan"), "done": ("✓", "green")}
FAILED = ("✗", "red")


@dataclass(slots=True)
class Row:
    """One step in the table. ``seconds`` is the time of its ended attempts; times are monotonic seconds."""

    state: str = "ready"
    running: int = 0
    attempts: int = 0
    seconds: float = 0.0
    since: float = 0.0

    def time(self) -> float:
        """Return the step's seconds until now."""
        return self.seconds + (time.monotonic() - self.since if self.running else 0.0)


class LiveView:
    """Shows a run in a terminal. Lines that are complete go above the table for good."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._rows: dict[str, Row] = {}
        self._text = ""
        self._held_back: list[tuple[Event, tuple[Origin, ...]]] | None = None
        self._live = Live(
            console=self._console,
            get_renderable=self._picture,
            refresh_per_second=REFRESHES,
            transient=True,
            vertical_overflow="visible",
        )

    def begin(self, workflow: str, run_id: str, steps: list[str]) -> None:
        self._rows = {name: Row() for name in steps}
        self._console.print(Text(f"{workflow}", style="bold"), Text(f"run {run_id}", style="dim"))
        self._live.start()

    def show(self, event: Event, origin: tuple[Origin, ...] = ()) -> None:
        if self._held_back is not None:
            self._held_back.append((event, origin))
            return
        text = text_in(event)
        if text is not None:
            self._flow(text)
        elif isinstance(event, StepStateChanged):
            self._finish_text()
            self._move(event, step_name(event, origin))
        elif not isinstance(event, (InternalDispatchEvent, InputRequiredEvent, StopEvent)):
            self._finish_text()
            self._print(line_of(event), style="dim")

    def _flow(self, text: str) -> None:
        """Add text; what fills a line of the terminal moves up for good, so the picture stays small."""
        self._text += text.translate(CONTROLS)
        lines = Text(self._text).wrap(self._console, self._console.width)
        if len(lines) > 1:
            for line in lines[:-1]:
                self._print(line.plain.rstrip())
            self._text = lines[-1].plain

    def _finish_text(self) -> None:
        if self._text:
            self._print(self._text.rstrip())
            self._text = ""

    def _print(self, text: str, style: str = "") -> None:
        self._console.print(Text(text.translate(CONTROLS), style=style), soft_wrap=True)

    def _move(self, event: StepStateChanged, name: str) -> None:
        row = self._rows.setdefault(name, Row())
        if event.step_state is not StepState.NOT_RUNNING:
            if not row.running:
                row.since = time.monotonic()
            row.running += 1
            row.attempts += 1
            row.state = "running"
            return
        row.running = max(0, row.running - 1)
        if not row.running:
            row.seconds += time.monotonic() - row.since
            row.state = "done" if event.outcome == "ok" else (event.outcome or "done").replace("_", " ")

    def _picture(self) -> RenderableType:
        parts: list[RenderableType] = [self._table()]
        if self._text:
            parts.insert(0, Text(self._text))
        return Group(*parts)

    def _table(self) -> Table:
        table = Table(box=None, show_header=False, padding=(0, 1))
        for name, row in list(self._rows.items()):
            mark, style = MARKS.get(row.state, FAILED)
            seconds = f"{row.time():.2f} s" if row.attempts else ""
            times = f"{row.attempts} times" if row.attempts > 1 else ""
            table.add_row(
                Text(mark, style=style), name, Text(row.state, style=style), seconds, Text(times, style="dim")
            )
        return table

    def ask(self, question: str) -> None:
        self._finish_text()
        self._live.stop()
        self._held_back = []
        self._console.print(Text(question.translate(CONTROLS), style="bold"), end="")
        self._console.file.flush()

    def answered(self, answer: str) -> None:
        held, self._held_back = self._held_back or [], None
        self._live.start()
        for event, origin in held:
            self.show(event, origin)

    def end(self, ending: Ending) -> None:
        held, self._held_back = self._held_back, None
        if held is not None:
            self._console.print()
            for event, origin in held:
                self.show(event, origin)
        self._finish_text()
        self._live.stop()
        self._console.print(self._table())
        self._print(ending_line(ending), style="bold green" if ending.error is None else "bold red")
        if ending.error is None and ending.result is not None:
            self._print(result_text(ending.result))
