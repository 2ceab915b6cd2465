"""What can go wrong with a run that is put away and taken up again, and with the points recorded in it."""

from stepwell.errors._roots import ReplayError, UsageError
from stepwell.errors._state import ContextSerdeError, ContextStateError


class SnapshotError(ContextSerdeError):
    """A snapshot is damaged, was tampered with, or does not fit the workflow as it is now; ``path`` says where."""

    def __init__(self, *, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(
            f"the snapshot cannot be taken up, at {path}: {reason}. Nothing was started; give a dictionary that "
            f"to_dict() made of a run of this workflow, unchanged."
        )


class ForeignSnapshotError(SnapshotError):
    """A snapshot of a run of one workflow was given to another."""

    def __init__(self, *, workflow: str, other: str, path: str = "workflow") -> None:
        self.workflow = workflow
        self.other = other
        super().__init__(path=path, reason=f"it is of a run of {other}, and {workflow} cannot go on with that")


class SnapshotVersionError(SnapshotError):
    """A snapshot was made by a version of stepwell whose format is not known here."""

    def __init__(self, *, version: object, newest: int, path: str = "version") -> None:
        self.version = version
        self.newest = newest
        super().__init__(
            path=path,
            reason=f"Cannot load serialized workflow context with version={version!r}, this stepwell reads up to "
            f"{newest}",
        )


class NoRunError(ContextStateError):
    """Something that belongs to a run was asked of a context that no run has yet."""

    def __init__(self, *, call: str) -> None:
        self.call = call
        super().__init__(
            f"{call} requires a running workflow. Call workflow.run() first: this context was made for a run to come, "
            f"run(ctx=…), and has nothing but its store until then."
        )


class OutsideOnlyError(ContextStateError):
    """Something that belongs to who runs a workflow was asked inside one of its steps."""

    def __init__(self, *, call: str) -> None:
        self.call = call
        super().__init__(
            f"{call} is only available from handler code, not from within steps. Ask handler.ctx, where the run was "
            f"started."
        )


class PointMismatchError(ReplayError):
    """A body that is run again does not do what was recorded of it."""

    def __init__(self, *, step: str, recorded: str, asked: str) -> None:
        self.step = step
        self.recorded = recorded
        self.asked = asked
        super().__init__(
            f"step {step!r} was run again from the top, and came to {asked} where {recorded} is recorded. Between "
            f"recorded points a body must do the same each time: put what is random or from outside into "
            f"ctx.once(name, function), and change the code of a step only when no run is inside it."
        )


class ChildMismatchError(ReplayError):
    """The child workflow that a body made when it ran again is not the one that a snapshot holds."""

    def __init__(self, *, step: str, workflow: str, path: str, reason: str) -> None:
        self.step = step
        self.workflow = workflow
        self.path = path
        self.reason = reason
        super().__init__(
            f"step {step!r} was run again from the top, and the {workflow} that it made cannot go on where the "
            f"snapshot's child stood, at {path}: {reason}. Make the same workflow as then, with its steps and its "
            f"serializer; the snapshot can be taken up again."
        )


class NestedPointError(UsageError, RuntimeError):
    """A recorded point was asked for inside the function of another."""

    def __init__(self, *, call: str, inside: str) -> None:
        self.call = call
        self.inside = inside
        super().__init__(
            f"{call} cannot be used inside the function of {inside}: what that function does is recorded as one. "
            f"Call it before or after."
        )
