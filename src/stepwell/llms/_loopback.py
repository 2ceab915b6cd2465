"""The sockets of the stand-in and of the cassettes: a threaded HTTP/1.1 server on loopback.

It runs in threads of its own, so that a program whose event loop is busy is not also
waiting for itself, and needs no package. What is answered is the business of an
application: a function that is given an ``Exchange`` for each request.
"""

import contextlib
import json
import socket
import socketserver
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any, Self, TypeAlias

from stepwell.errors import ServerNotStartedError

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
JOIN_SECONDS = 5.0


class HangupError(Exception):
    """The client has closed its end; the exchange is over."""


class LoopbackServer(socketserver.ThreadingTCPServer):
    """Listens on a free port of loopback from ``start()`` to ``close()``."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, application: "Application", *, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self.application = application
        self.name = name
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
            workers = tuple(self._workers)
        for worker in workers:
            worker.join(JOIN_SECONDS)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.add(request)
            self._workers = [worker for worker in self._workers if worker.is_alive()]
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
        thread = threading.Thread(target=work, args=arguments, name=self.name, daemon=True)
        self._workers.append(thread)
        thread.start()


class LoopbackService(ABC):
    """A server of loopback that is started by ``with`` or ``async with``, in threads of its own."""

    def __init__(self, *, name: str) -> None:
        self._name = name
        self._server: LoopbackServer | None = None

    @abstractmethod
    def answer(self, exchange: "Exchange") -> None:
        """Answer one request; called in a thread of its own."""

    @property
    def url(self) -> str:
        """The address for ``api_base``, from the start on."""
        if self._server is None:
            raise ServerNotStartedError(server=type(self).__name__)
        return self._server.url

    def start(self) -> Self:
        """Start listening on a free port of loopback."""
        if self._server is None:
            self._server = LoopbackServer(self.answer, name=self._name)
            self._server.start()
        return self

    def close(self) -> None:
        """Stop, and cut the connections that are open. Closing twice is allowed."""
        if self._server is not None:
            self._server.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Exchange:
    """One request, and the means to answer it."""

    def __init__(self, handler: "_Handler", body: bytes) -> None:
        self._handler = handler
        self.method = handler.command
        self.path = handler.path
        self.headers = handler.headers
        self.body = body

    @property
    def bearer(self) -> str | None:
        """The key the client sent."""
        kind, _, key = self.headers.get("Authorization", "").partition(" ")
        return key if kind.lower() == "bearer" and key else None

    def send_json(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        """Answer with a whole JSON body."""
        content = json.dumps(body, ensure_ascii=False).encode()
        self.send_whole(status, content, {"Content-Type": "application/json", **(headers or {})})

    def send_whole(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        """Answer with a body whose length is known."""
        self._begin(status, {**headers, "Content-Length": str(len(content))})
        self._handler.wfile.write(content)

    def begin_stream(self, status: int, headers: Mapping[str, str]) -> None:
        """Begin an answer that comes in pieces."""
        self._begin(status, {**headers, "Cache-Control": "no-cache", "Transfer-Encoding": "chunked"})

    def send_piece(self, piece: bytes) -> None:
        """Send the next piece of a stream at once."""
        if piece:
            self._handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    def end_stream(self) -> None:
        """Say that the stream is complete."""
        self._handler.wfile.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """Close the connection in the middle of the answer."""
        self._handler.close_connection = True
        _shut(self._handler.connection)

    def wait(self, seconds: float) -> None:
        """Wait, but not for a client that has hung up (``HangupError``), nor for a server that closes."""
        if seconds <= 0:
            return
        connection = self._handler.connection
        connection.settimeout(seconds)
        try:
            if connection.recv(1, socket.MSG_PEEK) == b"":
                raise HangupError
            self._handler.server.closing.wait(seconds)
        except TimeoutError:
            return
        except ConnectionError as error:
            raise HangupError from error
        finally:
            connection.settimeout(None)

    def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name, value)
        self._handler.end_headers()


Application: TypeAlias = Callable[[Exchange], None]


class _Handler(BaseHTTPRequestHandler):
    """One connection: reads requests one after the other and hands them to the application."""

    server: LoopbackServer  # pyright: ignore[reportIncompatibleVariableOverride] - it serves no other
    protocol_version = "HTTP/1.1"
    sys_version = ""
    disable_nagle_algorithm = True

    def version_string(self) -> str:
        return self.server.name

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, HangupError):
            self.close_connection = True

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the client reports what it got."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.application(Exchange(self, body))


def _shut(connection: socket.socket) -> None:
    # An error means that the client was faster.
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
