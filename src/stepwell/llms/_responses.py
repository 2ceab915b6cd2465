"""What a model gives back, whole or in pieces.

Text that arrives in pieces is kept once per answer and joined when somebody
asks, so that a stream of n characters costs n, not n squared.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """What the server says it counted, in tokens. ``prompt_tokens`` includes the cached ones."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0


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
class Fragment:
    """One piece of an answer, in no vendor's words. ``raw`` is the vendor's own object."""

    text: str = ""
    finish_reason: str | None = None
    usage: TokenUsage | None = None
    model: str | None = None
    raw: Any = None


class CompletionResponse:
    """A completion, or the part of one that has arrived when it is streamed.

    ``delta`` is the newest piece (empty for a whole answer), ``text`` everything so
    far; ``raw`` is the vendor's own object; ``usage`` is known at the end of an answer.
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
        return self._text if isinstance(self._text, str) else self._text.up_to(self._end)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"CompletionResponse(text={self.text!r}, delta={self.delta!r})"


@dataclass(slots=True, kw_only=True)
class ModelRequest:
    """What is asked of a model, in no vendor's words; ``options`` are passed on as they are."""

    messages: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)
