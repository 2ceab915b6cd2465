"""What a model gives back, whole or in pieces.

Text that arrives in pieces is kept once per answer and joined when somebody
asks, so that a stream of n characters costs n, not n squared.
"""

from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from stepwell.llms._messages import ChatMessage, MessageRole


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """What the server says it counted, in tokens. ``prompt_tokens`` includes the cached ones."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: "TokenUsage") -> "TokenUsage":
        return TokenUsage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.total_tokens + other.total_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )


class ArrivedText:
    """The text of one answer as far as it has arrived; shared by all its chunks."""

    __slots__ = ("_joined", "_pending", "length")

    def __init__(self) -> None:
        self._joined = ""
        self._pending: list[str] = []
        self.length = 0

    def append(self, piece: str) -> None:
        self._pending.append(piece)
        self.length += len(piece)

    def up_to(self, end: int) -> str:
        """Return the first ``end`` characters."""
        if self._pending and end > len(self._joined):
            self._joined += "".join(self._pending)
            self._pending.clear()
        return self._joined[:end]


@dataclass(slots=True, kw_only=True)
class ToolCallPiece:
    """A piece of a tool call. Pieces of one ``index`` belong together; ``arguments`` is part of a JSON."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


@dataclass(slots=True, kw_only=True)
class Fragment:
    """One piece of an answer, in no vendor's words. ``raw`` is the vendor's own object."""

    text: str = ""
    tool_calls: tuple[ToolCallPiece, ...] = ()
    refusal: str = ""
    finish_reason: str | None = None
    usage: TokenUsage | None = None
    raw: Any = None


@dataclass(slots=True, kw_only=True)
class ModelRequest:
    """What is asked of a model, in no vendor's words; ``options`` are passed on as they are.

    ``answer_class`` is the pydantic model that the answer should be the JSON of.
    """

    messages: tuple[ChatMessage, ...]
    tools: tuple[Any, ...] = ()
    answer_class: type[BaseModel] | None = None
    options: dict[str, Any] = field(default_factory=dict)


class CompletionResponse:
    """A completion, or the part of one that has arrived when it is streamed.

    ``delta`` is the newest piece (empty for a whole answer), ``text`` everything so
    far; ``raw`` is the vendor's own object; ``usage`` and ``finish_reason`` are known at the end.
    """

    __slots__ = ("_end", "_text", "additional_kwargs", "delta", "finish_reason", "raw", "usage")

    def __init__(
        self,
        text: str | ArrivedText = "",
        *,
        delta: str = "",
        raw: Any = None,
        usage: TokenUsage | None = None,
        finish_reason: str | None = None,
        additional_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self._text = text
        self._end = text.length if isinstance(text, ArrivedText) else len(text)
        self.delta = delta
        self.raw = raw
        self.usage = usage
        self.finish_reason = finish_reason
        self.additional_kwargs = additional_kwargs if additional_kwargs is not None else {}

    @property
    def text(self) -> str:
        """Everything that has arrived so far."""
        return self._text if isinstance(self._text, str) else self._text.up_to(self._end)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"{type(self).__name__}(text={self.text!r}, delta={self.delta!r})"


class ChatResponse(CompletionResponse):
    """An answer in a chat, or the part of one that has arrived when it is streamed.

    ``message`` holds the text so far; tool calls are in it when they are complete, in the last chunk.
    Until then ``tool_call_delta`` has the pieces that came with this chunk.
    """

    __slots__ = ("_message", "tool_call_delta")

    def __init__(
        self,
        message: ChatMessage | None = None,
        *,
        text: str | ArrivedText = "",
        tool_call_delta: tuple[ToolCallPiece, ...] = (),
        **fields: Any,
    ) -> None:
        super().__init__((message.content or "") if message is not None else text, **fields)
        self._message = message
        self.tool_call_delta = tool_call_delta

    @property
    def message(self) -> ChatMessage:
        """The model's message, as far as it has arrived."""
        if self._message is None:
            self._message = ChatMessage(self.text or None, role=MessageRole.ASSISTANT)
        return self._message

    def __str__(self) -> str:
        return str(self.message)
