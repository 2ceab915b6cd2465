"""The nodes of a graph, one function for each kind: from a class, a step or a resource to plain data."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from stepwell.flow._definition import ResourceParameter, StepDefinition
from stepwell.flow._events import (
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StepFailedEvent,
    StopEvent,
)
from stepwell.flow._graph_models import (
    ErrorHandlerInfo,
    EventRole,
    SourceLine,
    WorkflowEventNode,
    WorkflowResourceConfigNode,
    WorkflowResourceNode,
    WorkflowStepNode,
)
from stepwell.flow._graph_source import signature_text
from stepwell.flow._resources import Resource, ResourceConfig

ROLES: tuple[tuple[type[Event], EventRole], ...] = (
    (StartEvent, "start"),
    (StopEvent, "stop"),
    (InputRequiredEvent, "ask"),
    (HumanResponseEvent, "answer"),
    (StepFailedEvent, "failure"),
)


class _OpenSchema(GenerateJsonSchema):
    """Leaves what JSON has no word for empty, instead of refusing the whole class."""

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        named = schema.get("cls")
        return {"title": named.__name__} if isinstance(named, type) else {}


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of a model; empty while one of its annotations cannot be resolved yet."""
    try:
        return model.model_json_schema(schema_generator=_OpenSchema)
    except PydanticUserError:
        return {}


def role_of(event: type[Event]) -> EventRole:
    """Return what events of a class mean to a run."""
    for base, role in ROLES:
        if issubclass(event, base):
            return role
    return "plain"


def own_docstring(cls: type) -> str | None:
    """Return the docstring that a class itself has, not one that it inherits."""
    text = vars(cls).get("__doc__")
    return inspect.cleandoc(text) if isinstance(text, str) else None


def source_of(thing: Any) -> SourceLine | None:
    """Return where a class or function is written, or ``None`` when its source is not at hand."""
    try:
        return SourceLine(file=inspect.getfile(thing), line=max(inspect.getsourcelines(thing)[1], 1))
    except (OSError, TypeError):
        return None


def distinct_labels(classes: Iterable[type]) -> dict[type, str]:
    """Return the shortest names that tell classes apart: ``Essay``, or as much of its path as is needed."""
    paths = {cls: f"{cls.__module__}.{cls.__qualname__}".replace(".<locals>", "").split(".") for cls in classes}
    lengths = dict.fromkeys(paths, 1)
    labels = _labels(paths, lengths)
    while len(set(labels.values())) < len(labels):
        shared = {cls for cls, label in labels.items() if list(labels.values()).count(label) > 1}
        growing = [cls for cls in shared if lengths[cls] < len(paths[cls])]
        if not growing:
            return _numbered(labels)
        for cls in growing:
            lengths[cls] += 1
        labels = _labels(paths, lengths)
    return labels


def _labels(paths: dict[type, list[str]], lengths: dict[type, int]) -> dict[type, str]:
    return {cls: ".".join(path[-lengths[cls] :]) for cls, path in paths.items()}


def _numbered(labels: dict[type, str]) -> dict[type, str]:
    """Tell apart classes that share even their full path."""
    seen: dict[str, int] = {}
    numbered: dict[type, str] = {}
    for cls, label in labels.items():
        seen[label] = seen.get(label, 0) + 1
        numbered[cls] = label if seen[label] == 1 else f"{label}#{seen[label]}"
    return numbered


def event_node(event: type[Event], key: str, label: str) -> WorkflowEventNode:
    """Return the node of an event class."""
    return WorkflowEventNode(
        id=f"event:{key}",
        label=label,
        description=own_docstring(event),
        source=source_of(event),
        event_type=key,
        role=role_of(event),
        event_schema=schema_of(event),
    )


def step_node(step: StepDefinition, covers: Iterable[str], streams: Iterable[str]) -> WorkflowStepNode:
    """Return the node of a step; ``covers`` names the steps whose failures it handles."""
    options = step.options
    handles = None
    if options.handles is not None:
        handles = ErrorHandlerInfo(
            for_steps=options.handles.for_steps, covers=tuple(covers), max_recoveries=options.handles.max_recoveries
        )
    return WorkflowStepNode(
        id=f"step:{step.name}",
        label=step.name,
        description=inspect.getdoc(step.function),
        source=SourceLine(file=step.location.file, line=step.location.line),
        signature=signature_text(step),
        num_workers=options.num_workers,
        is_async=step.is_async,
        timeout=options.timeout,
        retry_policy=None if options.retry_policy is None else policy_text(options.retry_policy),
        accepts_subclasses=options.accept_event_subclasses,
        handles=handles,
        streams=tuple(streams),
    )


def policy_text(policy: object) -> str:
    """Return what a retry policy says of itself, or its class when it says only its address."""
    text = repr(policy)
    return type(policy).__qualname__ if f" at 0x{id(policy):x}" in text else text


def type_name(annotation: object) -> str:
    """Return an annotation as one writes it: a class by its name."""
    return annotation.__qualname__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


def resource_node(resource: Resource, annotation: object, node_id: str) -> WorkflowResourceNode:
    """Return the node of a resource, which is known by its factory."""
    factory = resource.factory
    name: str = getattr(factory, "__name__", type(factory).__name__)
    return WorkflowResourceNode(
        id=node_id,
        label=name if name != "<lambda>" else type_name(annotation),
        description=inspect.getdoc(factory),
        source=source_of(inspect.unwrap(factory)),
        type_name=type_name(annotation),
        scope=resource.scope,
        cached=resource.cache,
    )


def config_node(config: ResourceConfig, annotation: object, node_id: str) -> WorkflowResourceConfigNode:
    """Return the node of a part of a configuration file."""
    model = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
    part = f" {config.path_selector}" if config.path_selector else ""
    return WorkflowResourceConfigNode(
        id=node_id,
        label=config.label or f"{config.config_file}{part}",
        description=config.description or (own_docstring(model) if model is not None else None),
        source=source_of(annotation),
        type_name=type_name(annotation),
        config_file=config.config_file,
        path_selector=config.path_selector,
        config_schema=schema_of(model) if model is not None else {},
    )


def resources_of_factory(factory: Callable[..., Any]) -> Iterator[ResourceParameter]:
    """Yield what a factory asks for itself, as far as its annotations can be resolved."""
    try:
        hints = get_type_hints(factory, include_extras=True)
    except (NameError, TypeError):
        return
    for name, annotation in hints.items():
        if get_origin(annotation) is Annotated:
            base, *marks = get_args(annotation)
            for mark in marks:
                if isinstance(mark, (Resource, ResourceConfig)):
                    yield ResourceParameter(name, mark, base)
