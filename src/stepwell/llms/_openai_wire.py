"""Requests in the words of the chat-completions protocol, and its answers in ours. No sockets."""

from typing import TYPE_CHECKING, Any

from stepwell.llms._messages import ChatMessage, ImageBlock, MessageRole, TextBlock, ToolCallBlock
from stepwell.llms._responses import Fragment, ModelRequest, TokenUsage, ToolCallPiece
from stepwell.llms._schemas import json_schema, strict_schema
from stepwell.llms._tools import FunctionTool, as_text

if TYPE_CHECKING:
    from openai.types import CompletionUsage
    from openai.types.chat import ChatCompletion, ChatCompletionChunk
    from openai.types.chat.chat_completion_chunk import ChoiceDelta


def request_body(request: ModelRequest) -> dict[str, Any]:
    """Return the part of a body that comes from the request: messages, tools, the shape of the answer."""
    body: dict[str, Any] = {"messages": [_message(said) for said in request.messages]}
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    if request.answer_class is not None:
        schema = json_schema(request.answer_class)
        strict = strict_schema(schema)
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {
                "name": request.answer_class.__name__,
                "schema": strict or schema,
                "strict": strict is not None,
            },
        }
    return body


def whole_answer(answer: "ChatCompletion") -> Fragment:
    """Return an answer that was not streamed."""
    choice = answer.choices[0]
    calls = enumerate(choice.message.tool_calls or ())
    return Fragment(
        text=choice.message.content or "",
        refusal=choice.message.refusal or "",
        tool_calls=tuple(
            ToolCallPiece(index=index, id=call.id, name=call.function.name, arguments=call.function.arguments or "")
            for index, call in calls
            if call.type == "function"
        ),
        finish_reason=choice.finish_reason,
        usage=_usage(answer.usage),
        raw=answer,
    )


def fragment_of(chunk: "ChatCompletionChunk") -> Fragment:
    """Return what a chunk of a stream brings."""
    fragment = Fragment(usage=_usage(chunk.usage), raw=chunk)
    # One choice is asked for; the chunk that brings the usage has none.
    for choice in chunk.choices or ():
        if choice.index == 0:
            fragment.finish_reason = choice.finish_reason
            if choice.delta:
                fragment.text = choice.delta.content or ""
                fragment.refusal = choice.delta.refusal or ""
                fragment.tool_calls = _pieces(choice.delta)
    return fragment


def _pieces(delta: "ChoiceDelta") -> tuple[ToolCallPiece, ...]:
    return tuple(
        ToolCallPiece(
            index=call.index or 0,
            id=call.id,
            name=call.function.name if call.function else None,
            arguments=(call.function.arguments if call.function else None) or "",
        )
        for call in delta.tool_calls or ()
    )


def _message(said: ChatMessage) -> dict[str, Any]:
    message: dict[str, Any] = {"role": said.role.value, "content": _content(said)}
    calls = said.tool_calls
    if calls:
        message["tool_calls"] = [_call(call) for call in calls]
    extras = {name: value for name, value in said.additional_kwargs.items() if name != "refusal"}
    return {**message, **extras}


def _content(said: ChatMessage) -> str | list[dict[str, Any]] | None:
    shown = [block for block in said.blocks if not isinstance(block, ToolCallBlock)]
    if said.role is MessageRole.TOOL or not any(isinstance(block, ImageBlock) for block in shown):
        return said.content if shown or said.role is MessageRole.ASSISTANT else ""
    return [_part(block) for block in shown]


def _part(block: TextBlock | ImageBlock) -> dict[str, Any]:
    if isinstance(block, TextBlock):
        return {"type": "text", "text": block.text}
    image: dict[str, Any] = {"url": block.address()}
    if block.detail is not None:
        image["detail"] = block.detail
    return {"type": "image_url", "image_url": image}


def _call(call: ToolCallBlock) -> dict[str, Any]:
    function = {"name": call.tool_name, "arguments": as_text(call.tool_kwargs)}
    return {"id": call.tool_call_id, "type": "function", "function": function}


def _tool(tool: FunctionTool) -> dict[str, Any]:
    # Not in strict mode, which forbids parallel calls; the arguments are checked before the call anyway.
    function: dict[str, Any] = {"name": tool.name, "parameters": tool.schema}
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": function}


def _usage(counted: "CompletionUsage | None") -> TokenUsage | None:
    if counted is None:
        return None
    prompt, completion = counted.prompt_tokens_details, counted.completion_tokens_details
    return TokenUsage(
        prompt_tokens=counted.prompt_tokens,
        completion_tokens=counted.completion_tokens,
        total_tokens=counted.total_tokens,
        cached_tokens=(prompt.cached_tokens or 0) if prompt else 0,
        reasoning_tokens=(completion.reasoning_tokens or 0) if completion else 0,
    )
