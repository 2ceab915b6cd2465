"""How events are shown: which are text that flows, which are lines, and what an ending says."""

from dataclasses import dataclass
from typing import Any

from stepwell.flow import Event, InputRequiredEvent, InternalDispatchEvent, StepState, StepStateChanged, StopEvent
from stepwell.runtime import Origin

LINE_LENGTH = 400
VERBS = {"ok": "done"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run ended, after ``seconds``; ``error`` is ``None`` when it completed, ``step`` the one that failed."""

    workflow: str
    run_id: str
    status: str
    seconds: float
    result: Any = None
    error: BaseException | None = None
    step: str = ""


def text_in(event: Event) -> str | None:
    """Return the text of an event that is a piece of one: it has a single field, and that is a string."""
    if len(event) != 1 or isinstance(event, (StopEvent, InputRequiredEvent, InternalDispatchEvent)):
        return None
    (value,) = event.to_dict().values()
    return value if isinstance(value, str) else None


def line_of(event: Event) -> str:
    """Return an event as one line: its class and its fields, cut after ``LINE_LENGTH`` characters."""
    fields = " ".join(f"{name}={value!r}" for name, value in event.to_dict().items())
    line = f"{type(event).__name__} {fields}".rstrip()
    return line if len(line) <= LINE_LENGTH else line[: LINE_LENGTH - 1] + "…"


def step_name(event: StepStateChanged, origin: tuple[Origin, ...]) -> str:
    """Return a step's name, behind those of the child workflows around it."""
    return "".join(f"{one.workflow}." for one in origin) + event.name


def step_line(event: StepStateChanged, origin: tuple[Origin, ...] = ()) -> str:
    """Return the line about a step that began or ended."""
    name = step_name(event, origin)
    name = name if event.number == 1 else f"{name} (attempt {event.number})"
    if event.step_state is not StepState.NOT_RUNNING:
        return f"[{name}] started by {event.input_event_name}"
    verb = VERBS.get(event.outcome or "", event.outcome or "ended").replace("_", " ")
    with_what = f" with {event.output_event_name}" if event.output_event_name else ""
    return f"[{name}] {verb}{with_what} after {event.elapsed_seconds or 0.0:.2f} s"


def result_text(result: Any) -> str:
    """Return a result for people: text as it is, an event as its line."""
    return line_of(result) if isinstance(result, Event) else str(result)


def ending_line(ending: Ending) -> str:
    """Return the line that a run ends with."""
    return f"{ending.workflow} {ending.status.replace('_', ' ')} after {ending.seconds:.2f} s"
