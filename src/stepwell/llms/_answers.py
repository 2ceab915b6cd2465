"""How the pieces of an answer become the answer."""

import json
from typing import Any

from stepwell.llms._messages import ChatMessage, MessageRole, TextBlock, ToolCallBlock
from stepwell.llms._responses import (
    ArrivedText,
    ChatResponse,
    CompletionResponse,
    Fragment,
    TokenUsage,
    ToolCallPiece,
)


class _ToolCall:
    __slots__ = ("arguments", "id", "name")

    def __init__(self) -> None:
        self.id: str | None = None
        self.name = ""
        self.arguments: list[str] = []


class PartialAnswer:
    """One answer as far as it has arrived."""

    def __init__(self) -> None:
        self.arrived = ArrivedText()
        self.finish_reason: str | None = None
        self.usage: TokenUsage | None = None
        self.raw: Any = None
        self.has_begun = False
        self._refusal: list[str] = []
        self._calls: list[_ToolCall] = []
        self._call_of_index: dict[int, _ToolCall] = {}

    @property
    def text(self) -> str:
        return self.arrived.up_to(self.arrived.length)

    def take(self, fragment: Fragment) -> bool:
        """Take a piece in; return whether a reader can see something new in it."""
        self.has_begun = True
        self.raw = fragment.raw
        self.finish_reason = fragment.finish_reason or self.finish_reason
        self.usage = fragment.usage or self.usage
        if fragment.refusal:
            self._refusal.append(fragment.refusal)
        for piece in fragment.tool_calls:
            self._take_call(piece)
        if fragment.text:
            self.arrived.append(fragment.text)
        return bool(fragment.text or fragment.tool_calls)

    def completion_chunk(self, fragment: Fragment) -> CompletionResponse:
        return CompletionResponse(self.arrived, delta=fragment.text, raw=fragment.raw)

    def chat_chunk(self, fragment: Fragment) -> ChatResponse:
        return ChatResponse(
            text=self.arrived, delta=fragment.text, raw=fragment.raw, tool_call_delta=fragment.tool_calls
        )

    def completion(self) -> CompletionResponse:
        """Return the whole answer as a completion."""
        return CompletionResponse(
            self.text,
            raw=self.raw,
            usage=self.usage,
            finish_reason=self.finish_reason,
            additional_kwargs=self._extras(),
        )

    def chat(self) -> ChatResponse:
        """Return the whole answer as a chat message, tool calls in it."""
        blocks: list[TextBlock | ToolCallBlock] = [TextBlock(text=self.text)] if self.arrived.length else []
        blocks += [
            ToolCallBlock(
                tool_call_id=call.id,
                tool_name=call.name,
                tool_kwargs=_read_arguments("".join(call.arguments)),
            )
            for call in self._calls
        ]
        message = ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks, additional_kwargs=self._extras())
        return ChatResponse(
            message,
            raw=self.raw,
            usage=self.usage,
            finish_reason=self.finish_reason,
            additional_kwargs=self._extras(),
        )

    def _take_call(self, piece: ToolCallPiece) -> None:
        call = self._call_of_index.get(piece.index)
        # Some servers give every parallel call the index 0 and tell them apart by their ids.
        if call is None or (piece.id and call.id and piece.id != call.id):
            call = _ToolCall()
            self._call_of_index[piece.index] = call
            self._calls.append(call)
        call.id = piece.id or call.id
        call.name = piece.name or call.name
        call.arguments.append(piece.arguments)

    def _extras(self) -> dict[str, Any]:
        return {"refusal": "".join(self._refusal)} if self._refusal else {}


def _read_arguments(text: str) -> dict[str, Any] | str:
    if not text.strip():
        return {}
    try:
        arguments = json.loads(text)
    except ValueError:
        return text
    return arguments if isinstance(arguments, dict) else text
