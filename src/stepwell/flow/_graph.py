"""From the steps of a workflow to its graph, without running anything.

A workflow that cannot run is drawn as far as it goes, with what is wrong listed as problems. Which classes
are workflows, and what their steps are, is asked of the caller: this room knows steps, not runs.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from stepwell.errors import Problem, StartEventError, StopEventError
from stepwell.flow._collect import Take
from stepwell.flow._definition import EventParameter, Location, ResourceParameter, StepDefinition
from stepwell.flow._events import Event, HumanResponseEvent, InputRequiredEvent
from stepwell.flow._fan_out import takes
from stepwell.flow._graph_models import (
    EdgeCardinality,
    EdgeKind,
    GraphProblem,
    SourceLine,
    WorkflowChildNode,
    WorkflowExternalNode,
    WorkflowGenericNode,
    WorkflowGraph,
    WorkflowGraphEdge,
    WorkflowGraphNode,
)
from stepwell.flow._graph_parts import (
    config_node,
    distinct_labels,
    event_node,
    own_docstring,
    resource_node,
    resources_of_factory,
    source_of,
    step_node,
)
from stepwell.flow._graph_source import mentions
from stepwell.flow._resources import Resource
from stepwell.flow._validation import (
    Validation,
    accepted_by,
    produced_by,
    the_start_event,
    the_stop_event,
)
from stepwell.flow._wiring import Keys, catcher_among, class_location

PERSON = "external:person"


@dataclass(frozen=True, slots=True)
class WorkflowSource:
    """A workflow as it is to be drawn. ``owner`` is its class, or an instance whose attributes tell more."""

    cls: type
    owner: object
    name: str
    steps: tuple[StepDefinition, ...]
    skipped: frozenset[str] = frozenset()


Describe: TypeAlias = Callable[[object], WorkflowSource | None]


def graph_of(source: WorkflowSource, describe: Describe) -> WorkflowGraph:
    """Return the graph of a workflow and of all workflows below it.

    ``describe`` says what a class or instance is as a workflow, or ``None`` when it is none.
    """
    keys = Keys()
    found: dict[type, WorkflowSource] = {source.cls: source}
    graphs: dict[type, WorkflowGraph] = {}
    waiting = [source]
    while waiting:
        current = waiting.pop()
        drawing = _Drawing(current, describe, lambda cls: _class_key(keys, cls))
        graphs[current.cls] = drawing.graph()
        for child in drawing.children:
            if child.cls not in found:
                found[child.cls] = child
                waiting.append(child)
    below = {_class_key(keys, cls): graph for cls, graph in graphs.items()}
    whole = graphs[source.cls]
    called = {node.workflow for graph in graphs.values() for node in graph.nodes if isinstance(node, WorkflowChildNode)}
    return whole.model_copy(update={"children": {key: below[key] for key in sorted(called)}})


def _class_key(keys: Keys, cls: type) -> str:
    return keys.add(cls)


class _Drawing:
    """One workflow on its way to a graph: nodes by id, in the order of the source, and edges."""

    def __init__(self, source: WorkflowSource, describe: Describe, class_key: Callable[[type], str]) -> None:
        self.source = source
        self.steps = source.steps
        self.describe = describe
        self.class_key = class_key
        self.keys = Keys()
        self.nodes: dict[str, WorkflowGraphNode] = {}
        self.edges: dict[str, WorkflowGraphEdge] = {}
        self.children: list[WorkflowSource] = []
        self.resource_ids: dict[object, str] = {}
        self.mentions = {step.name: tuple(mentions(step, source.owner)) for step in self.steps}
        self.events = self._events()
        self.labels = distinct_labels(self.events)

    def graph(self) -> WorkflowGraph:
        """Return the graph, without the children's."""
        for step in self.steps:
            for parameter in step.signature.events:
                self._consume(step, parameter)
            self._add_step(step)
            for event in step.signature.returns:
                self._edge(f"step:{step.name}", self._event(event), "event")
            for event in step.signature.lists:
                self._edge(f"step:{step.name}", self._event(event), "fan_out", "many")
            self._mentioned(step)
            self._children(step)
            for resource in step.signature.resources:
                self._edge(self._resource(resource), f"step:{step.name}", "resource", label=resource.name)
        self._subclasses()
        self._failures()
        self._people()
        return WorkflowGraph(
            name=self.source.name,
            module=self.source.cls.__module__,
            description=own_docstring(self.source.cls),
            source=source_of(self.source.cls),
            nodes=tuple(self.nodes.values()),
            edges=tuple(self.edges.values()),
            problems=tuple(self._problems()),
        )

    def _events(self) -> list[type[Event]]:
        found: dict[type[Event], None] = {}
        for step in self.steps:
            found.update(dict.fromkeys((*accepted_by(step), *produced_by(step))))
        for step in self.steps:
            for mention in self.mentions[step.name]:
                if mention.event is not None:
                    found[mention.event] = None
        for event in found:
            self.keys.add(event)
        return list(found)

    def _edge(
        self,
        source: str,
        target: str,
        kind: EdgeKind,
        cardinality: EdgeCardinality = "one",
        *,
        count: int | None = None,
        label: str | None = None,
    ) -> None:
        name = f"{source}>{target}"
        known = self.edges.get(name)
        if known is not None and known.kind == kind and known.label == label:
            return
        number = 1
        key = name
        while key in self.edges:
            number += 1
            key = f"{name}#{number}"
        self.edges[key] = WorkflowGraphEdge(
            id=key, source=source, target=target, kind=kind, cardinality=cardinality, count=count, label=label
        )

    def _event(self, event: type[Event]) -> str:
        key = self.keys.add(event)
        node_id = f"event:{key}"
        if node_id not in self.nodes:
            self.nodes[node_id] = event_node(event, key, self.labels[event])
        return node_id

    def _add_step(self, step: StepDefinition) -> None:
        covers = [other.name for other in self.steps if catcher_among(self.steps, other) is step]
        streams = dict.fromkeys(
            self.labels[mention.event] if mention.event is not None else mention.text
            for mention in self.mentions[step.name]
            if mention.call == "write_event_to_stream"
        )
        self.nodes[f"step:{step.name}"] = step_node(step, covers, streams)

    def _consume(self, step: StepDefinition, parameter: EventParameter) -> None:
        if step.options.handles is not None:
            return
        target = f"step:{step.name}"
        several = len(step.signature.events) > 1
        for event in parameter.types:
            if parameter.collect is not None:
                taken = parameter.collect.cardinality
                count = taken.n if isinstance(taken, Take) else None
                self._edge(
                    self._event(event),
                    target,
                    "join",
                    "all" if count is None else "first",
                    count=count,
                    label=parameter.name,
                )
            elif several:
                self._edge(self._event(event), target, "join", "each", label=parameter.name)
            else:
                self._edge(self._event(event), target, "event")

    def _mentioned(self, step: StepDefinition) -> None:
        """Draw the events that a step sends and waits for by calls on its context."""
        node = f"step:{step.name}"
        for mention in self.mentions[step.name]:
            event = mention.event
            if event is None:
                continue
            if mention.call == "send_event" and event not in produced_by(step):
                self._edge(node, self._event(event), "send")
            elif mention.call == "wait_for_event":
                self._edge(self._event(event), node, "wait")

    def _children(self, step: StepDefinition) -> None:
        node = f"step:{step.name}"
        declared: list[tuple[object, str]] = [(child, child.__name__) for child in step.options.children]
        found = declared or [
            (mention.value, mention.text) for mention in self.mentions[step.name] if mention.call == "run_child"
        ]
        for value, text in found:
            child = self.describe(value)
            if child is None or not child.steps:
                self._edge(node, self._unknown(text, step), "unresolved")
            else:
                self._edge(node, self._child(child), "child")

    def _child(self, child: WorkflowSource) -> str:
        key = self.class_key(child.cls)
        node_id = f"child:{key}"
        if node_id not in self.nodes:
            self.children.append(child)
            self.nodes[node_id] = WorkflowChildNode(
                id=node_id,
                label=child.name,
                description=own_docstring(child.cls),
                source=source_of(child.cls),
                workflow=key,
            )
        return node_id

    def _unknown(self, text: str, step: StepDefinition) -> str:
        node_id = f"unknown:{step.name}:{text}"
        self.nodes[node_id] = WorkflowGenericNode(
            id=node_id,
            node_type="unknown",
            label=text,
            description=(
                "A child workflow whose class cannot be told from the source. Declare it: @step(children=[TheClass])."
            ),
            source=SourceLine(file=step.location.file, line=step.location.line),
        )
        return node_id

    def _resource(self, parameter: ResourceParameter) -> str:
        descriptor = parameter.descriptor
        mark = id(descriptor.factory) if isinstance(descriptor, Resource) else descriptor
        known = self.resource_ids.get(mark)
        if known is not None:
            return known
        if not isinstance(descriptor, Resource):
            part = f"#{descriptor.path_selector}" if descriptor.path_selector else ""
            node_id = self._free(f"resource_config:{descriptor.config_file}{part}")
            self.resource_ids[mark] = node_id
            self.nodes[node_id] = config_node(descriptor, parameter.annotation, node_id)
            return node_id
        name = getattr(descriptor.factory, "__qualname__", type(descriptor.factory).__qualname__)
        node_id = self._free(f"resource:{name}")
        self.resource_ids[mark] = node_id
        self.nodes[node_id] = resource_node(descriptor, parameter.annotation, node_id)
        for needed in resources_of_factory(descriptor.factory):
            self._edge(self._resource(needed), node_id, "resource", label=needed.name)
        return node_id

    def _free(self, wanted: str) -> str:
        number = 1
        node_id = wanted
        while node_id in self.nodes:
            number += 1
            node_id = f"{wanted}#{number}"
        return node_id

    def _subclasses(self) -> None:
        """Draw the ways that are open to subclasses of what a step declares."""
        for step in self.steps:
            declared = accepted_by(step)
            for event in self.events:
                if event not in declared and takes(step, event) and f"event:{self.keys.add(event)}" in self.nodes:
                    base = next(kind for kind in declared if issubclass(event, kind))
                    self._edge(self._event(event), f"step:{step.name}", "event", label=f"as {self.labels[base]}")

    def _failures(self) -> None:
        for step in self.steps:
            handler = catcher_among(self.steps, step)
            if handler is not None:
                self._edge(f"step:{step.name}", f"step:{handler.name}", "error", label="StepFailedEvent")

    def _people(self) -> None:
        shown = [event for event in self.events if f"event:{self.keys.add(event)}" in self.nodes]
        asks: list[type[Event]] = [event for event in shown if issubclass(event, InputRequiredEvent)]
        answers: list[type[Event]] = [event for event in shown if issubclass(event, HumanResponseEvent)]
        if not asks and not answers:
            return
        self.nodes[PERSON] = WorkflowExternalNode(
            id=PERSON, label="outside", description="Somebody outside of the run: a person, or another program."
        )
        for event in asks:
            self._edge(self._event(event), PERSON, "human")
        for event in answers:
            self._edge(PERSON, self._event(event), "human")

    def _problems(self) -> Iterable[GraphProblem]:
        location = class_location(self.source.cls)
        places = {(step.location.file, step.location.line): f"step:{step.name}" for step in self.steps}
        checks = Validation(
            self.steps,
            location=location,
            skipped=self.source.skipped,
            catcher_of=lambda step: catcher_among(self.steps, step),
        )
        for problem in (*_ends(self.source, self.steps, location), *checks.problems()):
            place = places.get((problem.file, problem.line))
            yield GraphProblem(
                rule=problem.rule,
                text=problem.text,
                source=SourceLine(file=problem.file, line=problem.line),
                nodes=(place,) if place is not None else (),
            )


def _ends(source: WorkflowSource, steps: Sequence[StepDefinition], location: Location) -> Iterable[Problem]:
    """Yield what is wrong with the workflow's start and end."""
    try:
        the_start_event(source.cls.__name__, str(location), steps)
    except StartEventError as error:
        yield Problem(rule="start", text=str(error), file=location.file, line=location.line)
    try:
        the_stop_event(source.cls.__name__, str(location), steps)
    except StopEventError as error:
        yield Problem(rule="stop", text=str(error), file=location.file, line=location.line)
