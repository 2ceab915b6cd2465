"""A workflow's graph as plain data: what the steps, events, resources and children are, and how they hang together.

These models hold what a drawing, a server or a checker needs, and turn into JSON and back without loss.
They refuse to hold live objects: nothing here can run anything.
"""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

EventRole: TypeAlias = Literal["plain", "start", "stop", "ask", "answer", "failure"]
EdgeKind: TypeAlias = Literal[
    "event", "join", "fan_out", "error", "human", "resource", "child", "send", "wait", "unresolved"
]
EdgeCardinality: TypeAlias = Literal["one", "many", "each", "all", "first"]


class GraphPart(BaseModel):
    """What all parts of a graph share: they are not changed once made."""

    model_config = ConfigDict(frozen=True)


class SourceLine(GraphPart):
    """Where something is written."""

    file: str
    line: int


class WorkflowNodeBase(GraphPart):
    """What every node has: an id that is its own within one graph, a short label, its docstring and place."""

    id: str
    label: str
    description: str | None = None
    source: SourceLine | None = None


class ErrorHandlerInfo(GraphPart):
    """What a ``@catch_error`` step covers: ``for_steps`` as it was written, ``covers`` as it works out."""

    for_steps: tuple[str, ...] | None
    covers: tuple[str, ...]
    max_recoveries: int


class WorkflowStepNode(WorkflowNodeBase):
    """A step with its settings. ``timeout`` is in seconds; ``streams`` names the events it was seen to stream."""

    node_type: Literal["step"] = "step"
    signature: str
    num_workers: int
    is_async: bool
    timeout: float | None = None
    retry_policy: str | None = None
    accepts_subclasses: bool = False
    handles: ErrorHandlerInfo | None = None
    streams: tuple[str, ...] = ()


class WorkflowEventNode(WorkflowNodeBase):
    """An event class. ``event_type`` is its key in a run; parts that JSON has no word for are empty in the schema."""

    node_type: Literal["event"] = "event"
    event_type: str
    role: EventRole = "plain"
    event_schema: dict[str, Any] = Field(default_factory=dict)


class WorkflowExternalNode(WorkflowNodeBase):
    """Somebody outside, who is asked and answers."""

    node_type: Literal["external"] = "external"


class WorkflowResourceNode(WorkflowNodeBase):
    """A resource: the type it is asked for as, and how long one value lives."""

    node_type: Literal["resource"] = "resource"
    type_name: str
    scope: str
    cached: bool


class WorkflowResourceConfigNode(WorkflowNodeBase):
    """A part of a JSON file, read into a model. Its values are left out: they may be secret."""

    node_type: Literal["resource_config"] = "resource_config"
    type_name: str
    config_file: str
    path_selector: str | None = None
    config_schema: dict[str, Any] = Field(default_factory=dict)


class WorkflowChildNode(WorkflowNodeBase):
    """A workflow that a step runs. ``workflow`` is its key in ``WorkflowGraph.children``."""

    node_type: Literal["child"] = "child"
    workflow: str


class WorkflowGenericNode(WorkflowNodeBase):
    """Anything else, by a ``node_type`` of its own: ``"unknown"`` is a child that reading the source did not find."""

    node_type: str


KNOWN_TYPES = ("step", "event", "external", "resource", "resource_config", "child")


def _node_tag(value: Any) -> str:
    kind = value.get("node_type") if isinstance(value, dict) else getattr(value, "node_type", None)
    return kind if kind in KNOWN_TYPES else "generic"


WorkflowGraphNode: TypeAlias = Annotated[
    Annotated[WorkflowStepNode, Tag("step")]
    | Annotated[WorkflowEventNode, Tag("event")]
    | Annotated[WorkflowExternalNode, Tag("external")]
    | Annotated[WorkflowResourceNode, Tag("resource")]
    | Annotated[WorkflowResourceConfigNode, Tag("resource_config")]
    | Annotated[WorkflowChildNode, Tag("child")]
    | Annotated[WorkflowGenericNode, Tag("generic")],
    Discriminator(_node_tag),
]


class WorkflowGraphEdge(GraphPart):
    """A way from one node to another. ``count`` belongs to the cardinality ``"first"``: how many it takes.

    Cardinality: ``one`` event at a time; ``many`` from one result; ``each`` one of each parameter; ``all``
    of a fan-out; the ``first`` few of it.
    """

    id: str
    source: str
    target: str
    kind: EdgeKind = "event"
    cardinality: EdgeCardinality = "one"
    count: int | None = None
    label: str | None = None


class GraphProblem(GraphPart):
    """Something that keeps the workflow from running; ``nodes`` are the ids it concerns."""

    rule: str
    text: str
    source: SourceLine
    nodes: tuple[str, ...] = ()


class WorkflowGraph(GraphPart):
    """A workflow as nodes and edges. ``children`` holds the graphs of all workflows run below it, each once."""

    name: str
    module: str
    description: str | None = None
    source: SourceLine | None = None
    nodes: tuple[WorkflowGraphNode, ...] = ()
    edges: tuple[WorkflowGraphEdge, ...] = ()
    problems: tuple[GraphProblem, ...] = ()
    children: dict[str, "WorkflowGraph"] = Field(default_factory=dict)

    def filter_by_node_type(self, *node_types: str) -> "WorkflowGraph":
        """Return the graph without nodes of these types; edges through a node left out join what it stood between.

        Their children are kept.
        """
        gone = {node.id for node in self.nodes if node.node_type in node_types}
        edges = list(self.edges)
        for node in self.nodes:
            if node.id in gone:
                edges = _bridged(edges, node.id)
        return self.model_copy(
            update={"nodes": tuple(node for node in self.nodes if node.id not in gone), "edges": tuple(edges)}
        )


def _bridged(edges: list[WorkflowGraphEdge], gone: str) -> list[WorkflowGraphEdge]:
    """Return the edges without the node ``gone``: each way in continues on each way out."""
    kept = [edge for edge in edges if gone not in (edge.source, edge.target)]
    known = {edge.id for edge in kept}
    outs = [edge for edge in edges if edge.source == gone and edge.target != gone]
    for into in edges:
        if into.target != gone or into.source == gone:
            continue
        for out in outs:
            joined = into if out.kind == "event" else out
            edge = joined.model_copy(
                update={"id": f"{into.source}>{out.target}", "source": into.source, "target": out.target}
            )
            if edge.id not in known:
                known.add(edge.id)
                kept.append(edge)
    return kept
