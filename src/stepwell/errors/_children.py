"""Errors of child runs: what a step asks of ``ctx.run_child`` in vain."""

from stepwell.errors._roots import UsageError
from stepwell.errors._running import WorkflowRuntimeError


class NotAChildWorkflowError(UsageError, TypeError):
    """``ctx.run_child`` got something that is no workflow object."""

    def __init__(self, *, given: object) -> None:
        self.given = given
        name = given.__name__ if isinstance(given, type) else type(given).__name__
        if isinstance(given, type):
            what, remedy = f"the class {name}", f"Pass an instance: ctx.run_child({name}(), …)."
        elif name == "WorkflowHandler":
            what, remedy = "the handler of a run", "Pass the workflow itself: run_child starts the run."
        else:
            what, remedy = f"a {name}", "Pass a workflow: ctx.run_child(Other(), …)."
        super().__init__(f"ctx.run_child takes an instance of a Workflow subclass, not {what}. {remedy}")


class ChildDepthError(UsageError, WorkflowRuntimeError, RecursionError):
    """Runs stand within each other deeper than is allowed."""

    def __init__(self, *, workflow: str, depth: int) -> None:
        self.workflow = workflow
        self.depth = depth
        super().__init__(
            f"a child run of workflow {workflow!r} would be the {depth + 1}th run within each other; {depth} are "
            f"allowed. A workflow that runs itself needs an end: return before the next run_child."
        )
