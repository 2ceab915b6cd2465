"""Every deliberate error of stepwell, in branches by whose fault it is. Imports nothing of the house."""

from stepwell.errors._retry import RetryArgumentError, RetryDelayError, RetryNumberError
from stepwell.errors._roots import (
    DefinitionError,
    ModelError,
    ReplayError,
    StepError,
    StepwellError,
    UsageError,
)
from stepwell.errors._state import (
    AllowListError,
    ContextSerdeError,
    ContextStateError,
    PayloadError,
    StateCopyError,
    StateDefaultsError,
    StateEditError,
    StateHierarchyError,
    StateModelError,
    StatePathError,
    StatePathLengthError,
    StateTypeError,
    StateWriteError,
    UnencodableValueError,
)

__all__ = [
    "AllowListError",
    "ContextSerdeError",
    "ContextStateError",
    "DefinitionError",
    "ModelError",
    "PayloadError",
    "ReplayError",
    "RetryArgumentError",
    "RetryDelayError",
    "RetryNumberError",
    "StateCopyError",
    "StateDefaultsError",
    "StateEditError",
    "StateHierarchyError",
    "StateModelError",
    "StatePathError",
    "StatePathLengthError",
    "StateTypeError",
    "StateWriteError",
    "StepError",
    "StepwellError",
    "UnencodableValueError",
    "UsageError",
]
