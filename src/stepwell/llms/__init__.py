"""Model clients, and the offline stand-in that speaks to them. Knows no workflows.

The client of a vendor has a door of its own: ``from stepwell.llms.openai import OpenAI``.
"""

from stepwell.llms._blocking import BlockingStream
from stepwell.llms._llm import LLM, LLMMetadata
from stepwell.llms._messages import ChatMessage, MessageRole, TextBlock
from stepwell.llms._responses import CompletionResponse, Fragment, ModelRequest, TokenUsage
from stepwell.llms._standin import StandIn
from stepwell.llms._streams import AnswerStream

__all__ = [  # noqa: RUF022 - plainly sorted, as in every door
    "AnswerStream",
    "BlockingStream",
    "ChatMessage",
    "CompletionResponse",
    "Fragment",
    "LLM",
    "LLMMetadata",
    "MessageRole",
    "ModelRequest",
    "StandIn",
    "TextBlock",
    "TokenUsage",
]
