"""Looking at the resources of all steps before any run: their configuration files, and on request the making itself."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

from stepwell.errors import ConfigValidationError, Problem, ResourceConfigError, ResourceValidationError
from stepwell.flow import Resource, ResourceConfig, ResourceParameter, StepDefinition
from stepwell.runtime._blocking import blocking
from stepwell.runtime._resource_configs import read_config
from stepwell.runtime._resources import ResourceManager, Scopes, factory_name, needs_of


def check_configs(workflow: str, steps: Sequence[StepDefinition], manager: ResourceManager) -> None:
    """Read every configuration file that a step, or a resource of it, asks for. Raises ``ConfigValidationError``."""
    problems = [
        _problem("resource_config", step, parameter, chain, text)
        for step in steps
        for parameter in step.signature.resources
        for chain, text in _config_problems(parameter.descriptor, parameter.annotation, manager, ())
    ]
    if problems:
        raise ConfigValidationError(workflow=workflow, problems=problems)


def _config_problems(
    descriptor: Any, annotation: Any, manager: ResourceManager, chain: tuple[Callable[..., Any], ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(descriptor, ResourceConfig):
        try:
            read_config(descriptor, annotation)
        except ResourceConfigError as error:
            way = (*map(factory_name, chain), descriptor.label or descriptor.config_file) if chain else ()
            yield way, str(error)
    elif isinstance(descriptor, Resource) and descriptor.factory not in chain and not manager.replaces(descriptor):
        for wanted, kind in needs_of(descriptor.factory).values():
            yield from _config_problems(wanted, kind, manager, (*chain, descriptor.factory))


def check_resources(workflow: str, steps: Sequence[StepDefinition], manager: ResourceManager) -> None:
    """Make every resource once, and tear it down again. Raises ``ResourceValidationError``.

    Nothing that is made is kept: it belongs to an event loop of its own.
    """
    problems = blocking(lambda: _make_all(steps, manager.apart()))
    if problems:
        raise ResourceValidationError(workflow=workflow, problems=problems)


async def _make_all(steps: Sequence[StepDefinition], manager: ResourceManager) -> list[Problem]:
    problems: list[Problem] = []
    loop = asyncio.get_running_loop()
    for step in steps:
        for parameter in step.signature.resources:
            try:
                async with AsyncExitStack() as exits:
                    await manager.value(
                        parameter.descriptor, parameter.annotation, Scopes(loop, exits, lambda: manager.scope(loop))
                    )
            except Exception as error:  # noqa: BLE001  # a factory is user code; what it raises is the finding
                chain = () if isinstance(parameter.descriptor, ResourceConfig) else (_shown(parameter),)
                problems.append(_problem("resource", step, parameter, chain, f"{type(error).__name__}: {error}"))
    try:
        await manager.aclose()
    except Exception as error:  # noqa: BLE001  # as above
        file, line = (steps[0].location.file, steps[0].location.line) if steps else ("", 0)
        text = f"the teardown of a resource failed: {type(error).__name__}: {error}"
        problems.append(Problem(rule="resource", text=text, file=file, line=line))
    return problems


def _shown(parameter: ResourceParameter) -> str:
    return factory_name(parameter.descriptor.factory)


def _problem(
    rule: str, step: StepDefinition, parameter: ResourceParameter, chain: tuple[str, ...], text: str
) -> Problem:
    way = f" ({' -> '.join(chain)})" if chain else ""
    return Problem(
        rule=rule,
        text=f"In step {step.name!r}, parameter {parameter.name!r}{way}: {text}",
        file=step.location.file,
        line=step.location.line,
    )
