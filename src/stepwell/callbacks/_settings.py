"""The process's own manager and handler, which managers made without handlers take over; and handlers by name."""

from importlib import import_module
from typing import Any, Final

from stepwell.callbacks._defaults import defaults
from stepwell.callbacks._handler import BaseCallbackHandler, checked_handler
from stepwell.callbacks._manager import CallbackManager
from stepwell.callbacks._printing import SimpleLLMHandler
from stepwell.errors import CallbackArgumentError, HandlerNotInstalledError, UnknownEvalModeError

# Each mode: the package to install, and the class or function in it that makes the handler.
_MODES: Final = {
    "wandb": ("llama-index-callbacks-wandb", "WandbCallbackHandler"),
    "openinference": ("llama-index-callbacks-openinference", "OpenInferenceCallbackHandler"),
    "arize_phoenix": ("llama-index-callbacks-arize-phoenix", "arize_phoenix_callback_handler"),
    "honeyhive": ("llama-index-callbacks-honeyhive", "honeyhive_callback_handler"),
    "promptlayer": ("llama-index-callbacks-promptlayer", "PromptLayerHandler"),
    "deepeval": ("llama-index-callbacks-deepeval", "deepeval_callback_handler"),
    "argilla": ("llama-index-callbacks-argilla", "argilla_callback_handler"),
    "langfuse": ("llama-index-callbacks-langfuse", "langfuse_callback_handler"),
    "agentops": ("llama-index-instrumentation-agentops", "AgentOpsHandler"),
    "literalai": ("llama-index-callbacks-literalai", "literalai_callback_handler"),
    "opik": ("llama-index-callbacks-opik", "opik_callback_handler"),
}
_SIMPLE: Final = "simple"
_AGENTOPS: Final = "agentops"


class CallbackSettings:
    """The defaults of the process. There is one, ``settings``."""

    @property
    def global_handler(self) -> BaseCallbackHandler | None:
        """A handler that every manager made from now on has, and the global manager too; ``None`` for none."""
        return defaults.handler

    @global_handler.setter
    def global_handler(self, handler: BaseCallbackHandler | None) -> None:
        earlier, manager = defaults.handler, defaults.manager
        defaults.handler = None if handler is None else checked_handler(handler)
        if manager is not None:
            # A manager that exists already would otherwise never hear of it.
            others = [known for known in manager.handlers if known is not earlier and known is not handler]
            manager.set_handlers(others if handler is None else [*others, handler])

    @property
    def callback_manager(self) -> CallbackManager:
        """The global manager, made when it is first read. Managers without handlers copy its handlers."""
        if defaults.manager is None:
            defaults.manager = CallbackManager()
        assert isinstance(defaults.manager, CallbackManager)
        return defaults.manager

    @callback_manager.setter
    def callback_manager(self, manager: CallbackManager | None) -> None:
        if manager is not None and not isinstance(manager, CallbackManager):
            raise CallbackArgumentError(argument="callback_manager", expected="a CallbackManager", value=manager)
        defaults.manager = manager


settings = CallbackSettings()


def set_global_handler(eval_mode: str, **eval_params: Any) -> None:
    """Make the handler of this name (see `create_global_handler`) and have it everywhere."""
    handler = create_global_handler(eval_mode, **eval_params)
    if handler is not None:
        settings.global_handler = handler


def create_global_handler(eval_mode: str, **eval_params: Any) -> BaseCallbackHandler | None:
    """Make a handler by name: ``"simple"``, or that of an integration package for LlamaIndex.

    ``eval_params`` are passed to it. ``"agentops"`` sets itself up and gives no handler.

    Raises:
        UnknownEvalModeError: there is no handler of this name.
        HandlerNotInstalledError: its package cannot be imported.
    """
    if not isinstance(eval_mode, str):
        raise CallbackArgumentError(argument="eval_mode", expected="the name of a handler", value=eval_mode)
    if eval_mode == _SIMPLE:
        return SimpleLLMHandler(**eval_params)
    if eval_mode not in _MODES:
        raise UnknownEvalModeError(mode=eval_mode, known=sorted([*_MODES, _SIMPLE]))
    package, name = _MODES[eval_mode]
    try:
        module = import_module(f"llama_index.callbacks.{eval_mode}")
    except ImportError as error:
        raise HandlerNotInstalledError(mode=eval_mode, package=package) from error
    if eval_mode == _AGENTOPS:
        getattr(module, name).init(**eval_params)
        return None
    return checked_handler(getattr(module, name)(**eval_params))
