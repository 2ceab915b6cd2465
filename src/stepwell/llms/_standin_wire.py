"""What the stand-in says, in the words of the protocol: bodies as plain dictionaries, no sockets."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stepwell.llms._standin_replies import TextReply, ToolCallsReply

MODEL = "stepwell-stand-in"
FINGERPRINT = "fp_stepwell_stand_in"
# Whitespace stays with the word before it, so that the pieces joined are the text.
WORD = re.compile(r"\S+\s*|\s+")
ARGUMENT_PIECE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer, ready to be said: ``number`` and ``created`` name it, ``request`` is what was asked."""

    reply: TextReply | ToolCallsReply
    request: dict[str, Any]
    number: int
    created: int

    @property
    def text(self) -> str:
        return self._limited()[0]

    @property
    def finish_reason(self) -> str:
        return "tool_calls" if isinstance(self.reply, ToolCallsReply) else self._limited()[1]

    @property
    def wants_usage(self) -> bool:
        return bool((self.request.get("stream_options") or {}).get("include_usage"))

    def tool_calls(self) -> list[dict[str, Any]]:
        if not isinstance(self.reply, ToolCallsReply):
            return []
        return [
            {
                "id": f"call_{self.number}_{index}",
                "type": "function",
                "function": {
                    "name": name,
                    "arguments": given if isinstance(given, str) else json.dumps(given, ensure_ascii=False),
                },
            }
            for index, (name, given) in enumerate(self.reply.calls)
        ]

    def usage(self) -> dict[str, Any]:
        """Count words where a model counts tokens."""
        asked = sum(len(words(_text_of(said))) for said in self.request["messages"])
        answered = len(words(self.text)) + sum(
            len(words(call["function"]["arguments"])) + 1 for call in self.tool_calls()
        )
        return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}

    def _limited(self) -> tuple[str, str]:
        """Keep to ``stop`` and the limit of tokens, as a server does."""
        text, stop = self.reply.text, self.request.get("stop") or ()
        limit = self.request.get("max_completion_tokens") or self.request.get("max_tokens")
        ends = [text.index(end) for end in ([stop] if isinstance(stop, str) else stop) if end in text]
        text = text[: min(ends, default=len(text))]
        spoken = words(text)
        if limit is not None and len(spoken) > limit:
            return "".join(spoken[:limit]), "length"
        return text, "stop"


def words(text: str) -> list[str]:
    """Cut ``text`` into words with the whitespace that follows them; joined they are the text."""
    return WORD.findall(text)


def whole(answer: Answer) -> dict[str, Any]:
    """Return the body of an answer that is not streamed."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": None}
    calls = answer.tool_calls()
    if calls:
        message["tool_calls"] = calls
    else:
        message["content"] = answer.text
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}
    return {**_head("chat.completion", answer), "choices": [choice], "usage": answer.usage()}


def chunks(answer: Answer) -> Iterator[dict[str, Any]]:
    """Return the bodies of the events of a streamed answer: role, words, tool calls, end, usage if asked."""
    head = _head("chat.completion.chunk", answer)
    nothing = {"usage": None} if answer.wants_usage else {}

    def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**head, "choices": [choice], **nothing}

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    for word in words(answer.text):
        yield chunk({"content": word})
    for index, call in enumerate(answer.tool_calls()):
        opening = {**call, "index": index, "function": {**call["function"], "arguments": ""}}
        yield chunk({"tool_calls": [opening]})
        for piece in _cut(call["function"]["arguments"]):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, answer.finish_reason)
    if answer.wants_usage:
        yield {**head, "choices": [], "usage": answer.usage()}


def failure(message: str, *, kind: str, code: str | None) -> dict[str, Any]:
    """Return the body of an error."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def models() -> dict[str, Any]:
    """Return the list of models: the stand-in alone."""
    return {
        "object": "list",
        "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "stepwell"}],
    }


def complaint(request: Any) -> str | None:
    """Say what a real server would refuse in ``request``, or ``None``."""
    messages = request.get("messages") if isinstance(request, dict) else None
    if not isinstance(messages, list) or not messages:
        return "'messages' is not a list of at least one message"
    open_calls: set[str] = set()
    for place, said in enumerate(messages):
        role = said.get("role") if isinstance(said, dict) else None
        if role == "tool":
            if said.get("tool_call_id") not in open_calls:
                return f"messages[{place}] answers a tool call that the message before did not make"
            open_calls.discard(said["tool_call_id"])
        elif open_calls:
            return f"messages[{place}] comes before the tool calls {sorted(open_calls)} are answered"
        elif role not in {"system", "developer", "user", "assistant"}:
            return f"messages[{place}] has the role {role!r}"
        else:
            open_calls = {call["id"] for call in said.get("tool_calls") or ()}
    return f"the tool calls {sorted(open_calls)} are not answered" if open_calls else None


def _head(kind: str, answer: Answer) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-stand-in-{answer.number}",
        "object": kind,
        "created": answer.created,
        "model": MODEL,
        "service_tier": "default",
        "system_fingerprint": FINGERPRINT,
    }


def _cut(text: str) -> Iterator[str]:
    for start in range(0, len(text), ARGUMENT_PIECE):
        yield text[start : start + ARGUMENT_PIECE]


def _text_of(said: dict[str, Any]) -> str:
    content = said.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content)
