"""The offline stand-in: a real HTTP server on loopback that speaks OpenAI's chat-completions protocol.

It is no model and says so: in the model's name, the fingerprint, the ``Server`` header
and ``describe()``. It gives back a text word by word, or what a script says, so that a
program shows offline what it does with a model, through the same client and sockets.
"""

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

from stepwell.errors import StandInScriptError
from stepwell.llms._loopback import Exchange, HangupError, LoopbackService
from stepwell.llms._standin_embeddings import embeddings
from stepwell.llms._standin_replies import ErrorReply, Reply, StructuredReply, TextReply, ToolCallsReply
from stepwell.llms._standin_wire import MODEL, Answer, chunks, complaint, failure, models, whole

CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
Script: TypeAlias = Sequence[Reply] | Callable[[dict[str, Any]], Reply]


class ServedCall:
    """One request as the stand-in saw it. ``ended`` says how: it is ``None`` while the call is open."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.words_sent = 0
        self.ended: Literal["complete", "hung up", "cut"] | None = None
        self._ending = threading.Event()

    def wait_until_ended(self, timeout: float = 5.0) -> bool:
        """Wait up to ``timeout`` seconds for the end of the call; return whether it came."""
        return self._ending.wait(timeout)

    def end(self, how: Literal["complete", "hung up", "cut"]) -> None:
        """Note how the call ended."""
        self.ended = how
        self._ending.set()


class StandIn(LoopbackService):
    """A stand-in for a model server, started by ``with`` or ``async with``.

    It answers everything with ``text`` (by default the opening of Moby Dick), word by word
    with ``pause`` seconds before each, or with what ``script`` says: replies in order, or
    a function from the request to a reply. Any key but ``key`` is refused, as a real server
    would. It keeps to ``stop`` and ``max_tokens``, and counts words where a model counts tokens.
    ``calls`` are the requests it was sent.
    """

    def __init__(
        self,
        text: str | None = None,
        *,
        pause: float = 0.0,
        script: Script | None = None,
        key: str = "stand-in-key",
    ) -> None:
        super().__init__(name=MODEL)
        self.key = key
        self.pause = pause
        self.calls: list[ServedCall] = []
        self._habit = "replays a fixed text" if script is None else "answers from a script"
        self._script = _as_function(TextReply(text=loomings() if text is None else text), script)
        self._numbers = itertools.count(1)
        self._arrival = threading.Condition()

    def describe(self) -> str:
        """Say to a human what this is."""
        return (
            f"This is stepwell's offline stand-in ({MODEL}), not a model: "
            f"it {self._habit} word by word over real HTTP, whatever it is asked."
        )

    def wait_for_call(self, number: int = 1, timeout: float = 5.0) -> ServedCall | None:
        """Wait up to ``timeout`` seconds for the call with this number, counted from 1; ``None`` if none came."""
        with self._arrival:
            came = self._arrival.wait_for(lambda: len(self.calls) >= number, timeout)
        return self.calls[number - 1] if came else None

    def answer(self, exchange: Exchange) -> None:
        place = f"{exchange.method} {exchange.path.rstrip('/')}"
        if place == "GET /v1/models":
            exchange.send_json(200, models())
        elif place not in {"POST /v1/chat/completions", "POST /v1/embeddings"}:
            message = f"The stand-in has nothing at {place}; it answers /v1/chat/completions and /v1/embeddings."
            exchange.send_json(404, failure(message, kind="invalid_request_error", code="unknown_url"))
        elif exchange.bearer != self.key:
            message = "Incorrect API key provided to the stand-in."
            exchange.send_json(401, failure(message, kind="invalid_request_error", code=CODES[401]))
        elif place == "POST /v1/embeddings":
            exchange.send_json(200, embeddings(json.loads(exchange.body)))
        else:
            self._chat(exchange)

    def _chat(self, exchange: Exchange) -> None:
        request = json.loads(exchange.body)
        problem = complaint(request)
        if problem:
            exchange.send_json(400, failure(problem, kind="invalid_request_error", code=None))
            return
        call = ServedCall(request)
        with self._arrival:
            self.calls.append(call)
            self._arrival.notify_all()
            reply = self._script(request)
        try:
            self._say(exchange, call, reply)
        except (ConnectionError, HangupError):
            call.end("hung up")
            raise

    def _say(self, exchange: Exchange, call: ServedCall, reply: Reply) -> None:
        match reply:
            case ErrorReply():
                _say_error(exchange, reply)
                call.end("complete")
                return
            case StructuredReply():
                said: TextReply | ToolCallsReply = reply.as_text()
            case TextReply() | ToolCallsReply():
                said = reply
            case _:
                raise StandInScriptError(reply=reply)
        answer = Answer(reply=said, request=call.request, number=next(self._numbers), created=int(time.time()))
        if call.request.get("stream"):
            self._stream(exchange, call, answer)
        else:
            for _ in self._paced(exchange, call, answer):
                pass
            if call.ended is None:
                exchange.send_json(200, whole(answer))
                call.end("complete")

    def _stream(self, exchange: Exchange, call: ServedCall, answer: Answer) -> None:
        exchange.begin_stream(200, {"Content-Type": "text/event-stream; charset=utf-8"})
        for body in self._paced(exchange, call, answer):
            exchange.send_piece(f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode())
        if call.ended is None:
            exchange.send_piece(b"data: [DONE]\n\n")
            exchange.end_stream()
            call.end("complete")

    def _paced(self, exchange: Exchange, call: ServedCall, answer: Answer) -> Iterator[dict[str, Any]]:
        """Yield the events of an answer at its pace; cut the connection where the reply says so."""
        reply = answer.reply
        pause, last = self.pause, None
        if isinstance(reply, TextReply):
            pause, last = (self.pause if reply.pause is None else reply.pause), reply.break_after
        for body in chunks(answer):
            choice = body["choices"][0] if body["choices"] else {"delta": {}, "finish_reason": None}
            is_word = bool(choice["delta"].get("content"))
            if is_word:
                exchange.wait(pause)
            if call.words_sent == last and (is_word or choice["finish_reason"]):
                exchange.cut()
                call.end("cut")
                return
            call.words_sent += is_word
            yield body


@cache
def loomings() -> str:
    """Return the opening of Moby Dick (Herman Melville, 1851; public domain)."""
    return Path(__file__).with_name("loomings.txt").read_text(encoding="utf-8").rstrip("\n")


def _say_error(exchange: Exchange, reply: ErrorReply) -> None:
    headers = {} if reply.retry_after is None else {"Retry-After": f"{reply.retry_after:g}"}
    body = failure(reply.message, kind="stand_in_error", code=CODES.get(reply.status))
    exchange.send_json(reply.status, body, headers)


def _as_function(default: Reply, script: Script | None) -> Callable[[dict[str, Any]], Reply]:
    if script is None:
        return lambda _: default
    if callable(script):
        return script
    replies = iter(script)
    end = ErrorReply(status=400, message=f"The stand-in's script of {len(script)} replies is at its end.")
    return lambda _: next(replies, end)
