"""What the stand-in says, in the words of the protocol: bodies as plain dictionaries, no sockets."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MODEL = "stepwell-stand-in"
FINGERPRINT = "fp_stepwell_stand_in"
# Whitespace stays with the word before it, so that the pieces joined are the text.
WORD = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextReply:
    """An answer of text, word by word with ``pause`` seconds between words."""

    text: str
    pause: float = 0.0


def words(text: str) -> list[str]:
    """Cut ``text`` into words with the whitespace that follows them; joined they are the text."""
    return WORD.findall(text)


def whole(reply: TextReply, request: dict[str, Any], *, number: int, created: int) -> dict[str, Any]:
    """Return the body of an answer that is not streamed."""
    return {
        **_head("chat.completion", number, created),
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": reply.text, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": _usage(reply, request),
    }


def chunks(
    reply: TextReply, request: dict[str, Any], *, number: int, created: int
) -> Iterator[dict[str, Any]]:
    """Return the bodies of the events of a streamed answer: role, words, end, usage if asked."""
    head = _head("chat.completion.chunk", number, created)
    wants_usage = (request.get("stream_options") or {}).get("include_usage", False)
    nothing = {"usage": None} if wants_usage else {}

    def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**head, "choices": [choice], **nothing}

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    for word in words(reply.text):
        yield chunk({"content": word})
    yield chunk({}, "stop")
    if wants_usage:
        yield {**head, "choices": [], "usage": _usage(reply, request)}


def failure(message: str, *, kind: str, code: str | None) -> dict[str, Any]:
    """Return the body of an error."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def models() -> dict[str, Any]:
    """Return the list of models: the stand-in alone."""
    return {
        "object": "list",
        "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "stepwell"}],
    }


def _head(kind: str, number: int, created: int) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-stand-in-{number}",
        "object": kind,
        "created": created,
        "model": MODEL,
        "service_tier": "default",
        "system_fingerprint": FINGERPRINT,
    }


def _usage(reply: TextReply, request: dict[str, Any]) -> dict[str, Any]:
    asked = sum(len(words(str(said.get("content") or ""))) for said in request.get("messages", ()))
    answered = len(words(reply.text))
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
