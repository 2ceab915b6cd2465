"""A graph as lines for a terminal: each way downwards, branches indented, what was shown before only named."""

from collections.abc import Iterator

from stepwell.drawing._flat import edge_text, look_of, marks_of, shortened
from stepwell.flow.graph import WorkflowGraph, WorkflowGraphEdge, WorkflowGraphNode

SIGNS = {"start": "▶ ", "stop": "■ ", "ask": "? ", "answer": "↵ ", "external": "☺ ", "child": "⧉ ", "unknown": "¿ "}
ASIDE = ("resource", "error", "child", "unresolved")
ROOTS = ("start", "answer", "step", "handler")


def text(graph: WorkflowGraph, *, max_label_length: int | None = None) -> str:
    """Return the graph, and below it each child workflow, as text."""
    lines = list(_Tree(graph, max_label_length).lines())
    for child in graph.children.values():
        if (child.module, child.name) != (graph.module, graph.name):
            lines += ["", *_Tree(child, max_label_length).lines()]
    return "\n".join(lines) + "\n"


class _Tree:
    def __init__(self, graph: WorkflowGraph, limit: int | None) -> None:
        self.graph = graph
        self.limit = limit
        self.nodes = {node.id: node for node in graph.nodes}
        self.out: dict[str, list[WorkflowGraphEdge]] = {node.id: [] for node in graph.nodes}
        self.aside: dict[str, list[WorkflowGraphEdge]] = {node.id: [] for node in graph.nodes}
        for edge in graph.edges:
            if edge.kind not in ASIDE:
                self.out[edge.source].append(edge)
            else:
                self.aside[edge.target if edge.kind == "resource" else edge.source].append(edge)
        self.shown: set[str] = set()

    def lines(self) -> Iterator[str]:
        steps = sum(node.node_type == "step" for node in self.graph.nodes)
        yield f"{self.graph.name}: {steps} step{'' if steps == 1 else 's'}"
        for problem in self.graph.problems:
            yield f"! {' '.join(problem.text.split())} ({problem.source.file}:{problem.source.line})"
        for look in ROOTS:
            for node in self.graph.nodes:
                if node.id not in self.shown and look_of(node) == look:
                    yield ""
                    yield from self._way(node.id)

    def _way(self, start: str) -> Iterator[str]:
        """Yield the lines of a way and its branches, without recursion: ways can be long."""
        work: list[tuple[str, str, str, str]] = [("", "", start, "")]
        while work:
            first, rest, node_id, how = work.pop()
            node = self.nodes[node_id]
            if node_id in self.shown:
                yield f"{first}{how}{self._name(node)} ↑"
                continue
            self.shown.add(node_id)
            yield f"{first}{how}{self._name(node)}{self._notes(node)}"
            ways = self.out[node_id]
            if len(ways) == 1:
                work.append((rest, rest, ways[0].target, self._how(ways[0])))
                continue
            for position, edge in reversed(list(enumerate(ways))):
                last = position == len(ways) - 1
                work.append(
                    (
                        rest + ("└─ " if last else "├─ "),
                        rest + ("   " if last else "│  "),
                        edge.target,
                        self._how(edge),
                    )
                )

    def _how(self, edge: WorkflowGraphEdge) -> str:
        words = edge_text(edge)
        return f"({words}) " if words else ""

    def _name(self, node: WorkflowGraphNode) -> str:
        look = look_of(node)
        name = shortened(node.label, self.limit)
        return f"[{name}]" if look in ("step", "handler") else f"{SIGNS.get(look, '')}{name}"

    def _notes(self, node: WorkflowGraphNode) -> str:
        notes = marks_of(node)
        for edge in self.aside[node.id]:
            if edge.kind == "resource":
                notes.append(f"uses {self.nodes[edge.source].label}")
            elif edge.kind == "error":
                notes.append(f"failures go to [{self.nodes[edge.target].label}]")
            else:
                notes.append(f"runs {self._name(self.nodes[edge.target])}")
        return f"   {' · '.join(notes)}" if notes else ""
