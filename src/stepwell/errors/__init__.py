"""Every deliberate error of stepwell, in branches by whose fault it is. Imports nothing of the house."""

from stepwell.errors._models import (
    BrokenStreamError,
    KeyRefusedError,
    MalformedAnswerError,
    MissingKeyError,
    MissingPackageError,
    ModelServerError,
    ModelTimeoutError,
    ModelUnreachableError,
    RateLimitedError,
    RequestRefusedError,
)
from stepwell.errors._roots import (
    DefinitionError,
    ModelError,
    ReplayError,
    StepError,
    StepwellError,
    UsageError,
)

__all__ = [
    "BrokenStreamError",
    "DefinitionError",
    "KeyRefusedError",
    "MalformedAnswerError",
    "MissingKeyError",
    "MissingPackageError",
    "ModelError",
    "ModelServerError",
    "ModelTimeoutError",
    "ModelUnreachableError",
    "RateLimitedError",
    "ReplayError",
    "RequestRefusedError",
    "StepError",
    "StepwellError",
    "UsageError",
]
