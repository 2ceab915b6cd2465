"""What is said when something went wrong: one sentence on standard error, never a traceback that nobody asked for."""

import contextlib
import inspect
import sys
import traceback
from pathlib import Path
from typing import Any

from stepwell.cli._loading import line_in, said
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
        where = f" in step {ending.step!r}" if ending.step else ""
        complain(f"{ending.workflow} {ending.status.replace('_', ' ')}{where}: {sentence(error, workflow)}")


def sentence(error: BaseException, workflow: Workflow[Any, Any]) -> str:
    """Return an error as a sentence: ours speak for themselves, a user's own gets its kind and its line."""
    if isinstance(error, StepwellError):
        return " ".join(str(error).split())
    try:
        file = inspect.getfile(type(workflow))
        line = line_in(Path(file), error)
    except (OSError, TypeError):
        return said(error)
    return f"{said(error).rstrip('.')} ({file}:{line})." if line else said(error)
