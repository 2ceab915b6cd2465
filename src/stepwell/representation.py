"""A workflow's graph as data: ``get_workflow_representation(MyWorkflow)``, from the class alone, without running it."""

from stepwell.errors import NotAWorkflowError
from stepwell.flow.graph import (
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
    WorkflowSource,
    WorkflowStepNode,
    graph_of,
)
from stepwell.runtime import Workflow, collect_steps

__all__ = [
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
    "WorkflowStepNode",
    "get_workflow_representation",
]


def get_workflow_representation(workflow: object) -> WorkflowGraph:
    """Return the graph of a workflow, given its class or an instance; ``model_dump_json()`` makes it JSON.

    A workflow that cannot run is returned as far as it goes, with its ``problems``. Raises
    ``NotAWorkflowError`` for anything that is no workflow.
    """
    source = _describe(workflow)
    if source is None:
        raise NotAWorkflowError(given=workflow)
    return graph_of(source, _describe)


def _describe(value: object) -> WorkflowSource | None:
    if isinstance(value, type):
        if not issubclass(value, Workflow):
            return None
        return WorkflowSource(cls=value, owner=value, name=value.__name__, steps=tuple(collect_steps(value)))
    if not isinstance(value, Workflow):
        return None
    cls = type(value)
    return WorkflowSource(
        cls=cls,
        owner=value,
        name=cls.__name__,
        steps=(*collect_steps(cls), *vars(value).get("_stepwell_added", ())),
        skipped=value._settings.skip_graph_checks,  # noqa: SLF001  # the instance's own graph settings
    )
