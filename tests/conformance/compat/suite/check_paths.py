"""The older paths of import, and the newest: all lead to the classes that ``workflows`` has."""

# mypy: ignore-errors

import importlib
import importlib.util
import pickle
import sys

import llama_index.core.workflow as core_workflow
import pytest
import workflows
import workflows.events as events
from llama_index.core.workflow import (
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    JsonPickleSerializer,
    JsonSerializer,
    StartEvent,
    StopEvent,
    Workflow,
    WorkflowRuntimeError,
    WorkflowTimeoutError,
    WorkflowValidationError,
    step,
)
from llama_index.core.workflow.context_serializers import BaseSerializer, PickleSerializer
from llama_index.core.workflow.errors import WorkflowCancelledByUser
from llama_index.core.workflow.events import EventType
from llama_index.core.workflow.handler import WorkflowHandler
from llama_index.core.workflow.resource import Resource, ResourceManager
from llama_index.core.workflow.retry_policy import ConstantDelayRetryPolicy, RetryPolicy
from llama_index.core.workflow.workflow import WorkflowMeta
from workflows import errors, handler, resource, retry_policy
from workflows.context import serializers


def test_the_names_of_the_core_are_those_of_workflows():
    assert Workflow is workflows.Workflow
    assert Context is workflows.Context
    assert Event is events.Event
    assert StartEvent is events.StartEvent
    assert StopEvent is events.StopEvent
    assert HumanResponseEvent is events.HumanResponseEvent
    assert InputRequiredEvent is events.InputRequiredEvent
    assert JsonSerializer is serializers.JsonSerializer
    assert WorkflowRuntimeError is errors.WorkflowRuntimeError
    assert WorkflowTimeoutError is errors.WorkflowTimeoutError
    assert WorkflowValidationError is errors.WorkflowValidationError


def test_the_submodules_of_the_core_are_too():
    assert BaseSerializer is serializers.BaseSerializer
    assert JsonPickleSerializer is PickleSerializer is serializers.PickleSerializer
    assert WorkflowCancelledByUser is errors.WorkflowCancelledByUser
    assert EventType == events.EventType
    assert WorkflowHandler is handler.WorkflowHandler
    assert Resource is resource.Resource
    assert ResourceManager is resource.ResourceManager
    assert ConstantDelayRetryPolicy is retry_policy.ConstantDelayRetryPolicy
    assert RetryPolicy is retry_policy.RetryPolicy
    assert isinstance(Workflow, WorkflowMeta)


def test_a_star_takes_the_four_words():
    names = {}
    exec("from workflows import *", names)

    assert set(names) - {"__builtins__"} == {"Context", "Workflow", "catch_error", "step"}


def test_modules_are_found_and_imported_by_name():
    assert importlib.util.find_spec("workflows.retry_policy") is not None
    assert importlib.import_module("workflows.retry_policy") is retry_policy
    assert sys.modules["workflows.events"] is events
    assert core_workflow.__name__ == "llama_index.core.workflow"


def test_a_module_that_does_not_exist_is_not_found():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("workflows.nonsense")


def test_a_name_that_does_not_exist_cannot_be_imported():
    with pytest.raises(ImportError):
        exec("from workflows.events import Nonsense")


def test_events_can_be_pickled():
    event = StopEvent(result=[1, 2])

    assert pickle.loads(pickle.dumps(event)) == event


async def test_a_workflow_with_the_imports_of_the_core_runs():
    class Echo(Workflow):
        @step
        async def echo(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(result=ev.word)

    assert await Echo(timeout=5).run(word="well") == "well"
