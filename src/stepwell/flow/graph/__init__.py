"""The graph of a workflow as data: nodes, edges and what is wrong with them, without running anything."""

from stepwell.flow._graph import WorkflowSource, graph_of
from stepwell.flow._graph_models import (
    EdgeKind,
    ErrorHandlerInfo,
    EventRole,
    GraphProblem,
    SourceLine,
    WorkflowChildNode,
    WorkflowEventNode,
    WorkflowExternalNode,
    WorkflowGenericNode,
    WorkflowGraph,
    WorkflowGraphEdge,
    WorkflowGraphNode,
    WorkflowNodeBase,
    WorkflowResourceConfigNode,
    WorkflowResourceNode,
    WorkflowStepNode,
)

__all__ = [
    "EdgeKind",
    "ErrorHandlerInfo",
    "EventRole",
    "GraphProblem",
    "SourceLine",
    "WorkflowChildNode",
    "WorkflowEventNode",
    "WorkflowExternalNode",
    "WorkflowGenericNode",
    "WorkflowGraph",
    "WorkflowGraphEdge",
    "WorkflowGraphNode",
    "WorkflowNodeBase",
    "WorkflowResourceConfigNode",
    "WorkflowResourceNode",
    "WorkflowSource",
    "WorkflowStepNode",
    "graph_of",
]
