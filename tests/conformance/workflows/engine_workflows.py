"""The neutral namespace of the programs, filled by llama-index-workflows. Its twin is engine_stepwell.py."""

# ruff: noqa: F401  # the names are there for the programs
# mypy: ignore-errors
# The peer is in the environment that runs this, not in the one that checks it.

from llama_index.utils.workflow import (
    draw_all_possible_flows_mermaid,
    draw_most_recent_execution_mermaid,
)
from workflows import (
    Context,
    Workflow,
    catch_error,
    step,
)
from workflows.collect import (
    All,
    Collect,
    Take,
)
from workflows.context import (
    JsonSerializer,
    PickleSerializer,
)
from workflows.context.state_store import (
    DictState,
    InMemoryStateStore,
)
from workflows.errors import (
    ContextSerdeError,
    ContextStateError,
    WorkflowCancelledByUser,
    WorkflowConfigurationError,
    WorkflowRuntimeError,
    WorkflowTimeoutError,
    WorkflowValidationError,
)
from workflows.events import (
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StepFailedEvent,
    StepState,
    StepStateChanged,
    StopEvent,
    UnhandledEvent,
    WorkflowCancelledEvent,
    WorkflowFailedEvent,
    WorkflowIdleEvent,
    WorkflowTimedOutEvent,
)
from workflows.handler import (
    WorkflowHandler,
)
from workflows.representation import (
    get_workflow_representation,
)
from workflows.resource import (
    Resource,
    ResourceConfig,
    ResourceManager,
)
from workflows.retry_policy import (
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
from workflows.testing import (
    WorkflowTestRunner,
)
