"""Errors about drawings and the graphs they are made from."""

from collections.abc import Iterable

from stepwell.errors._roots import UsageError
from stepwell.errors._shown import shown


class NotAWorkflowError(UsageError, TypeError):
    """Something that is no workflow was to be drawn or described."""

    def __init__(self, *, given: object) -> None:
        self.given = given
        shown = given.__qualname__ if isinstance(given, type) else f"an object of class {type(given).__qualname__}"
        super().__init__(
            f"{shown} is no workflow. A subclass of Workflow can be drawn, or an instance of one: pass that instead."
        )


class DrawingFormatError(UsageError, ValueError):
    """A drawing was asked for in a format that there is not."""

    def __init__(self, *, given: object, known: Iterable[str]) -> None:
        self.given = given
        self.known = tuple(known)
        super().__init__(f"There is no drawing format {shown(given)}; use one of {', '.join(self.known)}.")


class LabelLengthError(UsageError, ValueError):
    """The longest label that a drawing may have is no length."""

    def __init__(self, *, given: object) -> None:
        self.given = given
        super().__init__(
            f"max_label_length is a number of characters, 2 or more, or None for whole names; it cannot be "
            f"{shown(given)}. Leave it out unless names are very long."
        )


class DrawingFileError(UsageError, OSError):
    """A drawing could not be written where it was to go."""

    def __init__(self, *, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(
            f"The drawing cannot be written to {path}: {reason}. Name a file in a directory that exists and that "
            f"you may write to."
        )

    def __str__(self) -> str:
        return str(self.args[0])


class NotAHandlerOfRunError(UsageError, TypeError):
    """An execution was to be drawn of something that is no run's handler."""

    def __init__(self, *, given: object) -> None:
        self.given = given
        super().__init__(
            f"{type(given).__qualname__} tells nothing of a run; the handler that workflow.run(…) returns does. "
            f"Keep it, await it, and pass it here."
        )
