"""Every deliberate error of stepwell, in branches by whose fault it is. Imports nothing of the house."""

from stepwell.errors._definitions import (
    DuplicateStepError,
    Problem,
    StartEventError,
    StepOptionError,
    StepParameterError,
    StepSignatureError,
    StopEventError,
    UnboundStepError,
    UnresolvedAnnotationError,
    WorkflowConfigurationError,
    WorkflowGraphError,
    WorkflowValidationError,
    near_misses,
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
    "DefinitionError",
    "DuplicateStepError",
    "ModelError",
    "Problem",
    "ReplayError",
    "StartEventError",
    "StepError",
    "StepOptionError",
    "StepParameterError",
    "StepSignatureError",
    "StepwellError",
    "StopEventError",
    "UnboundStepError",
    "UnresolvedAnnotationError",
    "UsageError",
    "WorkflowConfigurationError",
    "WorkflowGraphError",
    "WorkflowValidationError",
    "near_misses",
]
