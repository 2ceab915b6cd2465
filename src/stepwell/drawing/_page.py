"""One self-contained HTML file for a graph: style, scripts and data inline, nothing from any network.

Names and docstrings of users get in only as JSON in a data block, in which no character can end it. The
policy in the page's head lets exactly these scripts and this style run, and nothing be loaded.
"""

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

from stepwell.errors import CallArgumentError
from stepwell.flow.graph import WorkflowGraph

SCRIPTS = ("page_scene.js", "page_layout.js", "page_draw.js", "page_state.js", "page_view.js")


def check_graph(call: str, graph: object) -> None:
    """Refuse what is no graph of a workflow."""
    if not isinstance(graph, WorkflowGraph):
        accepted = "what get_workflow_representation(MyWorkflow) returns"
        raise CallArgumentError(call=call, argument="graph", value=graph, accepted=accepted)


@cache
def _asset(name: str) -> str:
    return (files("stepwell.drawing") / "_assets" / name).read_text(encoding="utf-8")


@cache
def _script() -> str:
    return '(() => {\n"use strict";\n' + "\n".join(_asset(name) for name in SCRIPTS) + "})();\n"


def _digest(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


@cache
def _shell() -> tuple[str, str]:
    """Return the page before and after its data."""
    style, layout, script = _asset("page.css"), _asset("dagre.min.js"), _script()
    policy = (
        f"default-src 'none'; script-src {_digest(layout)} {_digest(script)}; style-src {_digest(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
    page = _asset("page.html")
    for name, text in (("policy", policy), ("style", style), ("layout", layout), ("script", script)):
        page = page.replace(f"@@{name}@@", text)
    before, after = page.split("@@data@@")
    return before, after


def page(
    graph: WorkflowGraph,
    *,
    max_label_length: int | None = None,
    execution: dict[str, Any] | None = None,
    summary: str | None = None,
) -> str:
    """Return the HTML page of a graph. ``execution`` is a first state change, as ``stepwell.update`` takes it."""
    check_graph("page", graph)
    data = {
        "graph": graph.model_dump(mode="json"),
        "max_label_length": max_label_length,
        "execution": execution,
        "summary": summary,
    }
    before, after = _shell()
    return before + escaped_json(data) + after


def escaped_json(data: object) -> str:
    """Return JSON in which nothing can be taken for markup."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
