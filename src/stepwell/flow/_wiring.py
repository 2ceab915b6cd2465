"""A workflow's steps compiled: the plan for the machine, and the way back from its keys to classes."""

import inspect
import linecache
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from stepwell.core import Gathering, Kind, Plan, Route, StepPlan
from stepwell.errors import Problem, StepSignatureError, WorkflowGraphError
from stepwell.flow._collect import Take
from stepwell.flow._definition import Location, StepDefinition
from stepwell.flow._events import (
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StepFailedEvent,
    StopEvent,
)
from stepwell.flow._fan_out import bound_joins
from stepwell.flow._validation import (
    Validation,
    accepted_by,
    produced_by,
    the_start_event,
    the_stop_event,
)


def kind_of(event: type[Event]) -> Kind:
    """Return what events of a class mean to a run."""
    if issubclass(event, StopEvent):
        return Kind.STOP
    if issubclass(event, InputRequiredEvent):
        return Kind.ASK
    if issubclass(event, HumanResponseEvent):
        return Kind.ANSWER
    return Kind.PLAIN


class Keys:
    """The type keys of one workflow: ``module.QualifiedName``, and told apart where two classes share that."""

    def __init__(self) -> None:
        self.of: dict[type, str] = {}
        self.classes: dict[str, type[Event]] = {}

    def add(self, event: type[Event]) -> str:
        known = self.of.get(event)
        if known is not None:
            return known
        name = f"{event.__module__}.{event.__qualname__}"
        key = name
        number = 1
        while key in self.classes:
            number += 1
            key = f"{name}#{number}"
        self.of[event] = key
        self.classes[key] = event
        return key


def catcher_among(steps: Sequence[StepDefinition], step: StepDefinition) -> StepDefinition | None:
    """Return the one of ``steps`` that handles the final failures of ``step``."""
    if step.options.handles is not None:
        return None
    wildcard = None
    for handler in steps:
        if handler.options.handles is None:
            continue
        if handler.options.handles.for_steps is None:
            wildcard = handler
        elif step.name in handler.options.handles.for_steps:
            return handler
    return wildcard


def check_first_parameter(step: StepDefinition) -> None:
    """Raise ``StepSignatureError`` for a method without ``self``, or a free function with one."""
    if step.signature.takes_self in (None, step.bound):
        return
    raise StepSignatureError(
        step=step.name,
        location=str(step.location),
        what="It is a method and takes no self" if step.bound else "It is no method and takes self, which nobody gives",
        remedy="Write async def step(self, ev: MyEvent) -> … in a class, and without self elsewhere.",
    )


class Wiring:
    """What the runtime needs of a workflow's steps. Made once for a class, and shared by all runs.

    Raises the errors of construction: ``StartEventError``, ``StopEventError``.
    """

    def __init__(self, *, workflow: str, location: Location, steps: Sequence[StepDefinition]) -> None:
        self.workflow = workflow
        self.location = location
        self.steps = tuple(steps)
        for step in self.steps:
            check_first_parameter(step)
        self.start_event = the_start_event(workflow, str(location), steps)
        self.stop_event = the_stop_event(workflow, str(location), steps)
        self.numbers = {step.name: number for number, step in enumerate(self.steps)}
        self.keys = Keys()
        for event in self._declared():
            self.keys.add(event)
        self.plan = self._plan()
        self.plain_events: set[type[Event]] = set()  # classes that were found to need no care on their way out
        self.returns = tuple({event: self.keys.add(event) for event in step.signature.returns} for step in self.steps)

    @cached_property
    def events(self) -> tuple[type[Event], ...]:
        """The classes that the steps declare, in the order of the source."""
        return tuple(dict.fromkeys(event for step in self.steps for event in (*accepted_by(step), *produced_by(step))))

    def _declared(self) -> Iterable[type[Event]]:
        return (*self.events, StepFailedEvent, StopEvent)

    @cached_property
    def state_types(self) -> tuple[type[Any], ...]:
        """What the steps' ``Context[State]`` parameters name."""
        named = (step.signature.state_type for step in self.steps)
        return tuple(dict.fromkeys(kind for kind in named if isinstance(kind, type)))

    def learn(self, event: type[Event]) -> str:
        """Return the key of a class, which need not have been declared."""
        known = self.keys.of.get(event)
        if known is not None:
            return known
        key = self.keys.add(event)
        self.plan.learn(key, kind_of(event), self._ancestors(event))
        return key

    def _ancestors(self, event: type[Event]) -> list[str]:
        """Return the keys of the base classes that have one, nearest first."""
        return [self.keys.of[base] for base in event.__mro__[1:] if base in self.keys.of]

    def route(self, event: type[Event]) -> Route:
        """Return where events of a class go."""
        return self.plan.routes[self.learn(event)]

    def catcher_of(self, step: StepDefinition) -> StepDefinition | None:
        """Return the step that handles the final failures of ``step``."""
        return catcher_among(self.steps, step)

    def _plan(self) -> Plan:
        joins = bound_joins(self.steps, self.catcher_of)
        plans = [self._step_plan(step, joins.get(step.name, ())) for step in self.steps]
        plan = Plan(plans, kinds={}, failure_key=self.keys.of[StepFailedEvent])
        for key, event in self.keys.classes.items():
            plan.learn(key, kind_of(event), self._ancestors(event))
        return plan

    def _step_plan(self, step: StepDefinition, joins: tuple[str, ...]) -> StepPlan:
        parameters = step.signature.events
        several = len(parameters) > 1
        catcher = self.catcher_of(step)
        handles = catcher.options.handles if catcher is not None else None
        return StepPlan(
            name=step.name,
            accepts=() if several else tuple(self.keys.of[kind] for one in parameters for kind in one.types),
            workers=step.options.num_workers,
            accepts_subclasses=step.options.accept_event_subclasses,
            slots=tuple(self.keys.of[one.types[0]] for one in parameters) if several else (),
            gathering=_gathering(step),
            joins=tuple(self.numbers[name] for name in joins),
            catcher=self.numbers[catcher.name] if catcher is not None else None,
            recoveries=handles.max_recoveries if handles is not None else 0,
        )

    def problems(self, skipped: frozenset[str] = frozenset()) -> list[Problem]:
        """Return what is wrong with the way the steps fit together."""
        return Validation(self.steps, location=self.location, skipped=skipped, catcher_of=self.catcher_of).problems()

    def validate(self, skipped: frozenset[str] = frozenset()) -> bool:
        """Return whether people take part. Raises ``WorkflowGraphError`` with all that is wrong."""
        problems = self.problems(skipped)
        if problems:
            raise WorkflowGraphError(workflow=self.workflow, problems=problems)
        return any(issubclass(event, (InputRequiredEvent, HumanResponseEvent)) for event in self.events)


def _gathering(step: StepDefinition) -> Gathering | None:
    collect = step.signature.events[0].collect
    if collect is None:
        return None
    take = collect.cardinality.n if isinstance(collect.cardinality, Take) else None
    cancels = collect.cancel or (isinstance(collect.cardinality, Take) and collect.cardinality.cancel)
    return Gathering(
        take=take,
        ordered=collect.ordered,
        keeps_errors=collect.errors == "collect",
        cancels_rest=cancels,
    )


def class_location(cls: type) -> Location:
    """Return where a class is written, or where its first step is when the source is not at hand."""
    known = _line_above_its_functions(cls)
    if known is not None:
        return known
    try:
        return Location(inspect.getfile(cls), inspect.getsourcelines(cls)[1])
    except (OSError, TypeError):
        return Location(cls.__module__, 0)


def _line_above_its_functions(cls: type) -> Location | None:
    """Return the nearest line above a class's first function that begins the class.

    ``inspect`` parses the whole file for that, which takes 28 ms for a file of 700 lines.
    """
    codes = [value.__code__ for value in vars(cls).values() if inspect.isfunction(value)]
    if not codes:
        return None
    first = min(codes, key=lambda code: code.co_firstlineno)
    lines = linecache.getlines(first.co_filename)
    begins = re.compile(rf"\s*class\s+{re.escape(cls.__name__)}\b")
    for number in range(min(first.co_firstlineno, len(lines)), 0, -1):
        if begins.match(lines[number - 1]):
            return Location(first.co_filename, number)
    return None
