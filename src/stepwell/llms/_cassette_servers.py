"""The servers around a cassette: one passes requests on and records, one replays without a network.

Both are real HTTP servers on loopback, so that the client under test is the real one and
its version does not matter.
"""

import codecs
import http.client
import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stepwell.llms._cassettes import (
    KEPT_HEADERS,
    NOT_RECORDED,
    Cassette,
    RecordedExchange,
    RecordedRequest,
    RecordedResponse,
    without_secrets,
)
from stepwell.llms._loopback import LOOPBACK, Exchange, LoopbackService
from stepwell.llms._standin_wire import failure

EVENT = re.compile(r".+?(?:\n\n|\Z)", re.DOTALL)
READ_SIZE = 65_536
UPSTREAM_SECONDS = 600.0
# Headers that belong to one connection, or would let the upstream compress what we keep as text.
NOT_FORWARDED = frozenset({"host", "connection", "content-length", "accept-encoding", "transfer-encoding"})


class RecordingServer(LoopbackService):
    """Passes every request on to ``upstream`` with the client's own key; keeps it in the file ``path``.

    The file is written after each exchange, without secrets; exchanges that the client broke off are
    not kept, answers that the upstream broke off are.
    """

    def __init__(self, path: str | Path, *, upstream: str = "https://api.openai.com/v1") -> None:
        super().__init__(name="stepwell-recorder")
        self.path = Path(path)
        self._guard = threading.Lock()
        self.upstream = upstream.rstrip("/")
        self._cassette = Cassette.load(self.path) if self.path.exists() else Cassette()

    def answer(self, exchange: Exchange) -> None:
        try:
            response = self._open(exchange)
        except (urllib.error.URLError, OSError) as error:
            message = f"the recorder cannot reach {self.upstream}: {getattr(error, 'reason', error)}"
            exchange.send_json(502, failure(message, kind="recorder_error", code=None))
            return
        with response:
            recorded = _pass_on(response, exchange)
        request = _request_of(exchange)
        with self._guard:
            self._cassette.add(RecordedExchange(request=request, response=recorded))
            self._cassette.save(self.path)

    def _open(self, exchange: Exchange) -> http.client.HTTPResponse:
        headers = {name: value for name, value in exchange.headers.items() if name.lower() not in NOT_FORWARDED}
        asked = urllib.request.Request(
            self.upstream + exchange.path.removeprefix("/v1"),
            data=exchange.body or None,
            headers=headers,
            method=exchange.method,
        )
        is_local = urlsplit(self.upstream).hostname in LOOPBACK
        proxies = [urllib.request.ProxyHandler({})] if is_local else []
        opener = urllib.request.build_opener(_AsAnswered, *proxies)
        response: http.client.HTTPResponse = opener.open(asked, timeout=UPSTREAM_SECONDS)
        return response


class _AsAnswered(urllib.request.HTTPErrorProcessor):
    """Gives back every answer as it is: errors and redirections are the client's business."""

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:
        return response

    https_response = http_response


class ReplayServer(LoopbackService):
    """Replays the cassette ``path``: exactly what was recorded, with ``pause`` seconds between events.

    It needs no key and no network. A request that was not recorded becomes an
    ``UnrecordedRequestError`` that says how it differs.
    """

    key = "replayed"

    def __init__(self, path: str | Path, *, pause: float = 0.0) -> None:
        super().__init__(name="stepwell-replay")
        self.path = Path(path)
        self._guard = threading.Lock()
        self.pause = pause
        self._cassette = Cassette.load(self.path)

    def answer(self, exchange: Exchange) -> None:
        request = _request_of(exchange)
        with self._guard:
            recorded = self._cassette.take(request)
            reason = "" if recorded else self._cassette.explain(request)
        if recorded is None:
            body = failure(reason, kind="stepwell_cassette", code=NOT_RECORDED)
            body["error"]["param"] = self.path.name
            exchange.send_json(404, body)
        else:
            self._replay(exchange, recorded)

    def _replay(self, exchange: Exchange, recorded: RecordedResponse) -> None:
        if not _is_stream(recorded.headers) and not recorded.is_cut:
            exchange.send_whole(recorded.status, "".join(recorded.pieces).encode(), recorded.headers)
            return
        exchange.begin_stream(recorded.status, recorded.headers)
        for piece in recorded.pieces:
            exchange.wait(self.pause)
            exchange.send_piece(piece.encode())
        if recorded.is_cut:
            exchange.cut()
        else:
            exchange.end_stream()


def _pass_on(response: http.client.HTTPResponse, exchange: Exchange) -> RecordedResponse:
    """Send an upstream answer on as it comes, and return it as it is kept."""
    headers = {name: value for name in KEPT_HEADERS if (value := response.headers.get(name)) is not None}
    text = codecs.getincrementaldecoder("utf-8")()
    parts: list[str] = []
    is_cut = False
    exchange.begin_stream(response.status, headers)
    try:
        for piece in _pieces(response):
            parts.append(text.decode(piece))
            exchange.send_piece(piece)
    except (http.client.HTTPException, _UpstreamLost):
        is_cut = True
    body = without_secrets("".join(parts), exchange.bearer)
    if is_cut:
        exchange.cut()
    else:
        exchange.end_stream()
    pieces = EVENT.findall(body) if _is_stream(headers) else [body]
    return RecordedResponse(status=response.status, headers=headers, pieces=pieces, is_cut=is_cut)


class _UpstreamLost(Exception):
    """The upstream's connection broke, which is not the client's."""


def _pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            piece = response.read1(READ_SIZE)
        except OSError as error:
            raise _UpstreamLost from error
        if not piece:
            return
        yield piece


def _request_of(exchange: Exchange) -> RecordedRequest:
    body: Any = json.loads(exchange.body) if exchange.body else None
    return RecordedRequest(method=exchange.method, path=exchange.path, body=without_secrets(body, exchange.bearer))


def _is_stream(headers: dict[str, str]) -> bool:
    return headers.get("content-type", "").startswith("text/event-stream")
