"""The defaults of the process, and handlers by name."""

import sys
from types import SimpleNamespace

import pytest

from stepwell.callbacks import (
    CallbackManager,
    LlamaDebugHandler,
    RecordingHandler,
    SimpleLLMHandler,
    create_global_handler,
    defaults,
    set_global_handler,
    settings,
)
from stepwell.errors import (
    CallbackArgumentError,
    DuplicateHandlerError,
    HandlerNotInstalledError,
    NotAHandlerError,
    UnknownEvalModeError,
)

pytestmark = pytest.mark.usefixtures("clean_settings")


def test_a_manager_made_without_handlers_takes_those_of_the_global_one() -> None:
    recording = RecordingHandler()
    settings.callback_manager = CallbackManager([recording])

    assert CallbackManager().handlers == CallbackManager([]).handlers == [recording]
    assert CallbackManager([LlamaDebugHandler()]).handlers != [recording]


def test_the_global_manager_is_made_when_it_is_first_read() -> None:
    first = settings.callback_manager

    assert first is settings.callback_manager
    assert first.handlers == []


def test_the_global_handler_is_in_every_manager_made_later() -> None:
    recording = RecordingHandler()
    settings.global_handler = recording
    debug = LlamaDebugHandler()

    assert CallbackManager().handlers == [recording]
    assert CallbackManager([debug]).handlers == [debug, recording]
    assert CallbackManager([recording]).handlers == [recording]


def test_a_handler_of_a_subclass_of_the_global_one_is_no_duplicate() -> None:
    class Special(RecordingHandler):
        pass

    settings.global_handler = RecordingHandler()

    assert len(CallbackManager([Special()]).handlers) == 2
    with pytest.raises(DuplicateHandlerError, match="RecordingHandler"):
        CallbackManager([RecordingHandler()])


def test_the_global_handler_reaches_a_global_manager_that_exists_already() -> None:
    manager = settings.callback_manager

    set_global_handler("simple")
    first = settings.global_handler
    set_global_handler("simple")

    assert isinstance(first, SimpleLLMHandler)
    assert manager.handlers == [settings.global_handler]
    settings.global_handler = None
    assert manager.handlers == []


def test_another_librarys_settings_can_be_the_source() -> None:
    recording, theirs = RecordingHandler(), CallbackManager([RecordingHandler()])
    defaults.source = lambda: (None, theirs)
    assert CallbackManager().handlers == theirs.handlers

    defaults.source = lambda: (recording, theirs)
    assert CallbackManager().handlers == [recording]


def test_only_handlers_and_managers_can_be_set() -> None:
    with pytest.raises(NotAHandlerError):
        settings.global_handler = "simple"  # type: ignore[assignment] # the mistake
    with pytest.raises(CallbackArgumentError, match="a CallbackManager"):
        settings.callback_manager = RecordingHandler()  # type: ignore[assignment] # the mistake


def test_an_unknown_mode_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="Eval mode nonsense not supported") as refused:
        set_global_handler("nonsense")

    assert isinstance(refused.value, UnknownEvalModeError)
    assert len(refused.value.known) == 12
    assert "langfuse" in str(refused.value)


def test_a_mode_whose_package_is_missing_says_what_to_install() -> None:
    with pytest.raises(HandlerNotInstalledError, match="pip install llama-index-callbacks-langfuse"):
        create_global_handler("langfuse")


def test_a_mode_whose_package_is_there_makes_its_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llama_index", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "llama_index.callbacks", SimpleNamespace())
    monkeypatch.setitem(
        sys.modules,
        "llama_index.callbacks.opik",
        SimpleNamespace(opik_callback_handler=lambda **options: RecordingHandler(**options)),
    )

    handler = create_global_handler("opik", max_records=7)

    assert isinstance(handler, RecordingHandler)


def test_agentops_sets_itself_up_and_gives_no_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    received: dict[str, object] = {}
    monkeypatch.setitem(sys.modules, "llama_index", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "llama_index.callbacks", SimpleNamespace())
    agentops = SimpleNamespace(AgentOpsHandler=SimpleNamespace(init=received.update))
    monkeypatch.setitem(sys.modules, "llama_index.callbacks.agentops", agentops)

    set_global_handler("agentops", api_key="key")

    assert received == {"api_key": "key"}
    assert settings.global_handler is None
