"""What every model client can do, whatever its vendor.

A vendor's client is one file: a subclass of ``LLM`` with ``metadata``, ``send``
and ``stream``. All that does not depend on the vendor is here: the four ways to
ask (whole or streamed, awaited or blocking), and what a broken stream means.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from stepwell.llms._blocking import BlockingStream, run_blocking
from stepwell.llms._messages import ChatMessage, MessageRole
from stepwell.llms._responses import CompletionResponse, Fragment, ModelRequest
from stepwell.llms._streams import AnswerStream, open_stream


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMMetadata:
    """What is known about a model before it is asked."""

    model_name: str


class LLM(ABC):
    """A model client. Subclass it with ``metadata``, ``send`` and ``stream`` for another vendor.

    Per-call keywords (``temperature``, ``max_tokens``, ``stop``, ``seed``, ``timeout`` …)
    win over the client's own settings; what the client does not know is passed on.
    """

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

        The last piece of a complete answer carries its ``finish_reason`` or comes after
        the one that did. Raises a ``ModelError``, also between pieces.
        """

    async def acomplete(self, prompt: str, **options: Any) -> CompletionResponse:
        """Return the model's whole continuation of ``prompt``."""
        fragment = await self.send(_prompt_request(prompt, options))
        return CompletionResponse(
            fragment.text,
            raw=fragment.raw,
            usage=fragment.usage,
            finish_reason=fragment.finish_reason,
        )

    async def astream_complete(self, prompt: str, **options: Any) -> AnswerStream[CompletionResponse]:
        """Ask, and return the stream of the answer once its first piece is there.

        Every chunk but the last has a ``delta``; the last has an empty one, the finish
        reason and the token usage. Leaving the loop early, or cancelling the task that
        reads, closes the connection.
        """
        return await open_stream(
            self.stream(_prompt_request(prompt, options)), model=self.metadata.model_name
        )

    def complete(self, prompt: str, **options: Any) -> CompletionResponse:
        """``acomplete`` for programs without an event loop."""
        return run_blocking(self.acomplete(prompt, **options))

    def stream_complete(self, prompt: str, **options: Any) -> BlockingStream[CompletionResponse]:
        """``astream_complete`` for programs without an event loop."""
        return BlockingStream(run_blocking(self.astream_complete(prompt, **options)))


def _prompt_request(prompt: str, options: dict[str, Any]) -> ModelRequest:
    return ModelRequest(messages=(ChatMessage(role=MessageRole.USER, content=prompt),), options=options)
