"""``stepwell draw``: the drawing room's formats, for a file's workflow, into a file or to standard output."""

import sys
from pathlib import Path

from stepwell.cli._exits import Exit
from stepwell.cli._loading import find_named
from stepwell.drawing import render
from stepwell.errors import DrawingFileError
from stepwell.representation import get_workflow_representation


def draw_target(target: str, format: str, output: str | None, max_label_length: int | None) -> Exit:
    """Draw the named workflow. Raises ``DrawingFileError`` when the file cannot be written."""
    graph = get_workflow_representation(find_named(target))
    text = render(graph, format, max_label_length=max_label_length)
    if output is None and format == "html":
        output = f"{graph.name}.html"
    if output is None or output == "-":
        sys.stdout.write(text)
        return Exit.OK
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise DrawingFileError(path=output, reason=error.strerror or str(error)) from error
    sys.stdout.write(f"{graph.name} is drawn in {output}.\n")
    return Exit.OK
