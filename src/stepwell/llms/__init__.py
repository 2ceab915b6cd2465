"""Model clients, and the offline stand-in that speaks to them. Knows no workflows.

The client of a vendor has a door of its own: ``from stepwell.llms.openai import OpenAI``.
"""

from stepwell.llms._blocking import BlockingStream
from stepwell.llms._cassette_servers import RecordingServer, ReplayServer
from stepwell.llms._embeddings import BaseEmbedding
from stepwell.llms._llm import LLM
from stepwell.llms._messages import ChatMessage, ImageBlock, MessageRole, TextBlock, ToolCallBlock
from stepwell.llms._port import LLMMetadata
from stepwell.llms._prompts import ChatPromptTemplate, PromptTemplate
from stepwell.llms._responses import (
    ChatResponse,
    CompletionResponse,
    Fragment,
    ModelRequest,
    TokenUsage,
    ToolCallPiece,
)
from stepwell.llms._standin import ServedCall, StandIn
from stepwell.llms._standin_replies import ErrorReply, Reply, StructuredReply, TextReply, ToolCallsReply
from stepwell.llms._streams import AnswerStream
from stepwell.llms._tool_loop import ToolLoop, ToolRun, call_tool, tool_message
from stepwell.llms._tools import FunctionTool, ToolOutput

__all__ = [  # noqa: RUF022 - plainly sorted, as in every door
    "AnswerStream",
    "BaseEmbedding",
    "BlockingStream",
    "ChatMessage",
    "ChatPromptTemplate",
    "ChatResponse",
    "CompletionResponse",
    "ErrorReply",
    "Fragment",
    "FunctionTool",
    "ImageBlock",
    "LLM",
    "LLMMetadata",
    "MessageRole",
    "ModelRequest",
    "PromptTemplate",
    "RecordingServer",
    "ReplayServer",
    "Reply",
    "ServedCall",
    "StandIn",
    "StructuredReply",
    "TextBlock",
    "TextReply",
    "TokenUsage",
    "ToolCallBlock",
    "ToolCallPiece",
    "ToolCallsReply",
    "ToolLoop",
    "ToolOutput",
    "ToolRun",
    "call_tool",
    "tool_message",
]
