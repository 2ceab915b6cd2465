"""What is said to a model and by whom: roles, blocks of content, messages.

Names and shapes are those of ``llama_index.core.llms``, so that programs written for it
read the same. A message is plain data: it goes through JSON and back unchanged.
"""

from base64 import b64encode
from enum import Enum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stepwell.errors import ImageSourceError

# The first bytes of the image types that models take.
SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)


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


class ImageBlock(BaseModel):
    """An image: an address (``url``) or bytes (``image``), with a media type if those do not show it."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    block_type: Literal["image"] = "image"
    image: bytes | None = None
    url: str | None = None
    image_mimetype: str | None = None
    detail: Literal["auto", "low", "high"] | None = None

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.image is None) == (self.url is None):
            raise ImageSourceError(problem="needs either url=… or image=… (bytes), not both and not neither")
        return self

    def address(self) -> str:
        """Return the address to send: the URL itself, or the bytes as a ``data:`` URL."""
        if self.url is not None:
            return self.url
        assert self.image is not None
        return f"data:{self.image_mimetype or _media_type(self.image)};base64,{b64encode(self.image).decode()}"


class ToolCallBlock(BaseModel):
    """A tool the model wants called. ``tool_kwargs`` is a string when the model's JSON cannot be read."""

    block_type: Literal["tool_call"] = "tool_call"
    tool_call_id: str | None = None
    tool_name: str
    tool_kwargs: dict[str, Any] | str = Field(default_factory=dict)


ContentBlock = Annotated[TextBlock | ImageBlock | ToolCallBlock, Field(discriminator="block_type")]


class ChatMessage(BaseModel):
    """One message: a role and its blocks. ``content`` may be a string or a list of blocks.

    The answer of a tool has the role ``tool`` and its call's id in
    ``additional_kwargs["tool_call_id"]``.
    """

    role: MessageRole = MessageRole.USER
    blocks: list[ContentBlock] = Field(default_factory=list)
    additional_kwargs: dict[str, Any] = Field(default_factory=dict)

    def __init__(
        self, /, content: "str | list[TextBlock | ImageBlock | ToolCallBlock] | None" = None, **data: Any
    ) -> None:
        if isinstance(content, str):
            data["blocks"] = [TextBlock(text=content), *data.get("blocks", ())]
        elif content is not None:
            data["blocks"] = [*content, *data.get("blocks", ())]
        super().__init__(**data)

    @classmethod
    def from_str(cls, content: str, role: MessageRole | str = MessageRole.USER) -> Self:
        """Make a message of text."""
        return cls(content, role=MessageRole(role))

    @property
    def content(self) -> str | None:
        """The text of all text blocks, a line break between them; ``None`` when there is none."""
        texts = [block.text for block in self.blocks if isinstance(block, TextBlock)]
        return "\n".join(texts) if texts else None

    @property
    def tool_calls(self) -> tuple[ToolCallBlock, ...]:
        """The tools this message asks for."""
        return tuple(block for block in self.blocks if isinstance(block, ToolCallBlock))

    def __str__(self) -> str:
        return f"{self.role.value}: {self.content or ''}"


def _media_type(image: bytes) -> str:
    for signature, media_type in SIGNATURES:
        if image.startswith(signature):
            return media_type
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return "image/webp"
    raise ImageSourceError(problem="begins like no PNG, JPEG, GIF or WebP image; say what it is: image_mimetype=…")
