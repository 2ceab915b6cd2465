"""Errors of resources: what a step's parameters ask for cannot be made."""

from collections.abc import Sequence

from stepwell.errors._definitions import Problem, WorkflowValidationError
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

    def __init__(
        self, *, file: str, problem: str, path: str | None = None, step: str | None = None, parameter: str | None = None
    ) -> None:
        self.file = file
        self.problem = problem
        self.path = path
        self.step = step
        self.parameter = parameter
        place = f" at {path!r}" if path else ""
        asker = f", for parameter {parameter!r} of step {step!r}" if step is not None else ""
        super().__init__(
            f"the configuration file {file!r} is of no use{place}{asker}: {problem}. Mend the file, or the parameter."
        )


class ResourceLifetimeError(DefinitionError):
    """A resource needs another that is torn down before it."""

    def __init__(self, *, name: str, lives: str, needed: str, needed_lives: str) -> None:
        self.name = name
        self.needed = needed
        super().__init__(
            f"resource {name!r} lives for one {lives} and needs {needed!r}, which lives only for one {needed_lives}: "
            f"it would be torn down under it. Give {needed!r} the longer scope, or {name!r} the shorter one."
        )


class ResourceValidationError(WorkflowValidationError):
    """Resources that steps ask for cannot be made; ``problems`` has each, with its step's file and line."""

    def __init__(self, *, workflow: str, problems: Sequence[Problem]) -> None:
        self.workflow = workflow
        self.problems = tuple(problems)
        super().__init__(f"Resource validation failed: {_listed(workflow, problems)}")


class ConfigValidationError(ResourceValidationError, ResourceConfigError):
    """Configuration files that steps ask for are of no use; ``problems`` has each, with its step's file and line."""

    def __init__(self, *, workflow: str, problems: Sequence[Problem]) -> None:
        self.workflow = workflow
        self.problems = tuple(problems)
        Exception.__init__(self, f"Resource config validation failed: {_listed(workflow, problems)}")


def _listed(workflow: str, problems: Sequence[Problem]) -> str:
    lines = "".join(f"\n  - {problem.text} ({problem.file}:{problem.line})" for problem in problems)
    return f"{len(problems)} found in workflow {workflow!r}.{lines}"
