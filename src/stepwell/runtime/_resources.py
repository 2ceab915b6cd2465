"""Making what ``Resource`` parameters ask for: once where it is shared, and torn down when its time is over.

Rule 1. A resource is known by its factory object, never by a name.
Rule 2. However many attempts ask at once, a shared resource is made once; if that fails, each of them is told,
        and the next one tries again.
Rule 3. What was made last is torn down first: an attempt's own when it ends, a run's when the run ends, the
        workflow's in ``await workflow.aclose()``.
"""

import asyncio
import inspect
import json
import logging
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError

from stepwell.errors import (
    CallArgumentError,
    CircularResourceError,
    ResourceConfigError,
    ResourceLifetimeError,
    StepOptionError,
)
from stepwell.flow import Resource, ResourceConfig, StepDefinition

logger = logging.getLogger("stepwell.runtime")


class ResourceScope:
    """What lives for one workflow, one run or one attempt, and is torn down together."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._made: dict[Callable[..., Any], asyncio.Future[Any]] = {}
        self._exits = AsyncExitStack()

    async def get(self, resource: Resource, make: Callable[[AsyncExitStack], Any]) -> Any:
        """Return the shared value, making it if nobody has, and waiting if somebody is."""
        while True:
            known = self._made.get(resource.factory)
            if known is None:
                return await self._make(resource, make)
            try:
                return await asyncio.shield(known)
            except asyncio.CancelledError:
                if not known.cancelled():
                    raise  # the waiting attempt was cancelled, not the making

    async def _make(self, resource: Resource, make: Callable[[AsyncExitStack], Any]) -> Any:
        future: asyncio.Future[Any] = self.loop.create_future()
        self._made[resource.factory] = future
        try:
            value = await make(self._exits)
        except BaseException as error:
            del self._made[resource.factory]
            if isinstance(error, Exception):
                future.set_exception(error)
                future.exception()  # seen: whoever waits gets it, and nobody has to
            else:
                future.cancel()
            raise
        future.set_result(value)
        return value

    async def aclose(self) -> None:
        """Tear everything down; the first error of a teardown is raised after all have run."""
        self._made.clear()
        await self._exits.aclose()


class ResourceManager:
    """Makes resources for one workflow instance, and lets tests put others in their place."""

    def __init__(self) -> None:
        self._replaced: dict[Callable[..., Any], Any] = {}
        self._scope: ResourceScope | None = None

    def replace(self, factory: Callable[..., Any], value: Any) -> None:
        """Give ``value`` wherever a parameter names ``factory``; nothing is made or torn down for it."""
        if not callable(factory):
            raise CallArgumentError(
                call="ResourceManager.replace", argument="factory", value=factory, accepted="the resource's factory"
            )
        self._replaced[factory] = value

    def restore(self, factory: Callable[..., Any]) -> None:
        """Undo ``replace``."""
        if callable(factory):
            self._replaced.pop(factory, None)

    def scope(self, loop: asyncio.AbstractEventLoop) -> ResourceScope:
        """Return what lives as long as the workflow; a new event loop begins anew."""
        if self._scope is None or self._scope.loop is not loop:
            self._scope = ResourceScope(loop)
        return self._scope

    async def aclose(self) -> None:
        """Tear down what lives as long as the workflow."""
        scope, self._scope = self._scope, None
        if scope is not None:
            await scope.aclose()

    async def fill(self, step: StepDefinition, scopes: "Scopes") -> dict[str, Any]:
        """Return a value for each resource parameter of ``step``."""
        return {
            parameter.name: await self._value(parameter.descriptor, parameter.annotation, scopes, ())
            for parameter in step.signature.resources
        }

    def config_problems(self, steps: Iterable[StepDefinition]) -> list[str]:
        """Read every configuration file that ``steps`` or their resources ask for; return what is wrong, and where."""
        problems: list[str] = []
        for step in steps:
            for parameter in step.signature.resources:
                place = f"In step {step.name!r}, parameter {parameter.name!r}"
                self._read_configs(place, [(parameter.descriptor, parameter.annotation, ())], problems)
        return problems

    def _read_configs(self, place: str, pending: list[tuple[Any, Any, tuple[str, ...]]], problems: list[str]) -> None:
        seen: set[Callable[..., Any]] = set()
        for descriptor, annotation, way in pending:
            if isinstance(descriptor, ResourceConfig):
                try:
                    read_config(descriptor, annotation)
                except (ResourceConfigError, StepOptionError) as error:
                    chain = f" ({' -> '.join((*way, descriptor.config_file))})" if way else ""
                    problems.append(f"{place}{chain}: {error}")
            elif descriptor.factory not in self._replaced and descriptor.factory not in seen:
                seen.add(descriptor.factory)
                needs = needs_of(descriptor.factory).values()
                pending.extend((wanted, kind, (*way, _name(descriptor.factory))) for wanted, kind in needs)

    async def making_problems(self, steps: Iterable[StepDefinition], loop: asyncio.AbstractEventLoop) -> list[str]:
        """Make what ``steps`` ask for, and tear it down again; return what went wrong, and where."""
        trial = ResourceManager()
        trial._replaced = self._replaced  # of our own class
        problems: list[str] = []
        for step in steps:
            resources = RunResources(loop, trial)
            try:
                async with AsyncExitStack() as attempt:
                    await resources.fill(step, attempt)
            except Exception as error:  # noqa: BLE001  # each is reported
                problems.append(f"In step {step.name!r}: {type(error).__name__}: {error}")
            if not resources.is_empty:
                await resources.aclose()
        await trial.aclose()
        return problems

    async def _value(
        self, descriptor: Any, annotation: Any, scopes: "Scopes", chain: tuple[Callable[..., Any], ...]
    ) -> Any:
        if isinstance(descriptor, ResourceConfig):
            return read_config(descriptor, annotation)
        factory = descriptor.factory
        if factory in self._replaced:
            return self._replaced[factory]
        if factory in chain:
            raise CircularResourceError(names=[_name(one) for one in (*chain[chain.index(factory) :], factory)])

        async def make(exits: AsyncExitStack) -> Any:
            needs = needs_of(factory)
            for wanted, _ in needs.values():
                _check_lifetime(descriptor, wanted)
            arguments = {
                name: await self._value(wanted, kind, scopes, (*chain, factory))
                for name, (wanted, kind) in needs.items()
            }
            return await enter(factory, arguments, exits)

        if not descriptor.cache:
            return await make(scopes.attempt)
        scope = scopes.run() if descriptor.scope == "run" else self.scope(scopes.loop)
        return await scope.get(descriptor, make)


class RunResources:
    """What one run asks of the manager, and keeps until it ends."""

    def __init__(self, loop: asyncio.AbstractEventLoop, manager: ResourceManager) -> None:
        self._loop = loop
        self._manager = manager
        self._own: ResourceScope | None = None

    async def fill(self, step: StepDefinition, attempt: AsyncExitStack) -> dict[str, Any]:
        """Return a value for each resource parameter of ``step``; ``attempt`` tears down what is only its own."""
        return await self._manager.fill(step, Scopes(self._loop, attempt, self._scope))

    def _scope(self) -> ResourceScope:
        if self._own is None:
            self._own = ResourceScope(self._loop)
        return self._own

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tear down."""
        return self._own is None

    async def aclose(self) -> None:
        """Tear down what the run kept. What goes wrong is logged: the run's outcome stands."""
        assert self._own is not None
        try:
            await self._own.aclose()
        except Exception:
            logger.exception("the teardown of a resource failed")


class Scopes:
    """Where the resources of one attempt go."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, attempt: AsyncExitStack, run: Callable[[], ResourceScope]
    ) -> None:
        self.loop = loop
        self.attempt = attempt
        self.run = run


async def enter(factory: Callable[..., Any], arguments: dict[str, Any], exits: AsyncExitStack) -> Any:
    """Call a factory of any kind; what it does after its ``yield`` is left to ``exits``."""
    if inspect.isasyncgenfunction(factory):
        return await exits.enter_async_context(asynccontextmanager(factory)(**arguments))
    if inspect.isgeneratorfunction(factory):
        return exits.enter_context(contextmanager(factory)(**arguments))
    value = factory(**arguments)
    return await value if inspect.isawaitable(value) else value


def needs_of(factory: Callable[..., Any]) -> dict[str, tuple[Any, Any]]:
    """Return which further resources a factory's parameters ask for, with their types."""
    function = factory if inspect.isroutine(factory) else getattr(factory, "__call__", factory)  # noqa: B004
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError):
        hints = dict(getattr(function, "__annotations__", {}))
    needs: dict[str, tuple[Any, Any]] = {}
    for name, hint in hints.items():
        if name != "return" and get_origin(hint) is Annotated:
            kind, *marks = get_args(hint)
            for mark in marks:
                if isinstance(mark, (Resource, ResourceConfig)):
                    needs[name] = (mark, kind)
    return needs


def read_config(config: ResourceConfig, annotation: Any) -> Any:
    """Read a configuration file, or a part of it, into the annotated type. The file is read each time."""
    if not isinstance(config.config_file, str):
        raise StepOptionError(
            option="ResourceConfig(config_file)", value=config.config_file, accepted="the path of a JSON file"
        )
    try:
        value = json.loads(Path(config.config_file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResourceConfigError(file=config.config_file, problem=f"it cannot be read: {error}") from error
    for part in (config.path_selector or "").split(".") if config.path_selector else ():
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            problem = f"it has nothing at {config.path_selector!r} ({part!r} is missing)"
            raise ResourceConfigError(file=config.config_file, problem=problem) from error
    try:
        if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
            return annotation.model_validate(value)
        return TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ResourceConfigError(file=config.config_file, problem=problems) from error


_LIVES = ("attempt", "run", "workflow")


def _lives(resource: Resource) -> str:
    return resource.scope if resource.cache else "attempt"


def _check_lifetime(resource: Resource, needed: Any) -> None:
    if isinstance(needed, Resource) and _LIVES.index(_lives(needed)) < _LIVES.index(_lives(resource)):
        raise ResourceLifetimeError(
            name=_name(resource.factory),
            lives=_lives(resource),
            needed=_name(needed.factory),
            needed_lives=_lives(needed),
        )


def _name(factory: Callable[..., Any]) -> str:
    return str(getattr(factory, "__name__", factory))
