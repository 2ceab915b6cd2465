"""Errors of the command line: which file, which workflow, what it needs. Each names what would have been right."""

from collections.abc import Sequence

from stepwell.errors._definitions import near_misses
from stepwell.errors._roots import DefinitionError, UsageError


class WorkflowFileMissingError(UsageError, FileNotFoundError):
    """The file named on the command line is not there, or is no file of Python."""

    def __init__(self, *, path: str, reason: str, suggestions: Sequence[str] = ()) -> None:
        self.path = path
        self.reason = reason
        self.suggestions = tuple(suggestions)
        super().__init__(
            f"{path} {reason}; name a Python file, as in flow.py or flow.py:Class.{near_misses(suggestions)}"
        )


class WorkflowFileBrokenError(DefinitionError, ImportError):
    """A file cannot be loaded: it is not Python, or its own code fails while it is imported. ``line`` 0 is unknown."""

    def __init__(self, *, path: str, line: int, reason: str) -> None:
        self.path = path
        self.line = line
        self.reason = reason
        super().__init__(f"{path}:{line} cannot be loaded: {reason}" if line else f"{path} cannot be loaded: {reason}")


class NoWorkflowError(UsageError, LookupError):
    """A file defines no workflow."""

    def __init__(self, *, path: str) -> None:
        self.path = path
        super().__init__(
            f"{path} has no workflow in it; define one: class Name(Workflow) with methods that have @step."
        )


class SeveralWorkflowsError(UsageError, LookupError):
    """A file defines several workflows, and none was named."""

    def __init__(self, *, path: str, names: Sequence[str]) -> None:
        self.path = path
        self.names = tuple(names)
        super().__init__(f"{path} has several workflows; say which: {' or '.join(f'{path}:{n}' for n in self.names)}.")


class UnknownWorkflowError(UsageError, LookupError):
    """A file has no workflow of that name."""

    def __init__(self, *, path: str, name: str, known: Sequence[str], suggestions: Sequence[str]) -> None:
        self.path = path
        self.name = name
        self.known = tuple(known)
        super().__init__(
            f"{path} has no workflow {name!r}; it has {', '.join(self.known) or 'none'}."
            + near_misses([f"{path}:{close}" for close in suggestions])
        )


class WorkflowArgumentsError(UsageError, TypeError):
    """A workflow class cannot be made without arguments, and the command line has none to give."""

    def __init__(self, *, workflow: str, path: str, reason: str) -> None:
        self.workflow = workflow
        self.path = path
        self.reason = reason
        super().__init__(
            f"{workflow}() cannot be made without arguments ({reason}); make one in {path}, as in "
            f"ready = {workflow}(…), and name that: {path}:ready."
        )


class AnswerMissingError(UsageError):
    """A run asks a question, and standard input has no answer to it."""

    def __init__(self, *, workflow: str, question: str) -> None:
        self.workflow = workflow
        self.question = question
        super().__init__(
            f"{workflow} waits for an answer to {question!r}, and standard input is at its end; "
            f"answer in a terminal, or pipe one line for each question."
        )
