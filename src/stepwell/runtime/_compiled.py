"""The steps of a workflow class: those it writes, those added to it, and all of them compiled when first used."""

from collections.abc import Callable
from types import FunctionType
from typing import Any

from stepwell.errors import DuplicateStepError, HiddenStepError, StepOptionError
from stepwell.flow import StepDefinition, StepOptions, Wiring, define, definition_of, locate, unwrapped
from stepwell.runtime._state_types import infer_state_type
from stepwell.runtime._steps import ReadyStep, ready_steps
from stepwell.runtime._watchdog import WATCHDOG


class Compiled:
    """The steps of a workflow ``of`` a class, compiled for a state of it; and what was already validated."""

    def __init__(self, of: type[Any], wiring: Wiring, version: object) -> None:
        self.of = of
        self.wiring = wiring
        self.version = version
        self.ready: tuple[ReadyStep, ...] = ready_steps(wiring)
        self.validated: dict[frozenset[str], bool] = {}
        infer_state_type(wiring.state_types)  # raises here, not in the first run
        self.has_resources = any(step.signature.resources for step in wiring.steps)
        self.has_run_id = "run_id" in wiring.start_event.model_fields
        for step in wiring.steps:
            WATCHDOG.know(unwrapped(step.function).__code__, f"{wiring.workflow}.{step.name}")


class AddStep:
    """``add_step`` for both: ``Class.add_step(f)`` for all instances, ``instance.add_step(f)`` for that one."""

    def __get__(self, instance: object, owner: type[Any]) -> Callable[..., None]:
        if instance is None:
            return lambda func: _add(owner, vars(owner).get("_stepwell_added", ()), func, owner)
        return lambda func: _add(instance, vars(instance).get("_stepwell_added", ()), func, owner)


def _add(target: Any, added: tuple[StepDefinition, ...], func: Callable[..., Any], owner: type[Any]) -> None:
    if not callable(func):
        raise StepOptionError(option="add_step(func)", value=func, accepted="a function decorated with @step")
    definition = (definition_of(func) or define(func, StepOptions())).unbound()
    known = {step.name: step for step in (*collect_steps(owner), *added)}
    if definition.name in known:
        raise DuplicateStepError(
            step=definition.name, workflow=owner.__name__, location=str(known[definition.name].location)
        )
    target._stepwell_added = (*added, definition)  # noqa: SLF001  # our own attribute, on class or instance
    if target is owner:
        _outdate(owner)
    else:
        target._stepwell_compiled = None  # noqa: SLF001  # as above


def _outdate(cls: type[Any]) -> None:
    """Let the class and its subclasses be compiled anew when they are next used."""
    cls._stepwell_version = object()
    for heir in cls.__subclasses__():
        _outdate(heir)


def collect_steps(cls: type) -> list[StepDefinition]:
    """Return the steps of a class: its bases' first, each overridden by name, then those added.

    Raises ``HiddenStepError`` for a method without ``@step`` in the place of one.
    """
    steps: dict[str, StepDefinition] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            function = value.__func__ if isinstance(value, staticmethod) else value
            definition = definition_of(function)
            if definition is not None:
                steps[name] = definition.unbound() if isinstance(value, staticmethod) else definition
            elif name in steps:
                hidden = steps.pop(name)
                if isinstance(function, FunctionType):
                    raise HiddenStepError(
                        step=name,
                        workflow=base.__name__,
                        location=str(locate(function)),
                        hidden=str(hidden.location),
                    )
        for definition in vars(base).get("_stepwell_added", ()):
            steps[definition.name] = definition
    return list(steps.values())
