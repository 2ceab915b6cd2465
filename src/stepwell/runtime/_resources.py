"""Making what ``Resource`` parameters ask for: once where it is shared, and torn down when its time is over.

Rule 1. A resource is known by its factory object, never by a name.
Rule 2. However many attempts ask at once, a shared resource is made once; if that fails, each of them is told,
        and the next one tries again.
Rule 3. What was made last is torn down first: an attempt's own when it ends, a run's when the run ends, the
        workflow's in ``await workflow.aclose()``.
"""

import asyncio
import inspect
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from stepwell.errors import (
    CallArgumentError,
    CircularResourceError,
    ResourceConfigError,
    ResourceLifetimeError,
)
from stepwell.flow import Resource, ResourceConfig, StepDefinition
from stepwell.runtime._resource_configs import read_config
from stepwell.runtime._verdicts import add_note

logger = logging.getLogger("stepwell.runtime")


class ResourceScope:
    """What lives for one workflow, one run or one attempt, and is torn down together."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._made: dict[Callable[..., Any], asyncio.Future[Any]] = {}
        self._exits = AsyncExitStack()

    def is_making(self, factory: Callable[..., Any]) -> bool:
        """Return whether somebody is at it now."""
        known = self._made.get(factory)
        return known is not None and not known.done()

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

    def replaces(self, resource: Resource) -> bool:
        """Return whether another value stands in the place of this resource."""
        return resource.factory in self._replaced

    def apart(self) -> "ResourceManager":
        """Return a manager that has made nothing yet, with the same replacements."""
        other = ResourceManager()
        other._replaced = self._replaced
        return other

    def scope(self, loop: asyncio.AbstractEventLoop) -> ResourceScope:
        """Return what lives as long as the workflow; a new event loop begins anew."""
        if self._scope is None or self._scope.loop is not loop:
            self._scope = ResourceScope(loop)
        return self._scope

    def of_run(self, loop: asyncio.AbstractEventLoop) -> "RunResources":
        """Return what one run will ask of this manager."""
        return RunResources(loop, self)

    async def aclose(self) -> None:
        """Tear down what lives as long as the workflow."""
        scope, self._scope = self._scope, None
        if scope is not None:
            await scope.aclose()

    async def leave(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tear down what was made in ``loop``, which ends. What goes wrong is logged: the run's outcome stands."""
        if self._scope is not None and self._scope.loop is loop:
            try:
                await self.aclose()
            except Exception:
                logger.exception("the teardown of a resource failed")

    async def fill(self, step: StepDefinition, scopes: "Scopes") -> dict[str, Any]:
        """Return a value for each resource parameter of ``step``."""
        values: dict[str, Any] = {}
        for one in step.signature.resources:
            try:
                values[one.name] = await self.value(one.descriptor, one.annotation, scopes)
            except ResourceConfigError as error:
                raise ResourceConfigError(
                    file=error.file, problem=error.problem, path=error.path, step=step.name, parameter=one.name
                ) from error
        return values

    async def value(
        self, descriptor: Any, annotation: Any, scopes: "Scopes", chain: tuple[Callable[..., Any], ...] = ()
    ) -> Any:
        """Return the value that a parameter asks for; ``chain`` are the factories that asked for it."""
        if isinstance(descriptor, ResourceConfig):
            return read_config(descriptor, annotation)
        factory = descriptor.factory
        if factory in self._replaced:
            return self._replaced[factory]
        if factory in chain:
            raise CircularResourceError(names=[factory_name(one) for one in (*chain[chain.index(factory) :], factory)])

        async def make(exits: AsyncExitStack) -> Any:
            needs = needs_of(factory)
            for wanted, _ in needs.values():
                _check_lifetime(descriptor, wanted)
            arguments = {
                name: await self.value(wanted, kind, scopes, (*chain, factory))
                for name, (wanted, kind) in needs.items()
            }
            try:
                return await enter(factory, arguments, exits)
            except Exception as error:
                add_note(error, f"in resource factory {factory_name(factory)!r}")
                raise

        if not descriptor.cache:
            return await make(scopes.attempt)
        scope = scopes.run() if descriptor.scope == "run" else self.scope(scopes.loop)
        if chain and scope.is_making(factory):
            self._refuse_circle(chain, (factory,))
        return await scope.get(descriptor, make)

    def _refuse_circle(self, chain: tuple[Callable[..., Any], ...], way: tuple[Callable[..., Any], ...]) -> None:
        """Raise where what another attempt is making needs what this one is: each would wait for the other."""
        for wanted, _ in needs_of(way[-1]).values():
            if isinstance(wanted, ResourceConfig) or wanted.factory in self._replaced or wanted.factory in way:
                continue
            if wanted.factory in chain:
                circle = (*chain[chain.index(wanted.factory) :], *way, wanted.factory)
                raise CircularResourceError(names=[factory_name(one) for one in circle])
            self._refuse_circle(chain, (*way, wanted.factory))


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
    function = factory if inspect.isroutine(factory) else getattr(factory, "__call__", factory)  # noqa: B004  # its signature is wanted
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


_LIVES = ("attempt", "run", "workflow")


def _lives(resource: Resource) -> str:
    return resource.scope if resource.cache else "attempt"


def _check_lifetime(resource: Resource, needed: Any) -> None:
    if isinstance(needed, Resource) and _LIVES.index(_lives(needed)) < _LIVES.index(_lives(resource)):
        raise ResourceLifetimeError(
            name=factory_name(resource.factory),
            lives=_lives(resource),
            needed=factory_name(needed.factory),
            needed_lives=_lives(needed),
        )


def factory_name(factory: Callable[..., Any]) -> str:
    return str(getattr(factory, "__name__", factory))
