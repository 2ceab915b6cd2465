"""Drawings of what really happened in a run, so far or to its end."""

import os
from typing import Any

from stepwell.drawing._flows import write
from stepwell.drawing._inline import InlineDrawing
from stepwell.drawing._mermaid import mermaid
from stepwell.drawing._page import page
from stepwell.drawing._render import check_length
from stepwell.drawing._state import run_state
from stepwell.errors import NotAHandlerOfRunError
from stepwell.flow.graph import WorkflowGraph
from stepwell.representation import get_workflow_representation
from stepwell.runtime import WorkflowHandler
from stepwell.runtime.records import RunRecord, record_of


def draw_most_recent_execution(
    handler: WorkflowHandler[Any],
    filename: str | os.PathLike[str] = "workflow_recent_execution.html",
    notebook: bool = False,
    max_label_length: int | None = None,
) -> InlineDrawing | None:
    """Write the picture of all possible flows with what happened in a run on it, and a timeline below.

    The run may be over, in any way, or still going on: then it is drawn as it stands. Lines show how often they
    were taken, steps how often they ran, for how long, and what failed or is still running. ``notebook`` and
    ``filename`` work as in ``draw_all_possible_flows``.

    Raises ``NotAHandlerOfRunError``, ``LabelLengthError``, and ``DrawingFileError`` when the file cannot be written.
    """
    check_length(max_label_length)
    graph, record = _graph_and_record(handler)
    text = page(graph, max_label_length=max_label_length, execution=run_state(graph, record))
    write(filename, text)
    return InlineDrawing(text) if notebook else None


def draw_most_recent_execution_mermaid(
    handler: WorkflowHandler[Any],
    filename: str | os.PathLike[str] = "workflow_recent_execution.mermaid",
    max_label_length: int | None = None,
) -> str:
    """Return what happened in a run as a Mermaid flowchart, and write it to a file unless ``filename`` is empty.

    Raises what ``draw_most_recent_execution`` raises.
    """
    check_length(max_label_length)
    graph, record = _graph_and_record(handler)
    text = mermaid(graph, max_label_length=max_label_length, happened=run_state(graph, record))
    write(filename, text)
    return text


def execution_state(handler: WorkflowHandler[Any]) -> dict[str, Any]:
    """Return what happened in a run so far, as ``window.stepwell.update`` of a drawing takes it.

    Raises ``NotAHandlerOfRunError``.
    """
    return run_state(*_graph_and_record(handler))


def _graph_and_record(handler: object) -> tuple[WorkflowGraph, RunRecord]:
    if not isinstance(handler, WorkflowHandler):
        raise NotAHandlerOfRunError(given=handler)
    record = record_of(handler)
    return get_workflow_representation(record.workflow), record
