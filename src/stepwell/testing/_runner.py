"""Runs a workflow to its end and keeps what it showed on the way."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from stepwell.errors import CallArgumentError
from stepwell.flow import Event, StartEvent
from stepwell.runtime import Context, Workflow


@dataclass(frozen=True, slots=True)
class WorkflowTestResult:
    """A run that came to its end.

    ``collected`` are the events of its stream in order, the StopEvent last; ``event_types`` counts them by class,
    and has 0 for a class that never came. ``result`` is what awaiting the handler gave.
    """

    collected: list[Event]
    event_types: Counter[type[Event]]
    result: Any
    ctx: Context[Any]

    def of_type(self, kind: type[Event]) -> list[Event]:
        """Return the collected events of a class or its subclasses."""
        return [event for event in self.collected if isinstance(event, kind)]


class WorkflowTestRunner:
    """Runs ``workflow`` for a test: ``await WorkflowTestRunner(workflow).run(StartEvent(topic="wells"))``."""

    def __init__(self, workflow: Workflow[Any, Any]) -> None:
        if not isinstance(workflow, Workflow):
            accepted = "an instance of a Workflow subclass"
            raise CallArgumentError(call="WorkflowTestRunner", argument="workflow", value=workflow, accepted=accepted)
        self.workflow = workflow

    async def run(
        self,
        start_event: StartEvent | None = None,
        ctx: Context[Any] | None = None,
        expose_internal: bool = True,
        exclude_events: Collection[type[Event]] | None = None,
    ) -> WorkflowTestResult:
        """Run to the end and return what was shown. Raises what ended the run, as awaiting the handler does.

        ``exclude_events`` leaves out events of exactly those classes. ``ctx`` is passed on to ``run``.
        """
        given: dict[str, Any] = {} if ctx is None else {"ctx": ctx}
        left_out = _classes(exclude_events)
        handler = self.workflow.run(start_event=start_event, **given)
        collected = [
            event
            async for event in handler.stream_events(expose_internal=expose_internal)
            if type(event) not in left_out
        ]
        return WorkflowTestResult(
            collected=collected,
            event_types=Counter(type(event) for event in collected),
            result=await handler,
            ctx=handler.ctx,
        )


def _classes(kinds: Any) -> frozenset[type[Event]]:
    if kinds is None:
        return frozenset()
    if not isinstance(kinds, Collection) or not all(isinstance(kind, type) for kind in kinds):
        raise CallArgumentError(
            call="WorkflowTestRunner.run", argument="exclude_events", value=kinds, accepted="a list of event classes"
        )
    return frozenset(kinds)
