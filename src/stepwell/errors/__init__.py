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

__all__ = [
    "DefinitionError",
    "ModelError",
    "ReplayError",
    "RetryArgumentError",
    "RetryDelayError",
    "RetryNumberError",
    "StepError",
    "StepwellError",
    "UsageError",
]
