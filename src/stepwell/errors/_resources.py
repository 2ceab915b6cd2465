"""Errors of resources: what a step's parameters ask for cannot be made."""

from collections.abc import Sequence

from stepwell.errors._definitions import WorkflowValidationError
from stepwell.errors._roots import DefinitionError, UsageError


class CircularResourceError(DefinitionError, ValueError):
    """Resources need each other in a circle."""

    def __init__(self, *, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(
            f"Circular resource dependency detected: {' -> '.join(names)}. Let one of them be made without the other."
        )


class ResourceConfigError(UsageError, ValueError):
    """A configuration file does not give what a step's parameter asks for."""

    def __init__(self, *, file: str, problem: str) -> None:
        self.file = file
        self.problem = problem
        super().__init__(f"the configuration file {file!r} is of no use: {problem}. Mend the file, or the parameter.")


class ResourceValidationError(WorkflowValidationError):
    """Steps ask for configuration files, or for resources, that cannot be had; ``problems`` lists them all."""

    def __init__(self, *, workflow: str, what: str, problems: Sequence[str]) -> None:
        self.workflow = workflow
        self.problems = tuple(problems)
        listed = "".join(f"\n  - {problem}" for problem in problems)
        super().__init__(f"{what} validation failed: workflow {workflow!r} cannot get what its steps ask for.{listed}")


class ResourceLifetimeError(DefinitionError):
    """A resource needs another that is torn down before it."""

    def __init__(self, *, name: str, lives: str, needed: str, needed_lives: str) -> None:
        self.name = name
        self.needed = needed
        super().__init__(
            f"resource {name!r} lives for one {lives} and needs {needed!r}, which lives only for one {needed_lives}: "
            f"it would be torn down under it. Give {needed!r} the longer scope, or {name!r} the shorter one."
        )
