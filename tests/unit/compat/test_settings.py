"""``Settings`` of the core: what has a meaning is kept where stepwell keeps it, the rest is refused."""

from typing import Any

import pytest

from stepwell import callbacks, errors
from stepwell.compat._settings import Settings
from stepwell.llms.openai import OpenAI, OpenAIEmbedding


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Settings, "_llm", None)
    monkeypatch.setattr(Settings, "_embed_model", None)
    monkeypatch.setattr(callbacks.defaults, "manager", None)
    monkeypatch.setattr(callbacks.defaults, "handler", None)


def test_the_manager_is_that_of_the_callbacks() -> None:
    manager = callbacks.CallbackManager()

    Settings.callback_manager = manager

    assert callbacks.settings.callback_manager is manager
    assert Settings.callback_manager is manager


def test_the_global_handler_is_that_of_the_callbacks_and_is_set_by_name() -> None:
    Settings.global_handler = "simple"  # reading gives the handler of this name

    assert isinstance(Settings.global_handler, callbacks.SimpleLLMHandler)
    assert Settings.global_handler is callbacks.settings.global_handler


def test_a_model_that_was_set_is_the_model() -> None:
    model = OpenAI(model="mine", api_key="key")

    Settings.llm = model

    assert Settings.llm is model


def test_without_one_it_is_openais_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "key")

    assert isinstance(Settings.llm, OpenAI)
    assert Settings.llm is Settings.llm
    assert isinstance(Settings.embed_model, OpenAIEmbedding)
    assert Settings.embed_model is Settings.embed_model


def test_an_embedding_model_that_was_set_is_the_model() -> None:
    model = OpenAIEmbedding(api_key="key")

    Settings.embed_model = model

    assert Settings.embed_model is model


def test_a_field_that_would_change_nothing_is_refused_when_it_is_set() -> None:
    with pytest.raises(errors.SettingsFieldError, match=r"Settings\.chunk_size has no counterpart") as caught:
        Settings.chunk_size = 512

    assert caught.value.fields == ("callback_manager", "embed_model", "global_handler", "llm")


def test_a_field_that_is_not_there_is_an_attribute_error() -> None:
    settings: Any = Settings

    with pytest.raises(errors.SettingsFieldError, match=r"Settings\.node_parser has no counterpart"):
        _ = settings.node_parser

    assert not hasattr(settings, "node_parser")
