"""Drawings of what can happen in a workflow, made from its class alone."""

import os
from pathlib import Path

from stepwell.drawing._inline import InlineDrawing
from stepwell.drawing._page import page
from stepwell.drawing._render import DrawingFormat, check_length, render
from stepwell.errors import CallArgumentError, DrawingFileError, shown
from stepwell.flow.graph import WorkflowGraph
from stepwell.representation import get_workflow_representation


def draw_all_possible_flows(
    workflow: object,
    filename: str | os.PathLike[str] = "workflow_all_flows.html",
    notebook: bool = False,
    max_label_length: int | None = None,
    include_child_workflows: bool = True,
) -> InlineDrawing | None:
    """Write one self-contained HTML file with every way through a workflow, given its class or an instance.

    With ``notebook`` the drawing is returned as well, and shows itself where it is the last value of a cell;
    with an empty ``filename`` no file is written. Names longer than ``max_label_length`` characters are cut in
    the picture, never in the details. A workflow that cannot run is drawn as far as it goes, with its problems.

    Raises ``NotAWorkflowError``, ``LabelLengthError``, and ``DrawingFileError`` when the file cannot be written.
    """
    check_length(max_label_length)
    graph = graph_to_draw(workflow, include_child_workflows=include_child_workflows)
    text = page(graph, max_label_length=max_label_length)
    write(filename, text)
    return InlineDrawing(text) if notebook else None


def draw_all_possible_flows_mermaid(
    workflow: object,
    filename: str | os.PathLike[str] = "workflow_all_flows.mermaid",
    max_label_length: int | None = None,
    include_child_workflows: bool = True,
) -> str:
    """Return every way through a workflow as a Mermaid flowchart, and write it to a file unless ``filename`` is empty.

    Raises what ``draw_all_possible_flows`` raises.
    """
    return _as_text(workflow, filename, "mermaid", max_label_length, include_child_workflows)


def draw_all_possible_flows_dot(
    workflow: object,
    filename: str | os.PathLike[str] = "workflow_all_flows.dot",
    max_label_length: int | None = None,
    include_child_workflows: bool = True,
) -> str:
    """Return every way through a workflow as DOT for Graphviz, and write it to a file unless ``filename`` is empty.

    Raises what ``draw_all_possible_flows`` raises.
    """
    return _as_text(workflow, filename, "dot", max_label_length, include_child_workflows)


def _as_text(
    workflow: object, filename: str | os.PathLike[str], format: DrawingFormat, limit: int | None, children: bool
) -> str:
    text = render(graph_to_draw(workflow, include_child_workflows=children), format, max_label_length=limit)
    write(filename, text)
    return text


def graph_to_draw(workflow: object, *, include_child_workflows: bool) -> WorkflowGraph:
    """Return the graph of a workflow, with or without what it runs."""
    graph = get_workflow_representation(workflow)
    if include_child_workflows:
        return graph
    return graph.filter_by_node_type("child", "unknown").model_copy(update={"children": {}})


def write(filename: str | os.PathLike[str], text: str) -> None:
    """Write a drawing to its file; an empty name writes none. Raises ``DrawingFileError``."""
    name: str | bytes
    try:
        name = os.fspath(filename)
    except TypeError:
        name = b""
    if isinstance(name, bytes):
        accepted = "a file name as text, or an empty one for no file,"
        raise CallArgumentError(call="a drawing", argument="filename", value=filename, accepted=accepted)
    if not name:
        return
    try:
        Path(name).write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:  # ValueError: a name that no file system takes
        raise DrawingFileError(path=shown(name), reason=getattr(error, "strerror", None) or str(error)) from error
