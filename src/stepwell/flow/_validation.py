"""What can be known to be wrong with a workflow before it runs: everything that is found, not only the first."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from stepwell.errors import Problem, StartEventError, StepOptionError, StopEventError, near_misses, nearest, shown
from stepwell.flow._bindings import Bindings
from stepwell.flow._definition import Location, StepDefinition
from stepwell.flow._events import (
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StepFailedEvent,
    StopEvent,
)
from stepwell.flow._fan_out import takes

GRAPH_CHECKS = ("reachability", "terminal_event", "dead_end")


def accepted_by(step: StepDefinition) -> tuple[type[Event], ...]:
    """Return the event classes in a step's parameters."""
    return tuple(kind for parameter in step.signature.events for kind in parameter.types)


def produced_by(step: StepDefinition) -> tuple[type[Event], ...]:
    """Return the event classes in a step's return annotation."""
    return (*step.signature.returns, *step.signature.lists)


def _names(kinds: Iterable[type]) -> list[str]:
    return [kind.__name__ for kind in kinds]


def close_names(name: str, known: Iterable[str]) -> list[str]:
    """Return the known names that ``name`` may be a slip of."""
    return nearest(name, sorted(set(known) - {name}), most=2, likeness=0.7)


def the_start_event(workflow: str, location: str, steps: Sequence[StepDefinition]) -> type[StartEvent]:
    """Return the one start class. Raises ``StartEventError`` when there is none, or several."""
    found = {kind for step in steps for kind in accepted_by(step) if issubclass(kind, StartEvent)}
    if len(found) == 1:
        return found.pop()
    names = _names(kind for step in steps for kind in accepted_by(step))
    raise StartEventError(
        workflow=workflow,
        location=location,
        found=_names(found),
        suggestions=[] if found else [f"a subclass of StartEvent for {n}" for n in close_names("StartEvent", names)],
    )


def the_stop_event(workflow: str, location: str, steps: Sequence[StepDefinition]) -> type[StopEvent]:
    """Return the one stop class. Raises ``StopEventError`` when there is none, or several."""
    found = {kind for step in steps for kind in produced_by(step) if issubclass(kind, StopEvent)}
    if len(found) == 1:
        return found.pop()
    names = _names(kind for step in steps for kind in produced_by(step))
    raise StopEventError(
        workflow=workflow,
        location=location,
        found=_names(found),
        suggestions=[] if found else [f"a subclass of StopEvent for {n}" for n in close_names("StopEvent", names)],
    )


def check_graph_names(names: Iterable[str]) -> frozenset[str]:
    """Return the checks to leave out. Raises ``StepOptionError`` for one that does not exist."""
    chosen: list[Any] = list(names) if isinstance(names, (list, tuple, set, frozenset)) else [names]
    unknown = [name for name in chosen if name not in GRAPH_CHECKS]
    if unknown:
        raise StepOptionError(
            option="skip_graph_checks (Unknown graph check names: "
            + ", ".join(map(shown, unknown))
            + f". Valid names are: {', '.join(sorted(GRAPH_CHECKS))})",
            value=unknown,
            accepted="a set of graph checks",
        )
    return frozenset(chosen)


class Validation:
    """The rules, over the steps of one workflow."""

    def __init__(
        self,
        steps: Sequence[StepDefinition],
        *,
        location: Location,
        skipped: frozenset[str],
        catcher_of: Callable[[StepDefinition], StepDefinition | None],
    ) -> None:
        self.steps = steps
        self.location = location
        self.skipped = skipped
        self.catcher_of = catcher_of

    def problems(self) -> list[Problem]:
        """Return everything that is wrong, in the order of the source."""
        found = [*self._stop_acceptors(), *self._handlers(), *self._unproduced(), *self._unconsumed()]
        if not found:
            found = [*self._unreachable(), *self._dead_ends(), *Bindings(self.steps, self.catcher_of).problems()]
        return sorted(found, key=lambda problem: (problem.file, problem.line))

    def _problem(self, rule: str, text: str, location: Location) -> Problem:
        return Problem(rule=rule, text=text, file=location.file, line=location.line)

    def _stop_acceptors(self) -> Iterator[Problem]:
        for step in self.steps:
            stops = [kind for kind in accepted_by(step) if issubclass(kind, StopEvent)]
            if stops:
                yield self._problem(
                    "stop_accepted",
                    f"Step(s) {step.name!r} cannot accept StopEvent. {stops[0].__name__} signals the end of the "
                    f"workflow. Use a different Event type instead.",
                    step.location,
                )

    def _unproduced(self) -> Iterator[Problem]:
        produced = {kind for step in self.steps for kind in produced_by(step)}
        for step in self.steps:
            for kind in accepted_by(step):
                given = issubclass(kind, (StartEvent, HumanResponseEvent, StepFailedEvent, StopEvent))
                matched = kind in produced or (
                    step.options.accept_event_subclasses and any(issubclass(made, kind) for made in produced)
                )
                if given or matched:
                    continue
                text = (
                    f"The following events are consumed but never produced: {kind.__name__}, which step "
                    f"{step.name!r} accepts. Let a step return it."
                )
                heirs = [made.__name__ for made in produced if issubclass(made, kind)]
                if heirs:
                    text += (
                        f" Routing is by exact type: for {', '.join(heirs)} use @step(accept_event_subclasses=True)."
                    )
                else:
                    text += near_misses(close_names(kind.__name__, _names(produced)))
                yield self._problem("never_produced", text, step.location)

    def _unconsumed(self) -> Iterator[Problem]:
        if "terminal_event" in self.skipped:
            return
        exempt = (StopEvent, InputRequiredEvent, HumanResponseEvent, StepFailedEvent)
        accepted = _names(kind for step in self.steps for kind in accepted_by(step))
        for step in self.steps:
            for kind in produced_by(step):
                if issubclass(kind, exempt) or any(takes(taker, kind) for taker in self.steps):
                    continue
                text = (
                    f"The following events are produced but never consumed: {kind.__name__}, which step "
                    f"{step.name!r} returns. Add a step that accepts it"
                )
                bases = [base.__name__ for base in kind.__mro__[1:] if base.__name__ in accepted]
                if bases:
                    text += f"; or let the step that accepts {bases[0]} use @step(accept_event_subclasses=True)."
                else:
                    text += "." + near_misses(close_names(kind.__name__, accepted))
                yield self._problem("never_consumed", text, step.location)

    def _handlers(self) -> Iterator[Problem]:
        by_name = {step.name: step for step in self.steps}
        handlers = [step for step in self.steps if step.options.handles is not None]
        wildcards = [step for step in handlers if step.options.handles and step.options.handles.for_steps is None]
        if len(wildcards) > 1:
            yield self._problem(
                "error_handler",
                f"Only one wildcard @catch_error handler is allowed per workflow, found {len(wildcards)}: "
                f"{', '.join(step.name for step in wildcards)}. Give all but one of them for_steps=[…].",
                wildcards[1].location,
            )
        claimed: dict[str, str] = {}
        for handler in handlers:
            for name in (handler.options.handles.for_steps or ()) if handler.options.handles else ():
                text = None
                if name not in by_name:
                    text = (
                        f"@catch_error handler {handler.name!r} lists unknown step {name!r} in for_steps."
                        + near_misses([repr(close) for close in close_names(name, by_name)])
                    )
                elif by_name[name].options.handles is not None:
                    text = f"@catch_error handler {handler.name!r} cannot cover another handler step {name!r}."
                elif name in claimed:
                    text = (
                        f"Step {name!r} is claimed by two @catch_error handlers: {claimed[name]!r} and "
                        f"{handler.name!r}."
                    )
                if text is not None:
                    yield self._problem("error_handler", text, handler.location)
                claimed.setdefault(name, handler.name)

    def _unreachable(self) -> Iterator[Problem]:
        if "reachability" in self.skipped:
            return
        reached: set[str] = set()
        events: list[type[Event]] = [
            kind
            for step in self.steps
            for kind in accepted_by(step)
            if issubclass(kind, (StartEvent, HumanResponseEvent))
        ]
        seen: set[type[Event]] = set()
        while events:
            event = events.pop()
            if event in seen:
                continue
            seen.add(event)
            for step in self.steps:
                if step.name not in reached and takes(step, event):
                    reached.add(step.name)
                    events.extend(produced_by(step))
                    catcher = self.catcher_of(step)
                    if catcher is not None:
                        reached.add(catcher.name)
                        events.extend(produced_by(catcher))
        for step in self.steps:
            if step.name not in reached and "reachability" not in step.options.skip_graph_checks:
                yield self._problem(
                    "reachability",
                    f"Unreachable steps: {step.name}. Steps must be reachable from StartEvent or "
                    f"HumanResponseEvent, and nothing on such a way produces "
                    f"{' or '.join(_names(accepted_by(step)))}.",
                    step.location,
                )

    def _dead_ends(self) -> Iterator[Problem]:
        if "dead_end" in self.skipped:
            return
        alive = {
            step.name
            for step in self.steps
            if not produced_by(step)
            or any(issubclass(kind, (StopEvent, InputRequiredEvent)) for kind in produced_by(step))
        }
        changed = True
        while changed:
            changed = False
            for step in self.steps:
                if step.name not in alive and any(
                    taker.name in alive and takes(taker, kind) for taker in self.steps for kind in produced_by(step)
                ):
                    alive.add(step.name)
                    changed = True
        for step in self.steps:
            if step.name not in alive and "dead_end" not in step.options.skip_graph_checks:
                yield self._problem(
                    "dead_end",
                    f"Dead-end steps: {step.name}. Steps must have a path to StopEvent or InputRequiredEvent, and "
                    f"all ways from here lead in circles.",
                    step.location,
                )
