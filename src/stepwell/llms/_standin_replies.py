"""What a stand-in can be told to answer."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel


class Reply:
    """What a script consists of: one of the classes below."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TextReply(Reply):
    """An answer of text. ``pause`` is in seconds before each word (``None``: the stand-in's own).

    ``break_after`` words, the connection is cut.
    """

    text: str
    pause: float | None = None
    break_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallsReply(Reply):
    """An answer that asks for tools: pairs of name and arguments. A string of arguments is sent as it is."""

    calls: Sequence[tuple[str, Mapping[str, Any] | str]]
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StructuredReply(Reply):
    """An answer that is the JSON of ``value``: a pydantic model or plain data."""

    value: Any

    def as_text(self) -> TextReply:
        """Return the answer as the text it is on the wire."""
        if isinstance(self.value, BaseModel):
            return TextReply(text=self.value.model_dump_json())
        return TextReply(text=json.dumps(self.value, ensure_ascii=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReply(Reply):
    """A failure: an HTTP status (401, 429, 500 …). ``retry_after`` is in seconds."""

    status: int
    message: str = "the script says so"
    retry_after: float | None = None
