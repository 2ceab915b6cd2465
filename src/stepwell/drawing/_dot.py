"""A graph as DOT, the language of Graphviz, valid whatever classes and events are called."""

from stepwell.drawing._flat import FlatNode, edge_text, flattened, look_of, marks_of, shortened
from stepwell.flow.graph import WorkflowGraph, WorkflowGraphEdge

SHAPES = {
    "step": 'shape=box, style="rounded,filled", fillcolor="#e3ecfb", color="#3a66b0"',
    "handler": 'shape=octagon, style=filled, fillcolor="#fbe3ea", color="#b03060"',
    "event": 'shape=ellipse, style=filled, fillcolor="#e6f4e6", color="#3f8a4c"',
    "start": 'shape=ellipse, style=filled, fillcolor="#d9f2ec", color="#0b7a66", peripheries=2',
    "stop": 'shape=ellipse, style=filled, fillcolor="#fde4d8", color="#c2501c", penwidth=3',
    "failure": 'shape=ellipse, style=filled, fillcolor="#fbe3ea", color="#b03060"',
    "ask": 'shape=parallelogram, style=filled, fillcolor="#fff3cf", color="#94700a"',
    "answer": 'shape=parallelogram, style=filled, fillcolor="#fff3cf", color="#94700a"',
    "external": 'shape=hexagon, style=filled, fillcolor="#fff3cf", color="#94700a"',
    "resource": 'shape=cylinder, style=filled, fillcolor="#efe6f8", color="#7a4fae"',
    "resource_config": 'shape=note, style=filled, fillcolor="#efe6f8", color="#7a4fae"',
    "child": 'shape=box, style=filled, fillcolor="#e4e9ee", color="#55657a", peripheries=2',
}
UNKNOWN = 'shape=box, style=dashed, color="#c0182b"'
LINES = {
    "fan_out": "penwidth=2.5",
    "join": "penwidth=2.5",
    "error": 'style=dashed, color="#b03060"',
    "resource": 'style=dotted, color="#7a4fae"',
    "child": "style=dashed",
    "unresolved": 'style=dashed, color="#c0182b"',
}


def dot(graph: WorkflowGraph, *, max_label_length: int | None = None) -> str:
    """Return the graph as DOT text."""
    flat = flattened(graph)
    lines = [
        f"digraph {quoted(graph.name)} {{",
        '    rankdir=TB; node [fontname="sans-serif", fontsize=11]; edge [fontname="sans-serif", fontsize=9];',
    ]
    lines += [f"    // {' '.join(problem.text.split())}" for problem in graph.problems]
    for node in flat.nodes:
        lines += _node_lines(node, max_label_length, "    ")
    for edge in flat.edges:
        lines.append(f"    {quoted(edge.source)} -> {quoted(edge.target)}{_attributes(edge.edge)};")
    return "\n".join([*lines, "}"]) + "\n"


def _node_lines(node: FlatNode, limit: int | None, indent: str) -> list[str]:
    label = shortened(node.node.label, limit)
    if node.inside:
        lines = [f"{indent}subgraph {quoted(f'cluster_{node.id}')} {{", f"{indent}    label={quoted(label)};"]
        for inner in node.inside:
            lines += _node_lines(inner, limit, indent + "    ")
        return [*lines, f"{indent}}}"]
    text = "\n".join([label, *([" · ".join(marks)] if (marks := marks_of(node.node)) else [])])
    return [f"{indent}{quoted(node.id)} [label={quoted(text)}, {SHAPES.get(look_of(node.node), UNKNOWN)}];"]


def _attributes(edge: WorkflowGraphEdge) -> str:
    parts = [LINES[edge.kind]] if edge.kind in LINES else []
    text = edge_text(edge)
    if text:
        parts.append(f"label={quoted(text)}")
    return f" [{', '.join(parts)}]" if parts else ""


def quoted(text: str) -> str:
    """Return a text as a DOT string that means itself."""
    # Graphviz reads entities like &amp; in labels, and backslash sequences.
    body = text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;").replace("\n", "\\n")
    return f'"{body}"'
