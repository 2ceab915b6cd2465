"""The neutral namespace of the programs, filled by stepwell. Its twin is engine_workflows.py: same names."""

# ruff: noqa: F401  # the names are there for the programs

from stepwell import (
    All,
    Collect,
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    Resource,
    ResourceConfig,
    StartEvent,
    StepFailedEvent,
    StopEvent,
    Take,
    Workflow,
    WorkflowHandler,
    catch_error,
    step,
)
from stepwell.drawing import draw_all_possible_flows_mermaid, draw_most_recent_execution_mermaid
from stepwell.errors import (
    ContextSerdeError,
    ContextStateError,
    WorkflowCancelledByUser,
    WorkflowConfigurationError,
    WorkflowRuntimeError,
    WorkflowTimeoutError,
    WorkflowValidationError,
)
from stepwell.flow import (
    StepState,
    StepStateChanged,
    UnhandledEvent,
    WorkflowCancelledEvent,
    WorkflowFailedEvent,
    WorkflowIdleEvent,
    WorkflowTimedOutEvent,
)
from stepwell.flow.codec import JsonSerializer, PickleSerializer
from stepwell.representation import get_workflow_representation
from stepwell.retry_policy import (
    ConstantDelayRetryPolicy,
    ExponentialBackoffRetryPolicy,
    retry_all,
    retry_always,
    retry_any,
    retry_if_exception,
    retry_if_exception_cause_type,
    retry_if_exception_message,
    retry_if_exception_type,
    retry_if_not_exception_message,
    retry_if_not_exception_type,
    retry_never,
    retry_policy,
    retry_unless_exception_type,
    stop_after_attempt,
    stop_after_delay,
    stop_all,
    stop_any,
    stop_before_delay,
    stop_never,
    wait_chain,
    wait_combine,
    wait_exponential,
    wait_exponential_jitter,
    wait_fixed,
    wait_full_jitter,
    wait_incrementing,
    wait_none,
    wait_random,
    wait_random_exponential,
)
from stepwell.runtime import DictState, InMemoryStateStore, ResourceManager
from stepwell.testing import WorkflowTestRunner
