"""The manager's surface: what it tells, what it refuses, and who may stop the program."""

import copy
import gc
import pickle
from typing import Any

import pytest
from pydantic import BaseModel

from stepwell.callbacks import (
    BaseCallbackHandler,
    CallbackManager,
    CBEventType,
    EventPayload,
    RecordingHandler,
    find_span,
)
from stepwell.errors import (
    CallbackArgumentError,
    CallbackVeto,
    NotAHandlerError,
    UnknownEventTypeError,
    UsageError,
)

QUERY, LLM, RETRIEVE = CBEventType.QUERY, CBEventType.LLM, CBEventType.RETRIEVE


@pytest.fixture
def recording() -> RecordingHandler:
    return RecordingHandler()


@pytest.fixture
def manager(recording: RecordingHandler) -> CallbackManager:
    return CallbackManager([recording])


class Refusing(RecordingHandler):
    """Raises ``error`` at every start, or only at ends."""

    def __init__(self, error: BaseException, *, at_end: bool = False) -> None:
        super().__init__()
        self.error = error
        self.at_end = at_end

    def on_event_start(self, *args: Any, **kwargs: Any) -> str:
        super().on_event_start(*args, **kwargs)
        if not self.at_end:
            raise self.error
        return ""

    def on_event_end(self, *args: Any, **kwargs: Any) -> None:
        super().on_event_end(*args, **kwargs)
        if self.at_end:
            raise self.error


def test_an_event_is_told_with_its_payload_its_id_and_its_parent(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    with manager.as_trace("query"):
        outer = manager.on_event_start(QUERY, {EventPayload.QUERY_STR: "why"}, event_id="q")
        inner = manager.on_event_start(LLM)
        manager.on_event_end(LLM, {"answer": 42}, inner)
        manager.on_event_end(QUERY, event_id=outer)

    assert recording.story == ["[query", "+query", "+llm", "-llm", "-query", "]query"]
    assert recording.parents == {"q": "root", inner: "q"}
    assert recording.payload_of("start", "query") == {EventPayload.QUERY_STR: "why"}
    assert recording.payload_of("end", "llm") == {"answer": 42}
    assert recording.records[-1].trace_map == {"root": ["q"], "q": [inner]}


def test_payloads_are_told_as_they_are_not_as_copies(manager: CallbackManager, recording: RecordingHandler) -> None:
    payload: dict[str, Any] = {EventPayload.NODES: []}

    manager.on_event_start(LLM, payload)

    assert recording.payload_of("start", "llm") is payload


def test_keyword_arguments_of_the_caller_reach_handlers() -> None:
    class Listening(RecordingHandler):
        def on_event_start(self, *args: Any, color: str = "", **kwargs: Any) -> str:
            self.color = color
            return super().on_event_start(*args, **kwargs)

    listening = Listening()

    CallbackManager([listening]).on_event_start(LLM, color="red")

    assert listening.color == "red"


def test_a_handler_is_not_told_of_the_types_it_ignores() -> None:
    recording = RecordingHandler([QUERY], [LLM])
    manager = CallbackManager([recording])

    with manager.event(QUERY), manager.event(LLM):
        pass

    assert recording.story == ["+llm", "-query"]


def test_an_event_type_may_be_given_by_its_value(manager: CallbackManager) -> None:
    class Strict(RecordingHandler):
        def on_event_start(self, event_type: CBEventType, *args: Any, **kwargs: Any) -> str:
            assert event_type is LLM
            return super().on_event_start(event_type, *args, **kwargs)

    strict = Strict()
    manager.set_handlers([strict])

    manager.on_event_end("llm", event_id=manager.on_event_start("llm"))  # type: ignore[arg-type] # as strings

    assert strict.story == ["+llm", "-llm"]
    assert manager.stats.handler_errors == 0


def test_an_end_without_an_id_ends_the_innermost_event_of_its_type(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    outer = manager.on_event_start(QUERY)
    inner = manager.on_event_start(QUERY)

    manager.on_event_end(QUERY)
    manager.on_event_end(QUERY)

    assert [record.event_id for record in recording.records if record.what == "end"] == [inner, outer]
    assert manager.stats.unmatched_ends == 0


def test_an_end_without_a_start_is_told_for_its_payload(manager: CallbackManager, recording: RecordingHandler) -> None:
    manager.on_event_end(LLM, {"answer": 42}, "unknown")

    assert recording.payload_of("end", "llm") == {"answer": 42}
    assert manager.stats.unmatched_ends == 1


def test_an_event_can_be_ended_through_another_manager(recording: RecordingHandler, manager: CallbackManager) -> None:
    event_id = manager.on_event_start(QUERY)
    CallbackManager([RecordingHandler()]).on_event_end(QUERY, event_id=event_id)

    after = manager.on_event_start(LLM)

    assert recording.parents[after] == "root"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("qwery",), UnknownEventTypeError, "Did you mean 'query'"),
        ((None,), UnknownEventTypeError, "no callback event type"),
        ((LLM, "payload"), CallbackArgumentError, "payload is 'payload', a str; a dictionary"),
        ((LLM, None, 7), CallbackArgumentError, "event_id is 7, a int"),
        ((LLM, None, None, 7), CallbackArgumentError, "parent_id is 7, a int"),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_happens(
    manager: CallbackManager,
    recording: RecordingHandler,
    arguments: tuple[Any, ...],
    error: type[UsageError],
    words: str,
) -> None:
    with pytest.raises(error, match=words):
        manager.on_event_start(*arguments)

    assert recording.story == []


def test_a_trace_needs_a_name_that_is_a_string(manager: CallbackManager) -> None:
    with pytest.raises(CallbackArgumentError, match="trace_id"):
        manager.as_trace(7)  # type: ignore[arg-type] # the mistake
    with pytest.raises(CallbackArgumentError, match="trace_id"):
        manager.start_trace(7)  # type: ignore[arg-type] # the mistake


@pytest.mark.parametrize("value", [object(), None, "handler", print])
def test_what_is_no_handler_is_refused_by_every_way_in(manager: CallbackManager, value: Any) -> None:
    for way_in in (manager.add_handler, lambda it: manager.set_handlers([it]), lambda it: CallbackManager([it])):
        with pytest.raises(NotAHandlerError, match="lacks on_event_start"):
            way_in(value)


@pytest.mark.parametrize("handlers", [RecordingHandler(), 7])
def test_handlers_come_in_a_list(manager: CallbackManager, handlers: Any) -> None:
    with pytest.raises(CallbackArgumentError, match="a list of handlers would have been fine"):
        CallbackManager(handlers)
    with pytest.raises(CallbackArgumentError, match="a list of handlers"):
        manager.handlers = handlers


def test_a_handler_class_is_refused_with_the_hint_to_make_one(manager: CallbackManager) -> None:
    with pytest.raises(TypeError, match=r"Pass an instance: RecordingHandler\(\.\.\.\)"):
        manager.add_handler(RecordingHandler)  # type: ignore[arg-type] # the mistake


def test_a_handler_needs_no_base_class_of_ours() -> None:
    class Foreign:
        event_starts_to_ignore: tuple[CBEventType, ...] = ()
        event_ends_to_ignore: tuple[CBEventType, ...] = ()
        told = 0

        def on_event_start(self, *args: Any, **kwargs: Any) -> None:
            self.told += 1

        def on_event_end(self, *args: Any, **kwargs: Any) -> None:
            self.told += 1

        def start_trace(self, trace_id: str | None = None) -> None:
            self.told += 1

        def end_trace(self, trace_id: str | None = None, trace_map: object = None) -> None:
            self.told += 1

    foreign = Foreign()
    manager = CallbackManager([foreign])  # type: ignore[list-item] # clients' handlers may share no base

    with manager.as_trace("query"), manager.event(LLM):
        pass

    assert foreign.told == 4


def test_the_callers_list_of_handlers_is_copied(manager: CallbackManager, recording: RecordingHandler) -> None:
    mine: list[BaseCallbackHandler] = [recording]
    manager.set_handlers(mine)

    mine.clear()

    assert manager.handlers == [recording]
    assert manager.has_handlers


def test_a_veto_reaches_the_program_after_everyone_was_told_and_the_event_has_ended(
    recording: RecordingHandler,
) -> None:
    veto = CallbackVeto("no names in prompts")
    manager = CallbackManager([Refusing(veto), recording])

    with pytest.raises(CallbackVeto, match="no names in prompts"), manager.event(QUERY):
        pytest.fail("the body ran")

    assert recording.story == ["+query", "-query"]
    assert recording.payload_of("end", "query") == {EventPayload.EXCEPTION: veto, "status": "vetoed"}


def test_a_vetoed_start_without_a_context_manager_leaves_nothing_open(recording: RecordingHandler) -> None:
    manager = CallbackManager([Refusing(CallbackVeto("no")), recording])

    with pytest.raises(CallbackVeto):
        manager.on_event_start(QUERY, event_id="q")

    assert find_span("q") is None
    assert recording.story == ["+query", "-query"]


def test_a_handler_can_ask_for_its_errors_to_be_raised(recording: RecordingHandler) -> None:
    refusing = Refusing(RuntimeError("mine"), at_end=True)
    refusing.raise_error = True
    manager = CallbackManager([refusing, recording])

    with pytest.raises(RuntimeError, match="mine"), manager.event(QUERY):
        pass

    assert recording.story == ["+query", "-query"]


def test_a_manager_can_be_made_to_raise_what_handlers_raise(recording: RecordingHandler) -> None:
    manager = CallbackManager([Refusing(RuntimeError("mine")), recording], on_handler_error="raise")

    with pytest.raises(RuntimeError, match="mine"):
        manager.on_event_start(LLM)

    assert recording.story == ["+llm", "-llm"]


def test_an_unknown_error_policy_is_refused() -> None:
    with pytest.raises(CallbackArgumentError, match='"log" or "raise"'):
        CallbackManager([], on_handler_error="ignore")  # type: ignore[arg-type] # the mistake


def test_a_veto_at_an_end_does_not_hide_the_programs_own_error() -> None:
    manager = CallbackManager([Refusing(CallbackVeto("no"), at_end=True)])

    with pytest.raises(KeyError), manager.event(QUERY):
        raise KeyError("mine")


def test_a_keyboard_interrupt_in_a_handler_is_never_swallowed(recording: RecordingHandler) -> None:
    manager = CallbackManager([Refusing(KeyboardInterrupt()), recording])

    with pytest.raises(KeyboardInterrupt):
        manager.on_event_start(LLM)

    assert recording.story == ["+llm", "-llm"]


def test_a_failing_handler_is_logged_once_for_each_kind_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    manager = CallbackManager([Refusing(RuntimeError("again"))])

    for _ in range(5):
        manager.on_event_end(LLM, event_id=manager.on_event_start(LLM))

    assert manager.stats.handler_errors == 5
    assert len(caplog.records) == 1
    assert "Refusing" in caplog.text


def test_a_veto_passes_through_a_manager_that_is_a_handler(recording: RecordingHandler) -> None:
    inner = CallbackManager([Refusing(CallbackVeto("inner"))])
    manager = CallbackManager([inner, recording])

    with pytest.raises(CallbackVeto, match="inner"):
        manager.on_event_start(LLM)

    assert recording.story == ["+llm", "-llm"]


def test_a_handler_that_refuses_a_trace_ends_it(recording: RecordingHandler) -> None:
    class NoTraces(RecordingHandler):
        def start_trace(self, trace_id: str | None = None) -> None:
            raise CallbackVeto("no traces")

    manager = CallbackManager([NoTraces(), recording])

    with pytest.raises(CallbackVeto), manager.as_trace("query"):
        pytest.fail("the body ran")
    with manager.event(QUERY, event_id="q"):
        pass

    assert recording.story == ["[query", "]query", "+query", "-query"]


def test_a_manager_fits_into_pydantic_models() -> None:
    class Component(BaseModel):
        callback_manager: CallbackManager

    manager = CallbackManager([])

    component = Component(callback_manager=manager)

    assert component.callback_manager is manager
    assert Component.model_json_schema()["properties"]["callback_manager"] is not None


def test_a_deep_copy_reports_to_the_same_handlers(manager: CallbackManager, recording: RecordingHandler) -> None:
    twin = copy.deepcopy(manager)

    twin.on_event_start(LLM)

    assert recording.story == ["+llm"]


def test_a_pickled_manager_leaves_its_handlers_behind(manager: CallbackManager) -> None:
    arrived = pickle.loads(pickle.dumps(manager))

    assert isinstance(arrived, CallbackManager)
    assert arrived.handlers == []


def test_events_can_be_used_as_decorators(manager: CallbackManager, recording: RecordingHandler) -> None:
    @manager.as_trace("query")
    @manager.event(QUERY)
    def work() -> int:
        return 7

    assert [work(), work()] == [7, 7]
    assert recording.story == ["[query", "+query", "-query", "]query"] * 2


def test_the_map_of_the_last_trace_can_be_read_after_it(manager: CallbackManager) -> None:
    with manager.as_trace("query"), manager.event(QUERY, event_id="q"):
        during = dict(manager.trace_map)

    assert during == manager.trace_map == {"root": ["q"]}


def test_the_map_can_be_read_without_a_trace(manager: CallbackManager) -> None:
    with manager.event(QUERY, event_id="q"), manager.event(LLM, event_id="l"):
        pass

    assert manager.trace_map == {"root": ["q"], "q": ["l"]}


def test_root_is_the_first_key_of_a_map_and_missing_keys_give_empty_lists(manager: CallbackManager) -> None:
    with manager.as_trace("query"):
        manager.on_event_start(LLM, parent_id="elsewhere")
        first, missing = next(iter(manager.trace_map)), manager.trace_map["missing"]

    assert first == "root"
    assert missing == []


def test_a_nested_trace_is_only_a_name(manager: CallbackManager, recording: RecordingHandler) -> None:
    with manager.as_trace("query"), manager.event(QUERY, event_id="q"), manager.as_trace("chat"):
        with manager.event(LLM, event_id="l"):
            pass
        with manager.event(RETRIEVE, event_id="r"), manager.event(LLM, event_id="l2"):
            pass

    assert recording.story.count("[query") == 1
    assert "[chat" not in recording.story
    assert recording.records[-1].trace_map == {"root": ["q"], "q": ["l", "r"], "r": ["l2"]}


def test_a_with_block_ends_its_trace_even_if_a_name_inside_was_left_open(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    with manager.as_trace("query"):
        manager.start_trace("forgotten")
    with manager.as_trace("next"):
        pass

    assert recording.story == ["[query", "]query", "[next", "]next"]


def test_a_trace_ended_by_a_wrong_name_ends_with_its_own(manager: CallbackManager, recording: RecordingHandler) -> None:
    manager.start_trace("query")
    manager.end_trace("qwery")
    manager.end_trace("query")

    assert recording.story == ["[query", "]query"]
    assert manager.stats.unmatched_ends == 1


def test_traces_without_a_name_do_nothing(manager: CallbackManager, recording: RecordingHandler) -> None:
    manager.start_trace()
    manager.end_trace()

    assert recording.story == []


def test_an_event_may_end_after_its_trace(manager: CallbackManager, recording: RecordingHandler) -> None:
    with manager.as_trace("query"):
        event_id = manager.on_event_start(LLM)

    manager.on_event_end(LLM, {"late": True}, event_id)

    assert recording.story == ["[query", "+llm", "]query", "-llm"]
    assert manager.stats.unmatched_ends == 0


def test_an_event_left_open_does_not_leak_into_what_follows_its_trace(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    with manager.as_trace("query"):
        manager.on_event_start(QUERY, event_id="open")
    with manager.as_trace("next"), manager.event(QUERY, event_id="fresh"):
        pass

    assert recording.parents["fresh"] == "root"


def test_a_reset_leaves_the_running_trace(manager: CallbackManager, recording: RecordingHandler) -> None:
    manager.start_trace("query")
    manager.on_event_start(QUERY)

    manager._reset_trace_events()
    with manager.event(QUERY, event_id="after"):
        pass

    assert recording.parents["after"] == "root"
    assert manager.trace_map == {"root": ["after"]}


def test_a_failed_trace_lets_go_of_its_errors() -> None:
    manager = CallbackManager([])

    class Large(Exception):
        pass

    with pytest.raises(Large), manager.as_trace("query"), manager.event(QUERY):
        raise Large

    gc.collect()
    assert not any(isinstance(thing, Large) for thing in gc.get_objects())


def test_a_refusal_of_what_has_failed_already_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    manager = CallbackManager([Refusing(CallbackVeto("no"))])

    with pytest.raises(KeyError), manager.as_trace("query"):
        raise KeyError("mine")

    assert "refused what had failed already" in caplog.text


def test_an_interrupt_at_the_end_of_a_failed_event_wins() -> None:
    manager = CallbackManager([Refusing(KeyboardInterrupt(), at_end=True)])

    with pytest.raises(KeyboardInterrupt), manager.event(QUERY):
        raise KeyError("mine")


def test_a_refusal_at_the_end_of_a_trace_reaches_the_program() -> None:
    class NoEnds(RecordingHandler):
        def end_trace(self, trace_id: str | None = None, trace_map: object = None) -> None:
            raise CallbackVeto("not yet")

    with pytest.raises(CallbackVeto, match="not yet"), CallbackManager([NoEnds()]).as_trace("query"):
        pass


def test_traces_and_refusals_pass_through_managers_that_are_handlers(recording: RecordingHandler) -> None:
    class NoEnds(RecordingHandler):
        def end_trace(self, trace_id: str | None = None, trace_map: object = None) -> None:
            raise CallbackVeto("not yet")

    manager = CallbackManager([CallbackManager([NoEnds()]), recording])

    manager.start_trace("query")
    with pytest.raises(CallbackVeto):
        manager.end_trace("query")

    assert recording.story == ["[query", "]query"]


def test_an_unmatched_end_of_a_trace_is_counted(manager: CallbackManager, recording: RecordingHandler) -> None:
    with manager.event(QUERY):
        manager.end_trace("query")

    assert recording.story == ["+query", "-query"]
    assert manager.stats.unmatched_ends == 1


def test_nested_names_end_in_any_order(manager: CallbackManager, recording: RecordingHandler) -> None:
    for name in ("a", "b", "c"):
        manager.start_trace(name)
    for name in ("b", "a", "c"):
        assert "]a" not in recording.story
        manager.end_trace(name)

    assert recording.story == ["[a", "]a"]


def test_events_of_a_manager_without_handlers_are_parents_all_the_same(
    manager: CallbackManager, recording: RecordingHandler
) -> None:
    silent = CallbackManager([])
    outer = silent.on_event_start(QUERY)
    inner = manager.on_event_start(LLM)
    manager.on_event_end(LLM, event_id=inner)
    silent.on_event_end(QUERY, event_id=outer)
    after = manager.on_event_start(LLM)

    assert recording.parents == {inner: outer, after: "root"}
