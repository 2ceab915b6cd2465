"""The trunk of the error tree: one base class, and a branch for each owner of a fault."""

from typing import Any


class StepwellError(Exception):
    """Every error that stepwell raises on purpose is one of these."""

    def __reduce__(self) -> tuple[Any, ...]:
        # An error takes facts as keywords and writes its own sentence: made again from that it would be another one.
        return _copy_of, (type(self), self.args, dict(self.__dict__))


def _copy_of(kind: type[StepwellError], args: tuple[Any, ...], facts: dict[str, Any]) -> StepwellError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(facts)
    return error


class DefinitionError(StepwellError):
    """The author of a workflow declared something that cannot work; raised before any run."""


class StepError(StepwellError):
    """What the engine finds wrong about a step while it runs; a user's own exception stays itself."""


class UsageError(StepwellError):
    """The caller asked for something that cannot be done, or at a moment when it cannot."""


class ModelError(StepwellError):
    """A model, or the server in front of it, did not answer as it should."""


class ReplayError(StepwellError):
    """What was recorded and what the code does now disagree."""
