"""What every model client can do, whatever its vendor.

A vendor's client is one file: a subclass of ``LLM`` with ``metadata``, ``send`` and
``stream``. The ways to ask are here and depend on no vendor: a text or a chat; whole or
streamed; awaited or blocking; answers of a given shape.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel

from stepwell.callbacks import CBEventType, EventPayload
from stepwell.llms._answers import PartialAnswer
from stepwell.llms._blocking import BlockingStream, run_blocking
from stepwell.llms._messages import ChatMessage
from stepwell.llms._port import ModelPort
from stepwell.llms._prompts import ChatPromptTemplate, PromptTemplate
from stepwell.llms._responses import ChatResponse, CompletionResponse, ModelRequest
from stepwell.llms._streams import AnswerStream, open_stream
from stepwell.llms._structured import ask_for
from stepwell.llms._tools import FunctionTool, as_tool

Shape = TypeVar("Shape", bound=BaseModel)
Tools: TypeAlias = Sequence[FunctionTool | Callable[..., Any]]


class LLM(ModelPort):
    """A model client. Subclass it with ``metadata``, ``send`` and ``stream`` for another vendor.

    Per-call keywords (``temperature``, ``max_tokens``, ``stop``, ``seed``, ``timeout`` …)
    win over the client's own settings; what the client does not know is passed on.
    """

    async def acomplete(self, prompt: str, **options: Any) -> CompletionResponse:
        """Return the model's whole answer to ``prompt``."""
        return await self.ask(_said(prompt, options), PartialAnswer.completion, prompt)

    async def astream_complete(self, prompt: str, **options: Any) -> AnswerStream[CompletionResponse]:
        """Ask, and return the stream of the answer once its first piece is there.

        Every chunk but the last has a ``delta``; the last has an empty one, the finish
        reason and the token usage. Leaving the loop early, or cancelling the task that
        reads, closes the connection.
        """
        request = _said(prompt, options)
        return await open_stream(
            self.stream(request),
            self.begin(request, prompt),
            chunk=PartialAnswer.completion_chunk,
            whole=PartialAnswer.completion,
        )

    async def achat(self, messages: Sequence[ChatMessage], *, tools: Tools = (), **options: Any) -> ChatResponse:
        """Return the model's whole answer to ``messages``.

        With ``tools``, the answer may ask for some of them: ``response.message.tool_calls``.
        """
        return await self.ask(_chat(messages, tools, options), PartialAnswer.chat)

    async def astream_chat(
        self, messages: Sequence[ChatMessage], *, tools: Tools = (), **options: Any
    ) -> AnswerStream[ChatResponse]:
        """Ask, and return the stream of the answer once its first piece is there.

        As ``astream_complete``; tool calls are complete in the last chunk's ``message``.
        """
        request = _chat(messages, tools, options)
        return await open_stream(
            self.stream(request),
            self.begin(request),
            chunk=PartialAnswer.chat_chunk,
            whole=PartialAnswer.chat,
        )

    async def apredict(self, prompt: PromptTemplate | ChatPromptTemplate, **variables: Any) -> str:
        """Fill ``prompt`` with ``variables``, ask, and return the text of the answer."""
        return (await self.achat(self._filled(prompt, variables))).text

    async def astructured_predict(
        self, output_cls: type[Shape], prompt: PromptTemplate | ChatPromptTemplate, **variables: Any
    ) -> Shape:
        """Fill ``prompt``, ask for the JSON of ``output_cls``, and return the instance.

        An answer that does not fit is sent back once with what is wrong; if the second does not
        fit either, ``StructuredAnswerError`` carries it.
        """
        return await ask_for(output_cls, self._filled(prompt, variables), self._structured)

    def complete(self, prompt: str, **options: Any) -> CompletionResponse:
        """``acomplete`` for programs without an event loop."""
        return run_blocking(self.acomplete(prompt, **options))

    def stream_complete(self, prompt: str, **options: Any) -> BlockingStream[CompletionResponse]:
        """``astream_complete`` for programs without an event loop."""
        return BlockingStream(run_blocking(self.astream_complete(prompt, **options)))

    def chat(self, messages: Sequence[ChatMessage], *, tools: Tools = (), **options: Any) -> ChatResponse:
        """``achat`` for programs without an event loop."""
        return run_blocking(self.achat(messages, tools=tools, **options))

    def stream_chat(
        self, messages: Sequence[ChatMessage], *, tools: Tools = (), **options: Any
    ) -> BlockingStream[ChatResponse]:
        """``astream_chat`` for programs without an event loop."""
        return BlockingStream(run_blocking(self.astream_chat(messages, tools=tools, **options)))

    def predict(self, prompt: PromptTemplate | ChatPromptTemplate, **variables: Any) -> str:
        """``apredict`` for programs without an event loop."""
        return run_blocking(self.apredict(prompt, **variables))

    def structured_predict(
        self, output_cls: type[Shape], prompt: PromptTemplate | ChatPromptTemplate, **variables: Any
    ) -> Shape:
        """``astructured_predict`` for programs without an event loop."""
        return run_blocking(self.astructured_predict(output_cls, prompt, **variables))

    def _filled(self, prompt: PromptTemplate | ChatPromptTemplate, variables: dict[str, Any]) -> list[ChatMessage]:
        manager = self.callback_manager
        if not manager.has_handlers:
            return prompt.format_messages(**variables)
        told: dict[str, Any] = {EventPayload.TEMPLATE: prompt.template, EventPayload.TEMPLATE_VARS: variables}
        with manager.event(CBEventType.TEMPLATING, payload=told):
            return prompt.format_messages(**variables)

    async def _structured(self, messages: Sequence[ChatMessage], answer_class: type[BaseModel]) -> ChatResponse:
        request = ModelRequest(messages=tuple(messages), answer_class=answer_class)
        return await self.ask(request, PartialAnswer.chat)


def _said(prompt: str, options: dict[str, Any]) -> ModelRequest:
    return ModelRequest(messages=(ChatMessage(prompt),), options=options)


def _chat(messages: Sequence[ChatMessage], tools: Tools, options: dict[str, Any]) -> ModelRequest:
    return ModelRequest(messages=tuple(messages), tools=tuple(as_tool(tool) for tool in tools), options=options)
