"""A graph with its children unfolded in place: what the text formats write, in order, with ids of its own.

Each child workflow is unfolded once, where it is first run; further runs of it, and recursion, stay single nodes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from stepwell.flow.graph import (
    WorkflowChildNode,
    WorkflowEventNode,
    WorkflowGraph,
    WorkflowGraphEdge,
    WorkflowGraphNode,
    WorkflowStepNode,
)


@dataclass(slots=True)
class FlatNode:
    """A node, with what is unfolded inside of it; ``entries`` are the ids of the start events in there."""

    id: str
    node: WorkflowGraphNode
    inside: list["FlatNode"] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)


@dataclass(slots=True)
class FlatEdge:
    """An edge between ids of flat nodes."""

    source: str
    target: str
    edge: WorkflowGraphEdge


@dataclass(slots=True)
class FlatGraph:
    """All nodes as a forest, and all edges."""

    nodes: list[FlatNode]
    edges: list[FlatEdge]

    def walk(self) -> Iterator[FlatNode]:
        """Yield every node, each before what is inside of it."""
        work = list(reversed(self.nodes))
        while work:
            node = work.pop()
            yield node
            work.extend(reversed(node.inside))


def flattened(graph: WorkflowGraph) -> FlatGraph:
    """Return the graph with every child workflow unfolded once."""
    edges: list[FlatEdge] = []
    nodes = _unfold(graph, graph.children, "", {(graph.module, graph.name, str(graph.source))}, edges)
    return FlatGraph(nodes, edges)


def _unfold(
    graph: WorkflowGraph,
    children: dict[str, WorkflowGraph],
    prefix: str,
    unfolded: set[tuple[str, str, str]],
    edges: list[FlatEdge],
) -> list[FlatNode]:
    flat: dict[str, FlatNode] = {}
    for node in graph.nodes:
        one = flat[node.id] = FlatNode(prefix + node.id, node)
        below = children.get(node.workflow) if isinstance(node, WorkflowChildNode) else None
        if below is None:
            continue
        identity = (below.module, below.name, str(below.source))
        if identity not in unfolded:
            unfolded.add(identity)
            one.inside = _unfold(below, children, f"{one.id}/", unfolded, edges)
            one.entries = [
                inner.id
                for inner in one.inside
                if isinstance(inner.node, WorkflowEventNode) and inner.node.role == "start"
            ]
    for edge in graph.edges:
        targets = flat[edge.target].entries or [flat[edge.target].id]
        edges.extend(FlatEdge(flat[edge.source].id, target, edge) for target in targets)
    return list(flat.values())


def look_of(node: WorkflowGraphNode) -> str:
    """Return the word for how a node looks: its type, told apart by an event's role and a step's task."""
    if isinstance(node, WorkflowEventNode) and node.role != "plain":
        return node.role
    if isinstance(node, WorkflowStepNode) and node.handles is not None:
        return "handler"
    return node.node_type


def marks_of(node: WorkflowGraphNode) -> list[str]:
    """Return the settings of a step that differ from what goes without saying."""
    if not isinstance(node, WorkflowStepNode):
        return []
    marks: list[str] = []
    if node.retry_policy is not None:
        marks.append("retry")
    if node.timeout is not None:
        marks.append(f"≤ {node.timeout:g} s")
    if node.handles is None and node.num_workers != 4:
        marks.append(f"{node.num_workers} worker{'' if node.num_workers == 1 else 's'}")
    if not node.is_async:
        marks.append("thread")
    return marks


EDGE_WORDS = {
    "fan_out": "list: one each",
    "error": "on failure",
    "send": "sends",
    "wait": "waits for",
    "child": "runs",
    "unresolved": "runs",
}


def edge_text(edge: WorkflowGraphEdge) -> str:
    """Return the few words on a line between two nodes."""
    if edge.cardinality == "first":
        return f"first {edge.count}"
    if edge.cardinality == "all":
        return "all"
    return EDGE_WORDS.get(edge.kind, edge.label or "")


def shortened(text: str, limit: int | None) -> str:
    """Return ``text`` on one line, cut to ``limit`` characters."""
    line = " ".join(text.split())
    return line if limit is None or len(line) <= limit else line[: limit - 1] + "…"
