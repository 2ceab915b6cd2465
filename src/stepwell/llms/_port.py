"""What a vendor's client has to bring, and how each of its calls is told to callbacks."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from stepwell.callbacks import CallbackManager, current_manager
from stepwell.llms._answers import PartialAnswer
from stepwell.llms._calls import ModelCall
from stepwell.llms._responses import CompletionResponse, Fragment, ModelRequest

Response = TypeVar("Response", bound=CompletionResponse)


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMMetadata:
    """What is known about a model before it is asked."""

    model_name: str


class ModelPort(ABC):
    """The vendor's side of a model client: three members to write, and one that may be extended (``describe``)."""

    # A subclass need not call __init__.
    _callback_manager: CallbackManager | None = None

    def __init__(self, *, callback_manager: CallbackManager | None = None) -> None:
        self._callback_manager = callback_manager

    @property
    def callback_manager(self) -> CallbackManager:
        """Who is told of the calls: the manager given, or else that of the trace around the running code."""
        return self._callback_manager or current_manager()

    @callback_manager.setter
    def callback_manager(self, manager: CallbackManager | None) -> None:
        self._callback_manager = manager

    @property
    @abstractmethod
    def metadata(self) -> LLMMetadata:
        """What is known about the model."""

    @abstractmethod
    async def send(self, request: ModelRequest) -> Fragment:
        """Ask and return the whole answer as one fragment. Raises a ``ModelError``."""

    @abstractmethod
    def stream(self, request: ModelRequest) -> AsyncGenerator[Fragment, None]:
        """Ask and yield the answer in pieces; closing the generator closes the connection.

        A complete answer has a ``finish_reason`` in one of its last pieces. Raises a
        ``ModelError``, also between pieces.
        """

    def describe(self) -> dict[str, Any]:
        """Say which model this is and how it is set, as callbacks are told it: plain data, no key."""
        return {"class_name": type(self).__name__, "model": self.metadata.model_name}

    def begin(self, request: ModelRequest, prompt: str | None = None) -> ModelCall:
        return ModelCall(self.callback_manager, request, self.describe(), prompt=prompt)

    async def ask(
        self, request: ModelRequest, shape: Callable[[PartialAnswer], Response], prompt: str | None = None
    ) -> Response:
        call = self.begin(request, prompt)
        answer = PartialAnswer()
        try:
            answer.take(await self.send(request))
            response = shape(answer)
        except BaseException as error:
            call.fail(error, answer)
            raise
        call.end(response)
        return response
