"""The trunk of the error tree: one base class, and a branch for each owner of a fault."""


class StepwellError(Exception):
    """Every error that stepwell raises on purpose is one of these."""


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
