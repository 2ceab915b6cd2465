"""What is said when something went wrong: one sentence on standard error, never a traceback that nobody asked for."""

import contextlib
import inspect
import sys
import traceback
from pathlib import Path
from typing import Any

from stepwell.cli._loading import line_in
from stepwell.cli._shown import Ending
from stepwell.errors import StepwellError
from stepwell.runtime import Workflow


def complain(sentence: str) -> None:
    """Say on standard error what went wrong."""
    with contextlib.suppress(BrokenPipeError):
        sys.stderr.write(f"stepwell: {sentence}\n")
        sys.stderr.flush()


def explain(ending: Ending, workflow: Workflow[Any, Any], *, with_traceback: bool) -> None:
    """Say why a run failed, and print the traceback where it was asked for."""
    error = ending.error
    assert error is not None
    if with_traceback:
        traceback.print_exception(error, file=sys.stderr)
    if ending.status == "cancelled":
        complain(f"{ending.workflow} was cancelled.")
    else:
        complain(f"{ending.workflow} {ending.status.replace('_', ' ')}: {sentence(error, workflow)}")


def sentence(error: BaseException, workflow: Workflow[Any, Any]) -> str:
    """Return an error as a sentence: ours speak for themselves, a user's own gets its kind, step and line."""
    text = " ".join(str(error).split())
    if not isinstance(error, StepwellError):
        text = f"{type(error).__name__}: {text.rstrip('.')}" if text else type(error).__name__
    steps = [note for note in getattr(error, "__notes__", ()) if note.startswith("in step ")]
    line = _line(error, workflow)
    where = [*steps[:1], *([f"raised at line {line}"] if line else [])]
    return f"{text} ({', '.join(where)})" if where else text


def _line(error: BaseException, workflow: Workflow[Any, Any]) -> int:
    try:
        return line_in(Path(inspect.getfile(type(workflow))), error)
    except (OSError, TypeError):
        return 0
