"""One call for every format a graph can be written in."""

from collections.abc import Callable
from typing import Literal, TypeAlias

from stepwell.drawing._dot import dot
from stepwell.drawing._mermaid import mermaid
from stepwell.drawing._page import check_graph, page
from stepwell.drawing._text import text
from stepwell.errors import DrawingFormatError, LabelLengthError
from stepwell.flow.graph import WorkflowGraph

DrawingFormat: TypeAlias = Literal["html", "mermaid", "dot", "json", "text"]
FORMATS: tuple[DrawingFormat, ...] = ("html", "mermaid", "dot", "json", "text")


def _as_json(graph: WorkflowGraph, *, max_label_length: int | None = None) -> str:  # data is never cut
    return graph.model_dump_json(indent=2) + "\n"


_WRITERS: dict[str, Callable[..., str]] = {
    "html": page,
    "mermaid": mermaid,
    "dot": dot,
    "json": _as_json,
    "text": text,
}


def render(graph: WorkflowGraph, format: DrawingFormat | str = "html", *, max_label_length: int | None = None) -> str:
    """Return a graph as HTML, Mermaid, DOT, JSON, or text for a terminal.

    Raises ``DrawingFormatError`` for another format, ``LabelLengthError`` for a length below 2.
    """
    check_length(max_label_length)
    check_graph("render", graph)
    writer = _WRITERS.get(format) if type(format) is str else None
    if writer is None:
        raise DrawingFormatError(given=format, known=FORMATS)
    return writer(graph, max_label_length=max_label_length)


def check_length(limit: object) -> None:
    """Raise ``LabelLengthError`` for what is no length of a label."""
    if limit is not None and (type(limit) is not int or limit < 2):
        raise LabelLengthError(given=limit)
