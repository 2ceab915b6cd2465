"""The names of the interface, and the names of its arguments."""

# mypy: ignore-errors

import inspect

import engine
from observing import program

NAMES = {
    "Workflow": [
        "add_step",
        "events",
        "run",
        "start_event_class",
        "stop_event_class",
        "validate",
        "workflow_name",
    ],
    "Context": [
        "collect_events",
        "get_result",
        "get_step_context",
        "retry_info",
        "send_event",
        "store",
        "stream_events",
        "streaming_queue",
        "wait_for_event",
        "write_event_to_stream",
    ],
    "WorkflowHandler": [
        "cancel",
        "cancel_run",
        "cancelled",
        "ctx",
        "done",
        "exception",
        "get_stop_event",
        "is_done",
        "send_event",
        "stop_event_result",
        "stream_events",
    ],
    "Event": ["get", "items", "keys", "to_dict", "values"],
    "StopEvent": ["get", "items", "keys", "result", "to_dict", "values"],
    "StepFailedEvent": [
        "attempts",
        "elapsed_seconds",
        "exception",
        "failed_at",
        "get",
        "input_event",
        "items",
        "keys",
        "step_name",
        "to_dict",
        "values",
    ],
    "WorkflowFailedEvent": [
        "attempts",
        "elapsed_seconds",
        "exception",
        "get",
        "items",
        "keys",
        "result",
        "step_name",
        "to_dict",
        "values",
    ],
    "WorkflowTimedOutEvent": ["active_steps", "get", "items", "keys", "result", "timeout", "to_dict", "values"],
    "StepStateChanged": [
        "get",
        "input_event_name",
        "items",
        "keys",
        "name",
        "output_event_name",
        "step_state",
        "to_dict",
        "values",
        "worker_id",
    ],
    "UnhandledEvent": [
        "event_type",
        "get",
        "idle",
        "items",
        "keys",
        "qualified_name",
        "step_name",
        "to_dict",
        "values",
    ],
    "DictState": ["get", "items", "keys", "to_dict", "values"],
    "JsonSerializer": [
        "deserialize",
        "deserialize_value",
        "resolve_class",
        "serialize",
        "serialize_value",
        "with_types",
    ],
    "WorkflowTestRunner": ["run"],
}
CALLS = {
    "Workflow": [
        "timeout",
        "disable_validation",
        "verbose",
        "resource_manager",
        "num_concurrent_runs",
        "workflow_name",
        "skip_graph_checks",
        "serializer",
    ],
    "Collect": ["cardinality"],
    "Take": ["n"],
    "Resource": ["factory", "cache"],
    "ResourceConfig": ["config_file", "path_selector", "label", "description"],
    "ConstantDelayRetryPolicy": ["maximum_attempts", "delay"],
    "ExponentialBackoffRetryPolicy": ["maximum_attempts", "initial_delay", "multiplier", "max_delay", "jitter"],
    "retry_all": ["retries"],
    "retry_any": ["retries"],
    "retry_if_exception": ["predicate"],
    "retry_if_exception_cause_type": ["exception_types"],
    "retry_if_exception_message": ["message", "match"],
    "retry_if_exception_type": ["exception_types"],
    "retry_if_not_exception_message": ["message", "match"],
    "retry_if_not_exception_type": ["exception_types"],
    "retry_unless_exception_type": ["exception_types"],
    "stop_after_attempt": ["max_attempt_number"],
    "stop_after_delay": ["max_delay"],
    "stop_all": ["stops"],
    "stop_any": ["stops"],
    "stop_before_delay": ["max_delay"],
    "wait_chain": ["strategies"],
    "wait_combine": ["strategies"],
    "wait_exponential": ["multiplier", "exp_base", "max", "min"],
    "wait_exponential_jitter": ["initial", "exp_base", "max", "jitter"],
    "wait_fixed": ["wait"],
    "wait_incrementing": ["start", "increment", "max"],
    "wait_random": ["min", "max"],
    "wait_random_exponential": ["multiplier", "exp_base", "max", "min"],
    "catch_error": ["func", "for_steps", "max_recoveries"],
    "draw_all_possible_flows_mermaid": ["workflow", "filename", "max_label_length", "include_child_workflows"],
    "draw_most_recent_execution_mermaid": ["handler", "filename", "max_label_length"],
    "get_workflow_representation": ["workflow"],
    "retry_policy": ["retry", "wait", "stop"],
    "step": ["func", "workflow", "num_workers", "retry_policy", "skip_graph_checks", "accept_event_subclasses"],
    "wait_full_jitter": ["multiplier", "exp_base", "max", "min"],
    "Workflow.add_step": ["func"],
    "Workflow.run": ["ctx", "start_event"],
    "Workflow.validate": ["validate_resource_configs", "validate_resources"],
    "Context.collect_events": ["ev", "expected", "buffer_id"],
    "Context.from_dict": ["workflow", "data", "serializer"],
    "Context.send_event": ["message", "step"],
    "Context.to_dict": ["serializer", "include_state"],
    "Context.wait_for_event": ["event_type", "waiter_event", "waiter_id", "requirements", "timeout"],
    "Context.write_event_to_stream": ["ev"],
    "WorkflowHandler.cancel_run": ["timeout"],
    "WorkflowHandler.send_event": ["event", "step"],
    "WorkflowHandler.stream_events": ["expose_internal"],
    "WorkflowTestRunner.run": ["start_event", "ctx", "expose_internal", "exclude_events"],
}


def known(name):
    """What a class offers, fields included."""
    cls = getattr(engine, name)
    return {*dir(cls), *getattr(cls, "model_fields", ())}


@program
async def names_of_classes():
    missing = {name: sorted(set(wanted) - known(name)) for name, wanted in NAMES.items()}
    return {name: names for name, names in missing.items() if names}


@program
async def names_of_arguments():
    missing = {}
    for call, wanted in CALLS.items():
        target = engine
        for part in call.split("."):
            target = getattr(target, part, None)
        arguments = inspect.signature(target).parameters if target is not None else ()
        missing[call] = sorted(set(wanted) - set(arguments))
    return {call: names for call, names in missing.items() if names}


@program
async def names_for_snapshots():
    wanted = {"Context": ["from_dict", "is_running", "running_steps", "to_dict"], "Workflow": ["serializer"]}
    return {name: sorted(set(names) - known(name)) for name, names in wanted.items()}
