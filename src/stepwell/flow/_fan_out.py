"""Which joins end which fan-outs: read from the types, before any run.

A step that returns ``list[E]`` opens a scope. Following the events on the level of that scope (through
scopes that open and close within it), every ``list[X]`` parameter that an event of it reaches is a join
of the scope.
"""

from collections.abc import Callable, Iterable, Sequence

from stepwell.flow._definition import StepDefinition
from stepwell.flow._events import Event


def takes(step: StepDefinition, event: type[Event]) -> bool:
    """Return whether an event of this type reaches ``step``."""
    accepted = [kind for parameter in step.signature.events for kind in parameter.types]
    return event in accepted or (
        step.options.accept_event_subclasses and any(issubclass(event, kind) for kind in accepted)
    )


def bound_joins(
    steps: Sequence[StepDefinition], catcher_of: Callable[[StepDefinition], StepDefinition | None]
) -> dict[str, tuple[str, ...]]:
    """Return for each step that fans out the names of the steps that join its scopes."""
    levels = Levels(steps, catcher_of)
    order = [step.name for step in steps]
    return {name: tuple(sorted(found, key=order.index)) for name, found in levels.joins.items()}


class Levels:
    """What is reached on the level of each scope; grown until nothing new is found."""

    def __init__(
        self, steps: Sequence[StepDefinition], catcher_of: Callable[[StepDefinition], StepDefinition | None]
    ) -> None:
        self.steps = {step.name: step for step in steps}
        self.catcher_of = catcher_of
        self.joins: dict[str, set[str]] = {step.name: set() for step in steps if step.signature.lists}
        while self._grow():
            pass

    def _grow(self) -> bool:
        """Take one more round; return whether it found anything."""
        found = {name: self._reached(self.steps[name]) for name in self.joins}
        grown = found != self.joins
        self.joins = found
        return grown

    def _outputs(self, name: str) -> set[type[Event]]:
        """Return what a step puts on the level it runs on, by scopes that close within it too."""
        found: set[type[Event]] = set()
        seen: set[str] = set()
        work = [name]
        while work:
            current = work.pop()
            if current in seen:
                continue
            seen.add(current)
            step = self.steps[current]
            found.update(step.signature.returns)
            work.extend(self.joins.get(current, ()))
            catcher = self.catcher_of(step)
            if catcher is not None:
                work.append(catcher.name)
        return found

    def _reached(self, opener: StepDefinition) -> set[str]:
        """Return the joins that events in a scope of ``opener`` come to."""
        events = self.events_from(opener.signature.lists)
        joins = [step for step in self.steps.values() if step.joins_fan_out]
        return {step.name for step in joins if any(takes(step, event) for event in events)}

    def events_from(self, begin: Iterable[type[Event]]) -> set[type[Event]]:
        """Return the events that come about on a level on which those of ``begin`` do."""
        seen: set[type[Event]] = set()
        work = list(begin)
        while work:
            event = work.pop()
            if event in seen:
                continue
            seen.add(event)
            for step in self.steps.values():
                if not step.joins_fan_out and takes(step, event):
                    work.extend(self._outputs(step.name))
        return seen
