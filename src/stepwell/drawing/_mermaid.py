"""A graph as a Mermaid flowchart, valid whatever classes and events are called.

Ids are made of ASCII letters behind a prefix, so that no reserved word can be one; names stand only in quoted
labels, with every character that Mermaid reads as a sign written as an entity.
"""

import re
from typing import Any

from stepwell.drawing._flat import FlatGraph, FlatNode, edge_text, flattened, look_of, marks_of, shortened
from stepwell.flow.graph import WorkflowGraph, WorkflowGraphEdge

SIGNS = re.compile(r"[^\w .,:()\[\]{}=+≤·…/-]")
LIST_MARK = re.compile(r"^[-+](?= )|(?<=^\d)\.")
BRACKETS = {
    "step": ("[", "]"),
    "handler": ("{{", "}}"),
    "event": ("([", "])"),
    "start": ("([", "])"),
    "stop": ("([", "])"),
    "failure": ("([", "])"),
    "ask": ("[/", "/]"),
    "answer": ("[\\", "\\]"),
    "external": ("((", "))"),
    "resource": ("[(", ")]"),
    "resource_config": ("[", "]"),
    "child": ("[[", "]]"),
    "unknown": ("[", "]"),
}
STYLES = {
    "step": "fill:#e3ecfb,stroke:#3a66b0,color:#1d2433",
    "handler": "fill:#fbe3ea,stroke:#b03060,color:#1d2433",
    "event": "fill:#e6f4e6,stroke:#3f8a4c,color:#1d2433",
    "start": "fill:#d9f2ec,stroke:#0b7a66,color:#1d2433",
    "stop": "fill:#fde4d8,stroke:#c2501c,stroke-width:3px,color:#1d2433",
    "failure": "fill:#fbe3ea,stroke:#b03060,color:#1d2433",
    "ask": "fill:#fff3cf,stroke:#94700a,color:#1d2433",
    "answer": "fill:#fff3cf,stroke:#94700a,color:#1d2433",
    "external": "fill:#fff3cf,stroke:#94700a,color:#1d2433",
    "resource": "fill:#efe6f8,stroke:#7a4fae,color:#1d2433",
    "resource_config": "fill:#efe6f8,stroke:#7a4fae,color:#1d2433",
    "child": "fill:#e4e9ee,stroke:#55657a,color:#1d2433",
    "unknown": "fill:#ffffff,stroke:#c0182b,stroke-dasharray:5 3,color:#1d2433",
}
RUN_STYLES = {
    "failed": "stroke:#c0182b,stroke-width:4px",
    "running": "stroke:#1666c5,stroke-width:4px",
    "waiting": "stroke:#94700a,stroke-width:4px",
    "idle": "opacity:0.45",
}
ARROWS = {"fan_out": "==>", "join": "==>", "error": "-.->", "resource": "-.->", "child": "-.->", "unresolved": "-.->"}


def mermaid(
    graph: WorkflowGraph, *, max_label_length: int | None = None, happened: dict[str, Any] | None = None
) -> str:
    """Return the graph as Mermaid text; ``happened`` is a state change whose counts and states are put on it."""
    flat = flattened(graph)
    ids = _ids(flat)
    counts = {key: state["count"] for key, state in (happened or {}).get("edges", {}).items()}
    lines = ["flowchart TD"]
    lines += [f"%% {shortened(_comment(problem.text), None)}" for problem in graph.problems]
    for node in flat.nodes:
        lines += _node_lines(node, ids, max_label_length, "    ")
    for edge in flat.edges:
        lines.append(f"    {ids[edge.source]} {_arrow(edge.edge, counts.get(edge.edge.id))} {ids[edge.target]}")
    looks = dict.fromkeys(_look(node) for node in flat.walk() if not node.inside)
    lines += [f"    classDef {look}Style {STYLES[look]}" for look in looks]
    lines += _states((happened or {}).get("nodes", {}), ids)
    return "\n".join(lines) + "\n"


def _states(nodes: dict[str, dict[str, Any]], ids: dict[str, str]) -> list[str]:
    """Return the lines that mark what failed, what is under way and what never ran."""
    found: dict[str, list[str]] = {}
    for node_id, state in nodes.items():
        if state["state"] in RUN_STYLES:
            found.setdefault(state["state"], []).append(ids[node_id])
    lines: list[str] = []
    for word, marked in found.items():
        lines += [f"    classDef {word}Run {RUN_STYLES[word]}", f"    class {','.join(marked)} {word}Run"]
    return lines


def _ids(flat: FlatGraph) -> dict[str, str]:
    """Return an id for each node that Mermaid takes: readable, ASCII, and no two the same."""
    ids: dict[str, str] = {}
    taken: set[str] = set()
    for node in flat.walk():
        plain = re.sub(r"[^A-Za-z0-9]+", "_", f"{node.node.node_type}_{node.node.label}").strip("_")
        number = 1
        wanted = plain
        while wanted.lower() in taken:
            number += 1
            wanted = f"{plain}_{number}"
        taken.add(wanted.lower())
        ids[node.id] = wanted
    return ids


def _look(node: FlatNode) -> str:
    look = look_of(node.node)
    return look if look in STYLES else "unknown"


def _node_lines(node: FlatNode, ids: dict[str, str], limit: int | None, indent: str) -> list[str]:
    label = escaped(shortened(node.node.label, limit))
    if node.inside:
        lines = [f'{indent}subgraph {ids[node.id]}["{label}"]']
        for inner in node.inside:
            lines += _node_lines(inner, ids, limit, indent + "    ")
        return [*lines, f"{indent}end"]
    look = _look(node)
    opening, closing = BRACKETS[look]
    marks = marks_of(node.node)
    extra = f"<br/>{escaped(' · '.join(marks))}" if marks else ""
    return [f'{indent}{ids[node.id]}{opening}"{label}{extra}"{closing}:::{look}Style']


def _arrow(edge: WorkflowGraphEdge, count: int | None) -> str:
    text = " · ".join(part for part in (edge_text(edge), f"{count} times" if count is not None else "") if part)
    arrow = ARROWS.get(edge.kind, "-->")
    return f'{arrow}|"{escaped(text)}"|' if text else arrow


def escaped(text: str) -> str:
    """Return a text that means itself inside a quoted label."""
    return SIGNS.sub(lambda sign: f"#{ord(sign.group())};", LIST_MARK.sub(lambda mark: f"#{ord(mark.group())};", text))


def _comment(text: str) -> str:
    """Return a text that stays one comment: braces would begin a directive."""
    return text.replace("{", "(").replace("}", ")")
