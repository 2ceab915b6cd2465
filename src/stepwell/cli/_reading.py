"""Lines from standard input, one when asked for, without ever holding up the event loop or the process's end."""

import asyncio
import contextlib
import os
import sys
import threading

PIECE = 4096


class LineReader:
    """Reads lines of a file descriptor; ``None`` when there is none to read.

    A thread waits for the bytes, by ``os.read``: unlike a buffered file it holds no lock that the
    interpreter needs when it ends while somebody still waits for a key.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self._ended = descriptor is None

    @property
    def is_terminal(self) -> bool:
        """Whether a person types here."""
        return self._descriptor is not None and os.isatty(self._descriptor)

    async def line(self) -> str | None:
        """Return the next line without its end; ``None`` at the end of input. One call at a time."""
        loop = asyncio.get_running_loop()
        came: asyncio.Future[bytes | None] = loop.create_future()

        def settle(line: bytes | None) -> None:
            if not came.done():
                came.set_result(line)

        def work() -> None:
            line = self._read_line()
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody wants the line any more
                loop.call_soon_threadsafe(settle, line)

        threading.Thread(target=work, name="stepwell-stdin", daemon=True).start()
        line = await came
        return None if line is None else line.decode(errors="replace").rstrip("\r\n")

    def _read_line(self) -> bytes | None:
        while b"\n" not in self._rest and not self._ended:
            assert self._descriptor is not None
            try:
                piece = os.read(self._descriptor, PIECE)
            except OSError:
                piece = b""
            self._ended = not piece
            self._rest += piece
        line, newline, self._rest = self._rest.partition(b"\n")
        return line if line or newline else None


def standard_input() -> LineReader:
    """Return a reader of the process's standard input, which may be closed."""
    try:
        return LineReader(sys.stdin.fileno())
    except (AttributeError, OSError, ValueError):
        return LineReader(None)
