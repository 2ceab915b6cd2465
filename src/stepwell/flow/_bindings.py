"""Bindings of joins that no run can fill, read from the types: what comes about where, and what takes it there.

A *level* is the ground outside of every fan-out (``GROUND``), or the inside of the fan-outs that one step opens. A
``list[E]`` parameter joins events on a level of the second kind; a join over several parameters needs them all on one
level. What steps send by ``ctx.send_event`` is not known here: only what declared results rule out is a problem.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from stepwell.errors import Problem
from stepwell.flow._collect import All
from stepwell.flow._definition import StepDefinition
from stepwell.flow._events import Event, HumanResponseEvent, StartEvent, StepFailedEvent
from stepwell.flow._fan_out import Levels, takes

GROUND = ""
CatcherOf: TypeAlias = Callable[[StepDefinition], StepDefinition | None]


class Bindings:
    """What comes about on each level, and what is wrong with that."""

    def __init__(self, steps: Sequence[StepDefinition], catcher_of: CatcherOf) -> None:
        self.steps = steps
        levels = Levels(steps, catcher_of)
        accepted = [kind for step in steps for one in step.signature.events for kind in one.types]
        outside = [kind for kind in accepted if issubclass(kind, (StartEvent, HumanResponseEvent))]
        self.events = {GROUND: levels.events_from(outside)}
        self.on_ground = _steps_on_ground(steps, outside)
        for step in steps:
            if step.signature.lists:
                self.events[step.name] = levels.events_from(step.signature.lists)

    def problems(self) -> Iterator[Problem]:
        """Yield what cannot work."""
        fans_out = len(self.events) > 1
        for step in self.steps:
            if step.joins_fan_out:
                yield from self._marker(step)
                yield from self._list_join(step) if fans_out else self._no_fan_out(step)
            elif len(step.signature.events) > 1:
                yield from self._wide_join(step)
            if fans_out and step.name in self.on_ground:
                yield from self._lost_on_ground(step)

    def _marker(self, step: StepDefinition) -> Iterator[Problem]:
        """How a join is to gather must make sense."""
        (parameter,) = step.signature.events
        collect = parameter.collect
        assert collect is not None
        kinds = " | ".join(kind.__name__ for kind in parameter.types)
        if collect.cancel and isinstance(collect.cardinality, All):
            yield _problem(
                step,
                f"Step {step.name!r} joins all branches and is to cancel the others (cancel=True): when all have "
                f"ended there are no others. Leave cancel away, or join the first of them: Collect(Take(1), "
                f"cancel=True).",
            )
        hears = any(issubclass(kind, StepFailedEvent) for kind in parameter.types)
        if hears and collect.errors != "collect" and not self._levels_of(StepFailedEvent, step):
            yield _problem(
                step,
                f"Step {step.name!r} joins list[{kinds}], but a branch that fails ends the run and never gets into the "
                f'list. Write {parameter.name}: Annotated[list[{kinds}], Collect(errors="collect")].',
            )

    def _no_fan_out(self, step: StepDefinition) -> Iterator[Problem]:
        kinds = " | ".join(kind.__name__ for kind in step.signature.events[0].types)
        yield _problem(
            step,
            f"Step {step.name!r} joins list[{kinds}], but no step returns a list: nothing opens the fan-out "
            f"that it could join. Let the step before return list[…], or use ctx.collect_events.",
        )

    def _list_join(self, step: StepDefinition) -> Iterator[Problem]:
        """A join of a fan-out gets only what comes about inside of one."""
        for kind in step.signature.events[0].types:
            if issubclass(kind, StepFailedEvent) or any(level != GROUND for level in self._levels_of(kind, step)):
                continue
            yield _problem(
                step,
                f"Step {step.name!r} joins list[{kind.__name__}], but no {kind.__name__} comes about inside of a "
                f"fan-out: {self._where(kind, step)}. Only what descends from a returned list is joined. Let it come "
                f"from a branch of {self._openers()}, or take it one by one: {kind.__name__} instead of "
                f"list[{kind.__name__}].",
            )

    def _wide_join(self, step: StepDefinition) -> Iterator[Problem]:
        """A join over several parameters fires when one of each has come about on the same level."""
        kinds = [parameter.types[0] for parameter in step.signature.events]
        levels = [self._levels_of(kind, step) for kind in kinds]
        if not all(levels) or set.intersection(*levels):
            return
        places = "; ".join(self._where(kind, step) for kind in kinds)
        yield _problem(
            step,
            f"Step {step.name!r} joins {' and '.join(kind.__name__ for kind in kinds)}, which never meet: {places}. "
            f"Events are joined within one fan-out, or outside of all. Join the branches first, by a step "
            f"that takes a list[…], or pass the other event on through the branches.",
        )

    def _lost_on_ground(self, step: StepDefinition) -> Iterator[Problem]:
        """What is returned outside of every fan-out, and taken by nothing but joins of fan-outs, is lost."""
        for kind in step.signature.returns:
            takers = [taker for taker in self.steps if takes(taker, kind)]
            levels = self._levels_of(kind, takers[0]) if takers else set()
            if takers and levels != {GROUND} and all(taker.joins_fan_out for taker in takers):
                yield _problem(
                    step,
                    f"Step {step.name!r} returns {kind.__name__} outside of every fan-out, where nothing takes it: "
                    f"step {takers[0].name!r} joins only what descends from a returned list. Return "
                    f"list[{kind.__name__}] (also of one), or add a step that takes {kind.__name__}.",
                )

    def _levels_of(self, kind: type[Event], taker: StepDefinition) -> set[str]:
        """Return the levels on which an event comes about that ``taker`` takes as a ``kind``."""
        is_open = taker.options.accept_event_subclasses
        return {
            level
            for level, events in self.events.items()
            if kind in events or (is_open and any(issubclass(event, kind) for event in events))
        }

    def _where(self, kind: type[Event], taker: StepDefinition) -> str:
        names = [f"in the fan-out of step {level!r}" for level in sorted(self._levels_of(kind, taker) - {GROUND})]
        if GROUND in self._levels_of(kind, taker):
            start = issubclass(kind, StartEvent)
            names.append("as the run begins" if start else "outside of every fan-out")
        return f"{kind.__name__} comes about {' and '.join(names) or 'nowhere'}"

    def _openers(self) -> str:
        return " or ".join(repr(level) for level in self.events if level != GROUND)


def _steps_on_ground(steps: Sequence[StepDefinition], outside: Sequence[type[Event]]) -> set[str]:
    """Return the steps that run outside of every fan-out, without a look at handlers of errors.

    What a handler returns may be meant for the branch that failed, whatever else the handler covers.
    """
    levels = Levels(steps, lambda step: None)
    events = levels.events_from(outside)
    found = [
        step.name
        for step in steps
        if not step.joins_fan_out and step.options.handles is None and any(takes(step, event) for event in events)
    ]
    for name in found:
        found.extend(join for join in levels.joins.get(name, ()) if join not in found)
    return set(found)


def _problem(step: StepDefinition, text: str) -> Problem:
    return Problem(rule="join", text=text, file=step.location.file, line=step.location.line)
