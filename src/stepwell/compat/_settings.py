"""``Settings`` of ``llama_index.core``: what of it has a meaning here, kept where stepwell keeps it.

A field that would change nothing is refused when it is written, so that no program believes it has set something.
"""

from typing import Any, Final

from stepwell.callbacks import BaseCallbackHandler, CallbackManager, set_global_handler, settings
from stepwell.errors import SettingsFieldError
from stepwell.llms import LLM, BaseEmbedding
from stepwell.llms.openai import OpenAI, OpenAIEmbedding

FIELDS: Final = ("callback_manager", "embed_model", "global_handler", "llm")


class _Settings:
    """The defaults of a program. There is one, ``Settings``."""

    def __init__(self) -> None:
        self._llm: LLM | None = None
        self._embed_model: BaseEmbedding | None = None

    @property
    def llm(self) -> LLM:
        """The model that the program set; without one, OpenAI's, made when it is first read."""
        if self._llm is None:
            self._llm = OpenAI()
        return self._llm

    @llm.setter
    def llm(self, llm: LLM) -> None:
        self._llm = llm

    @property
    def embed_model(self) -> BaseEmbedding:
        """The same for embeddings."""
        if self._embed_model is None:
            self._embed_model = OpenAIEmbedding()
        return self._embed_model

    @embed_model.setter
    def embed_model(self, embed_model: BaseEmbedding) -> None:
        self._embed_model = embed_model

    @property
    def callback_manager(self) -> CallbackManager:
        """The global manager of ``stepwell.callbacks``."""
        return settings.callback_manager

    @callback_manager.setter
    def callback_manager(self, manager: CallbackManager) -> None:
        settings.callback_manager = manager

    @property
    def global_handler(self) -> BaseCallbackHandler | None:
        """The global handler of ``stepwell.callbacks``; writing takes the name of one, as ``set_global_handler``."""
        return settings.global_handler

    @global_handler.setter
    def global_handler(self, eval_mode: str) -> None:
        set_global_handler(eval_mode)

    def __getattr__(self, name: str) -> Any:
        raise SettingsFieldError(field=name, fields=FIELDS)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in FIELDS and not name.startswith("_"):
            raise SettingsFieldError(field=name, fields=FIELDS)
        super().__setattr__(name, value)


Settings = _Settings()
