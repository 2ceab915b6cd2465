"""Calling the tools a model asks for, once or until it answers.

A tool that fails does not end the conversation: the model is told what went wrong and can
try again; the error stays on the ``ToolOutput``.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stepwell.callbacks import CallbackManager, CBEventType, EventPayload, current_manager
from stepwell.errors import CallbackVeto, ToolLoopError, UnknownToolError
from stepwell.llms._blocking import run_blocking
from stepwell.llms._llm import LLM
from stepwell.llms._messages import ChatMessage, MessageRole, ToolCallBlock
from stepwell.llms._responses import ChatResponse, TokenUsage
from stepwell.llms._tools import FunctionTool, ToolOutput, as_text, as_tool

DEFAULT_ROUNDS = 8


async def call_tool(
    tools: Sequence[FunctionTool | Callable[..., Any]],
    call: ToolCallBlock,
    *,
    callback_manager: CallbackManager | None = None,
) -> ToolOutput:
    """Call the one of ``tools`` that ``call`` names; what goes wrong is in the output, not raised."""
    known = {tool.name: tool for tool in map(as_tool, tools)}
    manager = callback_manager or current_manager()
    try:
        if call.tool_name not in known:
            raise UnknownToolError(tool=call.tool_name, known=list(known))
        tool = known[call.tool_name]
        started: dict[str, Any] = {EventPayload.TOOL: tool, EventPayload.FUNCTION_CALL: call.tool_kwargs}
        with manager.event(CBEventType.FUNCTION_CALL, payload=started) as event:
            result = await tool.ainvoke(call.tool_kwargs)
            text = as_text(result)
            event.on_end({EventPayload.FUNCTION_OUTPUT: text, "tool_call_id": call.tool_call_id})
    except CallbackVeto:
        raise
    except Exception as error:  # noqa: BLE001 - the model is told, and may do better
        return _output(call, f"{type(error).__name__}: {error}", exception=error)
    return _output(call, text, raw_output=result)


def tool_message(output: ToolOutput) -> ChatMessage:
    """Return the message that tells the model what came of its call."""
    return ChatMessage(output.content, role=MessageRole.TOOL, additional_kwargs={"tool_call_id": output.tool_call_id})


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRun:
    """What a ``ToolLoop`` came to: the answer, and all that was said and called on the way."""

    response: ChatResponse
    messages: tuple[ChatMessage, ...]
    outputs: tuple[ToolOutput, ...]
    rounds: int
    usage: TokenUsage

    def __str__(self) -> str:
        return self.response.text


class ToolLoop:
    """Ask, call the tools that are asked for at the same time, tell their results, until there is an answer.

    ``max_rounds`` is how often tools may be called before ``ToolLoopError``.
    """

    def __init__(
        self,
        llm: LLM,
        tools: Sequence[FunctionTool | Callable[..., Any]],
        *,
        max_rounds: int = DEFAULT_ROUNDS,
    ) -> None:
        self.llm = llm
        self.tools = tuple(as_tool(tool) for tool in tools)
        self.max_rounds = max_rounds

    async def arun(self, messages: Sequence[ChatMessage] | str, **options: Any) -> ToolRun:
        """Run until the model answers without asking for a tool. ``options`` are the model's."""
        said = [ChatMessage(messages)] if isinstance(messages, str) else list(messages)
        outputs: list[ToolOutput] = []
        usage = TokenUsage()
        rounds = 0
        while True:
            response = await self.llm.achat(said, tools=self.tools, **options)
            usage += response.usage or TokenUsage()
            said.append(response.message)
            calls = response.message.tool_calls
            if not calls:
                return ToolRun(
                    response=response,
                    messages=tuple(said),
                    outputs=tuple(outputs),
                    rounds=rounds,
                    usage=usage,
                )
            if rounds == self.max_rounds:
                raise ToolLoopError(rounds=rounds, wanted=[call.tool_name for call in calls], messages=said)
            rounds += 1
            results = await asyncio.gather(
                *(call_tool(self.tools, call, callback_manager=self.llm.callback_manager) for call in calls)
            )
            outputs += results
            said += [tool_message(result) for result in results]

    def run(self, messages: Sequence[ChatMessage] | str, **options: Any) -> ToolRun:
        """``arun`` for programs without an event loop."""
        return run_blocking(self.arun(messages, **options))


def _output(
    call: ToolCallBlock, content: str, *, raw_output: Any = None, exception: Exception | None = None
) -> ToolOutput:
    return ToolOutput(
        content=content,
        tool_name=call.tool_name,
        raw_input=call.tool_kwargs,
        raw_output=raw_output,
        tool_call_id=call.tool_call_id,
        exception=exception,
    )
