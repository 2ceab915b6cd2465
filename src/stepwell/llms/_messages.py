"""What is said to a model and by whom: roles, blocks of content, messages.

Names and shapes are those of ``llama_index.core.llms``, so that programs written
for it read the same.
"""

from enum import Enum
from typing import Any, Literal

from pydantic import BaseModel, Field


class MessageRole(str, Enum):  # noqa: UP042 - its str() is the peer's
    """Who speaks."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class TextBlock(BaseModel):
    """A piece of text."""

    block_type: Literal["text"] = "text"
    text: str


class ChatMessage(BaseModel):
    """One message: a role and its blocks. ``ChatMessage(role="user", content="hi")`` makes a text block."""

    role: MessageRole = MessageRole.USER
    blocks: list[TextBlock] = Field(default_factory=list)
    additional_kwargs: dict[str, Any] = Field(default_factory=dict)

    def __init__(self, /, content: str | None = None, **data: Any) -> None:
        if content is not None:
            data["blocks"] = [TextBlock(text=content), *data.get("blocks", ())]
        super().__init__(**data)

    @property
    def content(self) -> str | None:
        """The text of all text blocks; ``None`` when there is none."""
        texts = [block.text for block in self.blocks]
        return "\n".join(texts) if texts else None

    def __str__(self) -> str:
        return f"{self.role.value}: {self.content or ''}"
