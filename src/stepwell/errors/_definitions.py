"""Errors of the author of a workflow: raised at decoration, construction or validation, before any run."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from stepwell.errors._roots import DefinitionError
from stepwell.errors._shown import shown


def near_misses(names: Sequence[str]) -> str:
    """Return the sentence that suggests ``names``, or nothing."""
    return f" Did you mean {' or '.join(names)}?" if names else ""


class WorkflowValidationError(DefinitionError):
    """A step or a workflow is declared in a way that cannot work."""


class WorkflowConfigurationError(WorkflowValidationError):
    """A workflow has no way in, no way out, or several."""


class StepSignatureError(WorkflowValidationError):
    """A step's signature does not say what the engine has to know."""

    def __init__(self, *, step: str, location: str, what: str, remedy: str) -> None:
        self.step = step
        self.location = location
        super().__init__(f"{what} (step {step!r} at {location}). {remedy}")


class UnresolvedAnnotationError(StepSignatureError):
    """An annotation of a step names something that cannot be found where the step is defined."""

    def __init__(self, *, step: str, location: str, missing: str, suggestions: Sequence[str]) -> None:
        self.missing = missing
        self.suggestions = tuple(suggestions)
        super().__init__(
            step=step,
            location=location,
            what=f"Failed to resolve type annotations for {step}. Missing name: {missing}",
            remedy=f"Define or import {missing} before the step is decorated."
            + near_misses([repr(name) for name in suggestions]),
        )


class StepParameterError(WorkflowValidationError, ValueError):
    """A marker in a step's signature was given something it cannot use."""

    def __init__(self, *, what: str, fine: str, remedy: str) -> None:
        super().__init__(f"{what}; {fine}. To mend it, {remedy}.")


class StepOptionError(WorkflowValidationError, ValueError):
    """A decorator or a workflow was given an option that it cannot use."""

    def __init__(self, *, option: str, value: object, accepted: str) -> None:
        self.option = option
        self.value = value
        self.accepted = accepted
        super().__init__(f"{option} must be {accepted}, not {shown(value)}.")


class UnboundStepError(WorkflowValidationError):
    """A free function was decorated without saying whose step it is."""

    def __init__(self, *, step: str, location: str) -> None:
        self.step = step
        self.location = location
        super().__init__(
            f"To decorate {step} please pass a workflow class to the @step decorator: {location} is a free "
            f"function. Write @step(workflow=YourWorkflow), or make it a method."
        )


class DuplicateStepError(WorkflowValidationError):
    """Two steps of one workflow have the same name."""

    def __init__(self, *, step: str, workflow: str, location: str) -> None:
        self.step = step
        self.workflow = workflow
        self.location = location
        super().__init__(
            f"A step {step} is already part of this workflow, please choose another name: "
            f"{workflow} has it from {location}."
        )


class HiddenStepError(WorkflowValidationError):
    """A method without ``@step`` has the name of a step of a base class."""

    def __init__(self, *, step: str, workflow: str, location: str, hidden: str) -> None:
        self.step = step
        self.workflow = workflow
        self.location = location
        self.hidden = hidden
        super().__init__(
            f"{workflow}.{step} ({location}) is no step, and hides the step {step} from {hidden}. Decorate it with "
            f"@step to override that one, rename it, or write {step} = None to drop the step."
        )


class ReservedStepNameError(WorkflowValidationError):
    """A step has the name of something that every workflow has."""

    def __init__(self, *, step: str, workflow: str, location: str) -> None:
        self.step = step
        self.workflow = workflow
        self.location = location
        super().__init__(
            f"step {step!r} of {workflow} ({location}) would take the place of Workflow.{step}. Give it another name."
        )


class StartEventError(WorkflowConfigurationError):
    """A workflow has no start, or more than one type of it."""

    def __init__(self, *, workflow: str, location: str, found: Iterable[str], suggestions: Sequence[str]) -> None:
        self.workflow = workflow
        self.location = location
        self.found = tuple(sorted(found))
        if self.found:
            what = (
                f"Only one type of StartEvent is allowed per workflow, found {len(self.found)}: "
                f"{', '.join(self.found)} in workflow {workflow!r} ({location}). Let all first steps accept the same."
            )
        else:
            what = (
                f"At least one Event of type StartEvent must be received by any step. (Workflow {workflow!r} at "
                f"{location} has no @step that accepts StartEvent.) Add one: async def begin(self, ev: StartEvent)."
            )
        super().__init__(what + near_misses(suggestions))


class StopEventError(WorkflowConfigurationError):
    """A workflow has no end, or more than one type of it."""

    def __init__(self, *, workflow: str, location: str, found: Iterable[str], suggestions: Sequence[str]) -> None:
        self.workflow = workflow
        self.location = location
        self.found = tuple(sorted(found))
        if self.found:
            what = (
                f"Only one type of StopEvent is allowed per workflow, found {len(self.found)}: "
                f"{', '.join(self.found)} in workflow {workflow!r} ({location}). Let all last steps return one of them."
            )
        else:
            what = (
                f"At least one Event of type StopEvent must be returned by any step. (Workflow {workflow!r} at "
                f"{location} has no @step that returns StopEvent.) Let its last step return StopEvent(result=…)."
            )
        super().__init__(what + near_misses(suggestions))


class Problem(NamedTuple):
    """One thing that is wrong with a workflow: the broken rule, a sentence, and where it stands."""

    rule: str
    text: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"[{self.rule}] {self.text} ({self.file}:{self.line})"


class WorkflowGraphError(WorkflowValidationError):
    """The steps of a workflow do not fit together. ``problems`` has all that was found, not only the first."""

    def __init__(self, *, workflow: str, problems: Sequence[Problem]) -> None:
        self.workflow = workflow
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"Graph validation failed: workflow {workflow!r} cannot run as it is declared.\n{lines}")
