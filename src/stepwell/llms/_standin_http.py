"""The sockets of the stand-in: a threaded HTTP/1.1 server on loopback, from the standard library.

It runs in threads of its own, so that a program whose event loop is busy is not also
waiting for itself, and so that it needs no loop and no package.
"""

import contextlib
import itertools
import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from stepwell.llms._standin_wire import MODEL, TextReply, chunks, failure, models, whole

JOIN_SECONDS = 5.0


class _Hangup(Exception):
    """The client has closed its end."""


class LoopbackServer(socketserver.ThreadingTCPServer):
    """Listens on a free port of loopback from ``start()`` to ``close()``."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, *, key: str, answer: Callable[[dict[str, Any]], TextReply]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self.key = key
        self.answer = answer
        self.numbers = itertools.count(1)
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._workers: list[threading.Thread] = []
        self._guard = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def start(self) -> None:
        self.server_bind()
        self.server_activate()
        self._run_in_thread(self._accept)

    def close(self) -> None:
        if self.closing.is_set():
            return
        self.closing.set()
        # A last connection wakes the thread that accepts; that is the same on every system.
        with socket.create_connection(("127.0.0.1", self.server_address[1])):
            pass
        with self._guard:
            for connection in self._open:
                _shut(connection)
        for thread in self._workers:
            thread.join(JOIN_SECONDS)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.add(request)
            self._workers = [thread for thread in self._workers if thread.is_alive()]
        self._run_in_thread(self.process_request_thread, request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return not self.closing.is_set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        raise  # Called inside the except block of the base class: a fault of ours must be heard.

    def _accept(self) -> None:
        while not self.closing.is_set():
            self.handle_request()

    def _run_in_thread(self, work: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, name="stepwell-stand-in", daemon=True)
        self._workers.append(thread)
        thread.start()


class _Handler(BaseHTTPRequestHandler):
    """One connection: reads requests, sends answers, notices when the client is gone."""

    server: LoopbackServer  # pyright: ignore[reportIncompatibleVariableOverride] - it serves no other
    protocol_version = "HTTP/1.1"
    server_version = MODEL
    sys_version = ""
    disable_nagle_algorithm = True

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, _Hangup):
            self.close_connection = True

    def do_GET(self) -> None:
        if self.path.rstrip("/") == "/v1/models":
            self._send_json(200, models())
        else:
            self._send_json(404, _unknown(self.path))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.rstrip("/") != "/v1/chat/completions":
            self._send_json(404, _unknown(self.path))
        elif self.headers.get("Authorization") != f"Bearer {self.server.key}":
            message = "Incorrect API key provided to the stand-in."
            self._send_json(401, failure(message, kind="invalid_request_error", code="invalid_api_key"))
        else:
            self._complete(json.loads(body))

    def _complete(self, request: dict[str, Any]) -> None:
        reply = self.server.answer(request)
        numbered = {"number": next(self.server.numbers), "created": int(time.time())}
        if not request.get("stream"):
            self._send_json(200, whole(reply, request, **numbered))
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for body in chunks(reply, request, **numbered):
            if body["choices"] and body["choices"][0]["delta"].get("content"):
                self._wait(reply.pause)
            self._send_event(json.dumps(body, ensure_ascii=False))
        self._send_event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _send_event(self, data: str) -> None:
        event = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))

    def _send_json(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _wait(self, seconds: float) -> None:
        """Wait, but not for a client that has hung up."""
        if seconds <= 0:
            return
        self.connection.settimeout(seconds)
        try:
            if self.connection.recv(1, socket.MSG_PEEK) == b"":
                raise _Hangup
            self.server.closing.wait(seconds)
        except TimeoutError:
            pass
        finally:
            self.connection.settimeout(None)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the client reports what it got."""


def _unknown(path: str) -> dict[str, Any]:
    message = f"The stand-in has nothing at {path}; it answers POST /v1/chat/completions and GET /v1/models."
    return failure(message, kind="invalid_request_error", code="unknown_url")


def _shut(connection: socket.socket) -> None:
    # An error means that the client was faster.
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
