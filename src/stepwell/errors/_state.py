"""What can go wrong with the state of a run: its paths, type and editing, its way into a text and back."""

from collections.abc import Iterable

from stepwell.errors._roots import DefinitionError, StepError, UsageError
from stepwell.errors._shown import shown


class ContextStateError(UsageError):
    """A context was asked for something at a moment at which it cannot do it."""


class NotAContextError(ContextStateError, TypeError):
    """``run(ctx=…)`` got something that is no context."""

    def __init__(self, *, given: object) -> None:
        self.given = given
        super().__init__(
            f"run(ctx=…) takes the context of an earlier run (handler.ctx), not {type(given).__name__}. A field called "
            f"ctx has to come in run(start_event=…)."
        )


class ForeignContextError(ContextStateError):
    """The context of a run of one workflow was given to another."""

    def __init__(self, *, workflow: str, other: str) -> None:
        self.workflow = workflow
        self.other = other
        super().__init__(
            f"this context belongs to a run of {other}, and {workflow} cannot go on with it. Pass one of its own runs'."
        )


class RunningContextError(ContextStateError):
    """A run was to go on with the context of one that is not over."""

    def __init__(self, *, workflow: str) -> None:
        self.workflow = workflow
        super().__init__(
            f"Cannot start a new run while context is already running. Wait for completion or use a new Context: await "
            f"the earlier run of {workflow} first, or leave ctx= away."
        )


class ContextSerdeError(UsageError, ValueError):
    """Something of a run could not be written as data, or not be read back from it."""


class UnencodableValueError(ContextSerdeError):
    """A value has no lossless form as data; ``path`` says where it is."""

    def __init__(self, *, path: str, value_type: str, reason: str) -> None:
        self.path = path
        self.value_type = value_type
        self.reason = reason
        super().__init__(f"Failed to serialize value: {path} ({value_type}) cannot be stored: {reason}.")


class PayloadError(ContextSerdeError):
    """A stored payload is damaged, foreign, newer than this version, or names what it may not name."""

    def __init__(self, *, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(
            f"the stored data cannot be read at {path}: {reason}. "
            f"Nothing was restored; give data that this or an older version wrote for the same classes."
        )


class RestoredError(StepError):
    """Stands for a stored exception whose class is not known where it was read."""

    def __init__(
        self,
        *,
        class_name: str,
        message: str,
        arguments: tuple[object, ...] = (),
        attributes: dict[str, object] | None = None,
        traceback_text: str = "",
    ) -> None:
        self.class_name = class_name
        self.message = message
        self.arguments = arguments
        self.attributes = attributes or {}
        self.traceback_text = traceback_text
        super().__init__(
            f"{class_name}: {message} (read from stored data, where its class is not known; "
            f"name the class in allowed_types to have it back)"
        )


class AllowListError(UsageError, TypeError):
    """The list of classes that a payload may name holds something that cannot be one."""

    def __init__(self, *, entry: object, reason: str) -> None:
        self.entry = entry
        self.reason = reason
        super().__init__(
            f"allowed_types cannot hold {shown(entry)}: {reason}. Give classes, or texts like 'package.module.Class'."
        )


class StatePathError(UsageError, ValueError):
    """There is nothing at a path of the state."""

    def __init__(self, *, path: str, reached: str, holder: str, names: Iterable[str]) -> None:
        self.path = path
        self.reached = reached
        self.holder = holder
        self.names = tuple(names)
        super().__init__(
            f"Path {shown(path)} not found in state: {reached or 'the state'} is a {holder} with "
            f"{', '.join(self.names) or 'nothing in it'}. Give an existing path, or a default."
        )


class StatePathLengthError(UsageError, ValueError):
    """A path of the state is longer than any path may be."""

    def __init__(self, *, segments: int, most: int) -> None:
        self.segments = segments
        self.most = most
        super().__init__(
            f"Path length exceeds {most} segments: this one has {segments}. Keep what is nested so deeply in one value."
        )


class StateWriteError(UsageError, ValueError, AttributeError):
    """A path of the state cannot be written."""

    def __init__(self, *, path: str, reason: str) -> None:
        # AttributeError's own __init__ is not called: it would take the facts for its own.
        self.path = path
        self.reason = reason
        super().__init__(f"Path {shown(path)} cannot be set: {reason}.")


class StateTypeError(UsageError, ValueError):
    """A whole state of the wrong type was given."""

    def __init__(self, *, expected: str, given: str) -> None:
        self.expected = expected
        self.given = given
        super().__init__(
            f"State must be of type {expected} or a parent type, got {given}. "
            f"A parent's fields are merged into the state, and nothing else fits."
        )


class StateEditError(UsageError, RuntimeError):
    """The state was written from inside ``edit_state``, which would wait for itself for ever."""

    def __init__(self, *, writer: str) -> None:
        self.writer = writer
        super().__init__(
            f"{writer}: writer called inside edit_state: mutate the yielded state instead, "
            f"or write after the block has ended."
        )


class StateCopyError(UsageError, ValueError):
    """The state is nested too deeply for an isolated copy of it."""

    def __init__(self, *, state_type: str) -> None:
        self.state_type = state_type
        super().__init__(
            f"the {state_type} is nested too deeply to be copied for edit_state. Write it by path "
            f"(store.set) instead, or keep deep structures flat, as ids in a dict."
        )


class StateDefaultsError(DefinitionError, ValueError):
    """A state type cannot be made without arguments."""

    def __init__(self, *, state_type: str, fields: Iterable[str]) -> None:
        self.state_type = state_type
        self.fields = tuple(fields)
        named = f" {', '.join(self.fields)} of" if self.fields else ""
        super().__init__(
            f"State must have defaults for all fields:{named} {state_type} cannot be made without a value. "
            f"A run begins with state_type(); give each field a default."
        )


class StateHierarchyError(DefinitionError, ValueError):
    """Steps of one workflow ask for state types of which none is derived from all others."""

    def __init__(self, *, state_types: Iterable[str]) -> None:
        self.state_types = tuple(sorted(state_types))
        super().__init__(
            f"Multiple state types are not in a compatible inheritance hierarchy: "
            f"{', '.join(self.state_types)}. All steps of a workflow share one state; let one of these types "
            f"derive from all the others."
        )


class StateModelError(DefinitionError, TypeError):
    """A state type is no pydantic model."""

    def __init__(self, *, state_type: object) -> None:
        self.state_type = state_type
        super().__init__(
            f"a state type must be a pydantic model, and {shown(state_type)} is none. "
            f"Derive it from pydantic.BaseModel, or use DictState for a state without declared fields."
        )
