"""The table of public calls: at which stage, how, and with which arguments they are fine."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from tests.fuzz.nonsense import Other, Ping, Pong, coroutine
from tests.fuzz.stages import Call, after_a_run, beside_a_run, in_a_step, in_a_thread, plainly

from stepwell import (
    All,
    Collect,
    Event,
    Resource,
    ResourceConfig,
    StartEvent,
    StepFailedEvent,
    StopEvent,
    Take,
    Workflow,
    callbacks,
    catch_error,
    drawing,
    retry_policy,
    step,
)
from stepwell.representation import get_workflow_representation
from stepwell.runtime import ResourceManager
from stepwell.testing import VirtualLoop, WorkflowTestRunner, run_virtual, virtual_time

FOLDER = Path(tempfile.mkdtemp(prefix="stepwell-fuzz-"))
CONFIG = FOLDER / "config.json"
CONFIG.write_text('{"a": 1}', encoding="utf-8")
DRAWING = str(FOLDER / "drawing")


@dataclass(frozen=True)
class Misuse:
    """A call; ``fine`` makes arguments that are, one for each parameter that is tried with nonsense.

    ``own`` are exceptions that are no stepwell errors and documented: Python's own for its own protocols, or the
    user's function's.
    """

    name: str
    call: Call
    fine: dict[str, Callable[[], Any]]
    stage: Callable[[Call, dict[str, Any]], None] = plainly
    own: tuple[type[BaseException], ...] = field(default=(ZeroDivisionError,))


def given(value: Any) -> Callable[[], Any]:
    return lambda: value


NONE, FALSE, TRUE = given(None), given(False), given(True)


# The authoring language.


def with_step(**options: Any) -> None:
    class Stepped(Workflow):
        @step(**options)
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    Stepped().validate()
    Stepped().run_sync()


def with_free_step(workflow: Any) -> None:
    @step(workflow=workflow)
    async def odd(ev: Ping) -> None: ...


def with_catcher(**options: Any) -> None:
    class Caught(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

        @catch_error(**options)
        async def mend(self, ev: StepFailedEvent) -> StopEvent:
            return StopEvent()

    Caught().validate()
    Caught().run_sync()


def with_collect(**options: Any) -> None:
    marker = Collect(**options)

    class Joined(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> list[Ping]:
            return [Ping(), Ping()]

        @step
        async def join(self, evs: Annotated[list[Ping], marker]) -> StopEvent:
            return StopEvent()

    Joined().run_sync()


def with_resource(marker: Any) -> None:
    class Resourceful(Workflow):
        @step
        async def begin(self, ev: StartEvent, made: Annotated[int, marker]) -> StopEvent:
            return StopEvent()

    Resourceful().run_sync()
    drawing.draw_all_possible_flows(Resourceful, filename=DRAWING)


def add_to_class(func: Any) -> None:
    class Growing(Other):
        pass

    Growing.add_step(func)


AUTHORING = [
    Misuse(
        "step",
        with_step,
        {
            "num_workers": given(1),
            "retry_policy": NONE,
            "timeout": NONE,
            "skip_graph_checks": NONE,
            "accept_event_subclasses": FALSE,
            "children": given(()),
        },
    ),
    Misuse("step(function)", lambda function: step(function), {"function": NONE}),
    Misuse("step()(function)", lambda function: step()(function), {"function": NONE}),
    Misuse("step(workflow)", with_free_step, {"workflow": NONE}),
    Misuse("catch_error", with_catcher, {"for_steps": NONE, "max_recoveries": given(1)}),
    Misuse("catch_error(function)", lambda function: catch_error(function), {"function": NONE}),
    Misuse("Take", Take, {"n": given(1), "cancel": FALSE}),
    Misuse(
        "Collect",
        with_collect,
        {"cardinality": All, "ordered": FALSE, "errors": given("raise"), "cancel": FALSE},
    ),
    Misuse(
        "Resource",
        lambda **options: with_resource(Resource(**options)),
        {"factory": given(lambda: 1), "cache": TRUE, "scope": given("run")},
    ),
    Misuse(
        "ResourceConfig",
        lambda **options: with_resource(ResourceConfig(**options)),
        {"config_file": given(str(CONFIG)), "path_selector": given("a"), "label": NONE, "description": NONE},
    ),
    Misuse("Event", lambda value: Event(value=value), {"value": NONE}),
    Misuse("StopEvent", lambda value: StopEvent(value), {"value": NONE}),
    Misuse(
        "ResourceManager.replace",
        lambda **two: ResourceManager().replace(**two),
        {"factory": given(len), "value": NONE},
    ),
    Misuse("ResourceManager.restore", lambda one: ResourceManager().restore(one), {"one": given(len)}),
    Misuse("Class.add_step", add_to_class, {"func": NONE}),
    Misuse("instance.add_step", lambda func: Other().add_step(func), {"func": NONE}),
    Misuse("Workflow.add_step", lambda func: Workflow.add_step(func), {"func": NONE}),
]


# Workflows and their runs.


def constructed(**options: Any) -> None:
    workflow = Other(**options)
    workflow.validate()
    workflow.run_sync()
    assert workflow.workflow_name
    assert workflow.events
    assert workflow.resource_manager


def ran(**arguments: Any) -> None:
    async def main() -> None:
        handler = Other(timeout=5).run(**arguments)
        assert handler.run_id
        assert repr(handler)
        await handler

    run_virtual(main())


RUN = {"ctx": NONE, "start_event": NONE, "external_events": FALSE, "run_id": NONE, "self": NONE, "topic": NONE}
WORKFLOWS = [
    Misuse(
        "Workflow",
        constructed,
        {
            "timeout": given(1),
            "disable_validation": FALSE,
            "verbose": FALSE,
            "resource_manager": NONE,
            "num_concurrent_runs": NONE,
            "workflow_name": NONE,
            "skip_graph_checks": NONE,
            "callback_manager": NONE,
            "stream_buffer": given(10),
        },
    ),
    Misuse("run", ran, RUN),
    Misuse(
        "run_sync",
        lambda **arguments: Other().run_sync(**arguments),
        {name: RUN[name] for name in RUN if name != "self"},
    ),
    Misuse(
        "validate",
        lambda **flags: Other().validate(**flags),
        {"validate_resource_configs": TRUE, "validate_resources": FALSE},
    ),
]


# What a context can be asked, at every stage.

CONTEXT: dict[str, tuple[Call, dict[str, Callable[[], Any]]]] = {
    "send_event": (lambda ctx, **two: ctx.send_event(**two), {"message": Ping, "step": NONE}),
    "write_event_to_stream": (lambda ctx, **one: ctx.write_event_to_stream(**one), {"ev": Ping}),
    "collect_events": (
        lambda ctx, **three: ctx.collect_events(**three),
        {"ev": Ping, "expected": lambda: [Ping], "buffer_id": NONE},
    ),
    "create_task": (lambda ctx, **two: ctx.create_task(**two), {"coroutine": coroutine, "name": NONE}),
    "call": (lambda ctx, **one: ctx.call(**one), {"coroutine": coroutine}),
    "sleep": (lambda ctx, **one: ctx.sleep(**one), {"seconds": given(0)}),
    "wait_for_event": (
        lambda ctx, **five: ctx.wait_for_event(**{"timeout": 1, **five}),
        {"event_type": given(Pong), "waiter_event": NONE, "waiter_id": NONE, "requirements": NONE},
    ),
    "wait_for_event(timeout)": (
        lambda ctx, timeout: ctx.wait_for_event(Pong, timeout=1 if timeout is None else timeout),
        {"timeout": given(1)},
    ),
    "once": (lambda ctx, **two: ctx.once(**two), {"name": given("once"), "function": given(lambda: 1)}),
    "run_child": (
        lambda ctx, workflow, start_event: ctx.run_child(workflow, start_event),
        {"workflow": Other, "start_event": NONE},
    ),
    "to_dict": (
        lambda ctx, **two: (ctx.to_dict(**two), None)[1],
        {"serializer": NONE, "include_state": TRUE},
    ),
    "retry_info": (lambda ctx, **none: ctx.retry_info(**none), {}),
    "store.get": (lambda ctx, **two: ctx.store.get(**two), {"path": given("count"), "default": NONE}),
    "store.set": (lambda ctx, **two: ctx.store.set(**two), {"path": given("count"), "value": NONE}),
    "store.set_state": (lambda ctx, **one: ctx.store.set_state(**one), {"state": NONE}),
}


def of_handler(call: Call) -> Call:
    return lambda handler, **arguments: call(handler.ctx, **arguments)


CONTEXTS = [
    misuse
    for name, (call, fine) in CONTEXT.items()
    for misuse in (
        Misuse(f"{name} in a step", call, fine, in_a_step),
        Misuse(f"{name} in a thread", call, fine, in_a_thread),
        Misuse(f"{name} beside a run", of_handler(call), fine, beside_a_run),
        Misuse(f"{name} after a run", of_handler(call), fine, after_a_run),
    )
]

HANDLER: dict[str, tuple[Call, dict[str, Callable[[], Any]]]] = {
    "stream_events": (
        lambda handler, **two: handler.stream_events(**two),
        {"expose_internal": FALSE, "after": NONE},
    ),
    "stream": (lambda handler, **one: handler.stream(**one), {"after": NONE}),
    "handler.send_event": (lambda handler, **two: handler.send_event(**two), {"event": Ping, "step": NONE}),
    "cancel_run": (lambda handler, **one: handler.cancel_run(**one), {"timeout": given(1)}),
}
HANDLERS = [
    misuse
    for name, (call, fine) in HANDLER.items()
    for misuse in (
        *(() if "stream" in name else (Misuse(f"{name} beside a run", call, fine, beside_a_run),)),
        Misuse(f"{name} after a run", call, fine, after_a_run),
    )
]


# Retry policies.


def retrying(strategy: Any) -> None:
    policy = strategy
    if not hasattr(policy, "next"):
        kind = type(strategy).__name__.partition("_")[0]
        policy = retry_policy.retry_policy(**{kind: strategy})
    policy.next(1.0, 1, KeyError("x"), seed=1)
    assert repr(strategy)
    with_step(retry_policy=policy)


def made(name: str, *, is_named: bool = True) -> Call:
    """Return the call that makes a strategy of this name, and tries it."""
    factory = getattr(retry_policy, name)
    return lambda **given: retrying(factory(**given) if is_named else factory(*given.values()))


def strategies() -> Iterator[Misuse]:
    number, nothing = given(1), NONE
    numbers = {
        "stop_after_attempt": ("max_attempt_number",),
        "stop_after_delay": ("max_delay",),
        "stop_before_delay": ("max_delay",),
        "wait_fixed": ("wait",),
        "wait_incrementing": ("start", "increment", "max"),
        "wait_random": ("min", "max"),
        "wait_exponential": ("multiplier", "exp_base", "max", "min"),
        "wait_exponential_jitter": ("initial", "exp_base", "max", "jitter"),
        "wait_random_exponential": ("multiplier", "exp_base", "max", "min"),
        "wait_full_jitter": ("multiplier", "exp_base", "max", "min"),
        "ConstantDelayRetryPolicy": ("maximum_attempts", "delay"),
        "ExponentialBackoffRetryPolicy": ("maximum_attempts", "initial_delay", "multiplier", "max_delay"),
    }
    for name, parameters in numbers.items():
        for parameter in parameters:
            yield Misuse(
                name, lambda _name=name, **one: retrying(getattr(retry_policy, _name)(**one)), {parameter: number}
            )
    for name in retry_policy.__all__:
        if name.endswith(("_all", "_any", "_chain", "_combine")):
            yield Misuse(name, made(name, is_named=False), {"one": nothing})
        if name.endswith("_type"):
            yield Misuse(name, made(name, is_named=False), {"one": nothing})
        if name.endswith("_message"):
            for parameter in ("message", "match"):
                yield Misuse(
                    name, lambda _name=name, **one: retrying(getattr(retry_policy, _name)(**one)), {parameter: nothing}
                )
    user = (ZeroDivisionError, TypeError)  # a predicate is the user's function
    yield Misuse(
        "retry_if_exception", lambda one: retrying(retry_policy.retry_if_exception(one)), {"one": nothing}, own=user
    )
    for part in ("retry", "wait", "stop"):
        yield Misuse("retry_policy", made("retry_policy"), {part: nothing})


# Drawings and tests.

GRAPH = get_workflow_representation(Other)


FLOWS = {
    "workflow": given(Other),
    "filename": given(DRAWING),
    "max_label_length": NONE,
    "include_child_workflows": TRUE,
}
PICTURES = [
    *(
        Misuse(name, getattr(drawing, name), FLOWS)
        for name in ("draw_all_possible_flows", "draw_all_possible_flows_mermaid", "draw_all_possible_flows_dot")
    ),
    *(
        Misuse(
            f"{name} after a run",
            getattr(drawing, name),
            {"filename": given(DRAWING), "max_label_length": NONE},
            after_a_run,
        )
        for name in ("draw_most_recent_execution", "draw_most_recent_execution_mermaid")
    ),
    Misuse("draw_most_recent_execution", lambda one: drawing.draw_most_recent_execution(one), {"one": NONE}),
    Misuse("execution_state", drawing.execution_state, {"handler": NONE}),
    Misuse("page", drawing.page, {"graph": given(GRAPH)}),
    Misuse("render", drawing.render, {"graph": given(GRAPH), "format": given("html"), "max_label_length": NONE}),
    Misuse("get_workflow_representation", get_workflow_representation, {"workflow": given(Other)}),
]


def pass_time(seconds: Any) -> None:
    loop = VirtualLoop()
    try:
        loop.pass_time(seconds)
    finally:
        loop.close()


TESTING = [
    Misuse("WorkflowTestRunner", lambda workflow: WorkflowTestRunner(workflow).run(), {"workflow": Other}),
    Misuse(
        "WorkflowTestRunner.run",
        lambda **arguments: WorkflowTestRunner(Other()).run(**arguments),
        {"start_event": NONE, "ctx": NONE, "expose_internal": TRUE, "exclude_events": NONE},
    ),
    Misuse("run_virtual", run_virtual, {"main": coroutine}),
    Misuse("virtual_time", lambda test: virtual_time(test)(), {"test": given(coroutine)}),
    Misuse("pass_time", pass_time, {"seconds": given(1)}),
]


# Callbacks.

KIND = callbacks.CBEventType.LLM
MANAGER = callbacks.CallbackManager([callbacks.RecordingHandler()])
EVENT = {"event_type": given(KIND), "payload": NONE, "event_id": NONE}
IGNORED = {"event_starts_to_ignore": given(()), "event_ends_to_ignore": given(())}


def twice(payload: Any) -> None:
    event = MANAGER.event(KIND)
    event.on_start(payload)
    event.on_end(payload)


def traced_start(trace_id: Any) -> None:
    MANAGER.start_trace(trace_id)
    MANAGER.end_trace(trace_id)


def opened(**arguments: Any) -> None:
    MANAGER.close_trace(MANAGER.open_trace(**arguments))


def closed(scope: Any = None, **arguments: Any) -> None:
    MANAGER.close_trace(MANAGER.open_trace("x") if scope is None else scope, **arguments)


def spanned(**arguments: Any) -> None:
    MANAGER.end_span(MANAGER.start_span(**arguments))


def span_ended(span: Any = None, **arguments: Any) -> None:
    MANAGER.end_span(MANAGER.start_span(KIND) if span is None else span, **arguments)


def handlers_changed(call: str, value: Any) -> None:
    getattr(callbacks.CallbackManager(), call)(value)


def global_set(name: str, value: Any) -> None:
    try:
        setattr(callbacks.settings, name, value)
    finally:
        setattr(callbacks.settings, name, None)


CALLBACKS = [
    Misuse("CallbackManager", callbacks.CallbackManager, {"handlers": NONE, "on_handler_error": NONE}),
    Misuse("on_event_start", MANAGER.on_event_start, {**EVENT, "parent_id": NONE}),
    Misuse("on_event_end", MANAGER.on_event_end, EVENT),
    Misuse("event", MANAGER.event, EVENT),
    Misuse("event.on_start", twice, {"payload": NONE}),
    Misuse("as_trace", MANAGER.as_trace, {"trace_id": given("x"), "remote": NONE}),
    Misuse("start_trace", traced_start, {"trace_id": given("x")}),
    Misuse("open_trace", opened, {"name": given("x"), "context": NONE, "remote": NONE}),
    Misuse("close_trace", closed, {"scope": NONE, "context": NONE}),
    Misuse("start_span", spanned, {"event_type": given(KIND), "payload": NONE, "links": given(()), "context": NONE}),
    Misuse("end_span", span_ended, {"span": NONE, "payload": NONE, "context": NONE}),
    Misuse("aflush", MANAGER.aflush, {"timeout": given(1)}),
    Misuse("shutdown", lambda timeout: callbacks.CallbackManager().shutdown(timeout), {"timeout": given(1)}),
    Misuse("add_handler", lambda one: handlers_changed("add_handler", one), {"one": callbacks.RecordingHandler}),
    Misuse("set_handlers", lambda one: handlers_changed("set_handlers", one), {"one": list}),
    # Documented: as list.remove.
    Misuse("remove_handler", lambda one: handlers_changed("remove_handler", one), {"one": NONE}, own=(ValueError,)),
    Misuse("LlamaDebugHandler", callbacks.LlamaDebugHandler, {**IGNORED, "max_events": given(10)}),
    Misuse(
        "TokenCountingHandler", callbacks.TokenCountingHandler, {**IGNORED, "tokenizer": NONE, "token_budget": NONE}
    ),
    Misuse("RecordingHandler", callbacks.RecordingHandler, {**IGNORED, "max_records": given(10)}),
    Misuse("get_tokens_from_response", callbacks.get_tokens_from_response, {"response": NONE}),
    Misuse("extract", callbacks.extract, {"carrier": dict}),
    Misuse("extract(header)", lambda value: callbacks.extract({"traceparent": value}), {"value": NONE}),
    Misuse("inject", callbacks.inject, {"carrier": dict}),
    Misuse("find_span", callbacks.find_span, {"event_id": given("x")}),
    Misuse("traced", lambda **one: callbacks.traced(**one)(lambda: 1)(), {"event_type": given(KIND), "manager": NONE}),
    Misuse(
        "trace_method",
        lambda **two: callbacks.trace_method(**two)(lambda self: 1)(object()),
        {"trace_id": given("x"), "callback_manager_attr": given("manager")},
    ),
    Misuse("create_global_handler", callbacks.create_global_handler, {"eval_mode": given("simple")}),
    Misuse("settings.callback_manager", lambda one: global_set("callback_manager", one), {"one": NONE}),
    Misuse("settings.global_handler", lambda one: global_set("global_handler", one), {"one": NONE}),
]

TABLE = [*AUTHORING, *WORKFLOWS, *CONTEXTS, *HANDLERS, *strategies(), *PICTURES, *TESTING, *CALLBACKS]
