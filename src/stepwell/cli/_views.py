"""Views of a run for whoever reads lines: people through a pipe, and programs (``--json``)."""

from typing import Any, Protocol, TextIO

from pydantic_core import to_json

from stepwell.cli._shown import Ending, ending_line, line_of, result_text, step_line, text_in
from stepwell.flow import Event, InputRequiredEvent, InternalDispatchEvent, StepState, StepStateChanged, StopEvent
from stepwell.runtime import Origin


class View(Protocol):
    """What shows a run.

    ``origin`` names the child runs that an event comes from. ``ask`` shows a question and leaves the place to the
    answer until ``answered``.
    """

    def begin(self, workflow: str, run_id: str, steps: list[str]) -> None: ...

    def show(self, event: Event, origin: tuple[Origin, ...] = ()) -> None: ...

    def ask(self, question: str) -> None: ...

    def answered(self, answer: str) -> None: ...

    def end(self, ending: Ending) -> None: ...


class PlainView:
    """Lines, each written out at once; text as it arrives."""

    def __init__(self, out: TextIO, prompt: TextIO | None) -> None:
        """Show on ``out``, and questions on ``prompt``; without one they are lines of ``out``."""
        self._out = out
        self._prompt = prompt
        self._in_text = False

    def begin(self, workflow: str, run_id: str, steps: list[str]) -> None:
        self._line(f"{workflow} started: {', '.join(steps)}")

    def show(self, event: Event, origin: tuple[Origin, ...] = ()) -> None:
        text = text_in(event)
        if text is not None:
            self._write(text)
            self._in_text = not text.endswith("\n") if text else self._in_text
        elif isinstance(event, StepStateChanged):
            self._line(step_line(event, origin))
        elif not isinstance(event, (InternalDispatchEvent, InputRequiredEvent, StopEvent)):
            self._line(line_of(event))

    def ask(self, question: str) -> None:
        if self._prompt is None:
            self._break()
            self._write(question)
            self._in_text = True
        else:
            self._break()
            self._prompt.write(question)
            self._prompt.flush()

    def answered(self, answer: str) -> None:
        if self._prompt is None:
            self._write(answer)
            self._break()

    def end(self, ending: Ending) -> None:
        self._line(ending_line(ending))
        if ending.error is None and ending.result is not None:
            self._line(result_text(ending.result))

    def _line(self, text: str) -> None:
        self._break()
        self._write(text + "\n")

    def _break(self) -> None:
        if self._in_text:
            self._write("\n")
            self._in_text = False

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


class JsonView:
    """One JSON object a line; each has a ``kind``: run, step, event, question, end."""

    def __init__(self, out: TextIO, prompt: TextIO | None) -> None:
        self._out = out
        self._prompt = prompt

    def begin(self, workflow: str, run_id: str, steps: list[str]) -> None:
        self._object(kind="run", workflow=workflow, run_id=run_id, steps=steps)

    def show(self, event: Event, origin: tuple[Origin, ...] = ()) -> None:
        if isinstance(event, StepStateChanged):
            self._object(
                kind="step",
                **told_of(origin),
                step=event.name,
                state="ended" if event.step_state is StepState.NOT_RUNNING else "running",
                worker=event.worker_id,
                attempt=event.number,
                input=event.input_event_name,
                output=event.output_event_name,
                outcome=event.outcome,
                seconds=event.elapsed_seconds,
                at=event.at,
            )
        elif isinstance(event, InputRequiredEvent):
            self._object(kind="question", **told_of(origin), event=type(event).__name__, fields=event.to_dict())
        elif not isinstance(event, (InternalDispatchEvent, StopEvent)):
            self._object(kind="event", **told_of(origin), event=type(event).__name__, fields=event.to_dict())

    def ask(self, question: str) -> None:
        if self._prompt is not None:
            self._prompt.write(question)
            self._prompt.flush()

    def answered(self, answer: str) -> None:
        """Nothing to show: the question was an object, and the answer comes from outside."""

    def end(self, ending: Ending) -> None:
        error = ending.error
        self._object(
            kind="end",
            status=ending.status,
            seconds=round(ending.seconds, 6),
            result=ending.result.to_dict() if isinstance(ending.result, Event) else ending.result,
            error=None
            if error is None
            else {"type": type(error).__name__, "message": str(error), "step": ending.step or None},
        )

    def _object(self, **fields: Any) -> None:
        self._out.write(as_json(fields) + "\n")
        self._out.flush()


def told_of(origin: tuple[Origin, ...]) -> dict[str, Any]:
    """Return the part of an object that says which child run it comes from; nothing for the run's own."""
    return {"origin": [one._asdict() for one in origin]} if origin else {}


def as_json(value: Any) -> str:
    """Return a value as JSON on one line; what JSON has no form for is shown by its ``repr``."""
    try:
        return to_json(value, fallback=repr, inf_nan_mode="strings", bytes_mode="base64").decode()
    except ValueError:  # a value that holds itself
        return to_json({name: repr(part) for name, part in value.items()}).decode()
