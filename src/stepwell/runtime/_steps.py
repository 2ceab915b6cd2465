"""Steps made ready to be called: the order of arguments and the types of results are looked up once."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from stepwell.core import StepPlan, record
from stepwell.errors import UndeclaredResultError
from stepwell.flow import Event, StepDefinition, Wiring

Caller = Callable[[Any, Any, Any, Mapping[str, Any] | None], Any]


@record()
class ReadyStep:
    """A step and how to call it: ``call(workflow, context, event, resources)``.

    ``is_simple`` when ``function(workflow, event)`` does the same.
    """

    number: int
    name: str
    definition: StepDefinition
    plan: StepPlan
    call: Caller
    wants_context: bool
    keys: dict[type[Event], str]
    timeout: float | None
    explains_failures: bool
    is_async: bool
    has_resources: bool
    lists: bool
    is_plain: bool
    is_simple: bool
    function: Callable[..., Any]


def ready_steps(wiring: Wiring) -> tuple[ReadyStep, ...]:
    """Return the steps of a workflow, made ready."""
    return tuple(
        ReadyStep(
            number=number,
            name=definition.name,
            definition=definition,
            plan=wiring.plan.steps[number],
            call=_caller(definition),
            wants_context=definition.signature.context is not None,
            keys=dict(wiring.returns[number]),
            timeout=definition.options.timeout,
            explains_failures=wiring.plan.steps[number].catcher is not None,
            is_async=definition.is_async,
            has_resources=bool(definition.signature.resources),
            lists=bool(definition.signature.lists),
            is_plain=definition.is_async and not definition.signature.resources,
            is_simple=len(_positions(definition)) == 1,
            function=definition.function,
        )
        for number, definition in enumerate(wiring.steps)
    )


def _positions(definition: StepDefinition) -> tuple[str | None, ...]:
    """Return the order in which a step's function takes its event and context; empty when names are needed."""
    signature = definition.signature
    events = [parameter.name for parameter in signature.events]
    if len(events) > 1 or signature.resources or not definition.bound:
        return ()
    parameters = inspect.signature(definition.function).parameters
    wanted = tuple(name for name in parameters if name in (*events, signature.context))
    rest = list(parameters.values())[1:]
    given = tuple(one.name for one in rest if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return wanted if given == wanted else ()


def _caller(definition: StepDefinition) -> Caller:
    function: Callable[..., Any] = definition.function
    positions = _positions(definition)
    if not positions:
        return _general_caller(definition)
    if len(positions) == 1:
        return lambda workflow, _, ev, __: function(workflow, ev)
    if positions[0] == definition.signature.context:
        return lambda workflow, ctx, ev, __: function(workflow, ctx, ev)
    return lambda workflow, ctx, ev, __: function(workflow, ev, ctx)


def _general_caller(definition: StepDefinition) -> Caller:
    function: Callable[..., Any] = definition.function
    names = [parameter.name for parameter in definition.signature.events]
    context = definition.signature.context
    bound = definition.bound

    def call(workflow: Any, ctx: Any, event: Any, resources: Mapping[str, Any] | None) -> Any:
        arguments: dict[str, Any] = dict(resources or {})
        if len(names) > 1:
            arguments.update(zip(names, event, strict=True))
        else:
            arguments[names[0]] = event
        if context is not None:
            arguments[context] = ctx
        return function(workflow, **arguments) if bound else function(**arguments)

    return call


def result_key(step: ReadyStep, wiring: Wiring, result: object) -> str:
    """Return the type key of a single result that is not one of the declared classes itself."""
    if isinstance(result, Event) and isinstance(result, step.definition.signature.returns):
        key = wiring.learn(type(result))
        step.keys[type(result)] = key
        return key
    raise _undeclared(step, result)


def result_keys(step: ReadyStep, wiring: Wiring, results: list[Any]) -> tuple[str, ...]:
    """Return the type keys of a list of results."""
    lists = step.definition.signature.lists
    known: dict[type[Any], str] = {}
    for result in results:
        kind = type(result)
        if kind not in known:
            if not isinstance(result, lists):
                raise _undeclared(step, result)
            known[kind] = wiring.learn(kind)
    return tuple([known[type(result)] for result in results])


def _undeclared(step: ReadyStep, result: object) -> UndeclaredResultError:
    signature = step.definition.signature
    declared = [kind.__name__ for kind in signature.returns]
    declared.extend(f"list[{kind.__name__}]" for kind in signature.lists)
    if signature.returns_nothing:
        declared.append("None")
    hint = ""
    if isinstance(result, signature.lists):
        name = type(result).__name__
        hint = f"It returned a bare {name} but its return annotation only declares it inside a list: return [event]."
    elif inspect.iscoroutine(result):
        result.close()
        hint = "A decorator between @step and the function hides that it is async: make its wrapper async def."
    elif isinstance(result, type) and issubclass(result, Event):
        hint = f"It returned the class itself: return {result.__name__}(…)."
    return UndeclaredResultError(
        step=step.name, location=str(step.definition.location), result=result, declared=declared, hint=hint
    )
