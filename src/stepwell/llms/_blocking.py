"""Model calls for programs without an event loop.

One daemon thread keeps a loop for all of them; a blocking call is the awaited one,
run there. It works inside a running loop as well (a notebook), which it then blocks.
"""

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine, Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from stepwell.errors import BlockingCallError
from stepwell.llms._responses import CompletionResponse
from stepwell.llms._streams import AnswerStream

CLOSING_SECONDS = 2.0

Result = TypeVar("Result")
Response = TypeVar("Response", bound=CompletionResponse)

_start = threading.Lock()
# By process: a fork has no threads but its own.
_loops: dict[int, asyncio.AbstractEventLoop] = {}


def run_blocking(work: Coroutine[Any, Any, Result]) -> Result:
    """Run ``work`` on the shared loop, in the caller's context variables, and return its result."""
    loop = _shared_loop()
    if _is_inside(loop):
        work.close()
        raise BlockingCallError(call=getattr(work, "__qualname__", repr(work)))
    future = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        return future.result()
    except BaseException:
        # Ctrl-C while waiting: the call must not go on without a caller.
        future.cancel()
        raise


class BlockingStream(Generic[Response]):
    """An answer on its way, read with ``for``. ``close()`` or leaving ``with`` closes the connection."""

    def __init__(self, stream: AnswerStream[Response]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[Response]:
        return self

    def __next__(self) -> Response:
        chunk = run_blocking(self._next_chunk())
        if chunk is None:
            raise StopIteration
        return chunk

    def close(self) -> None:
        """Close the connection; nothing more comes. Closing twice is allowed."""
        run_blocking(self._stream.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _next_chunk(self) -> Response | None:
        async for chunk in self._stream:
            return chunk
        return None


def _is_inside(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def _shared_loop() -> asyncio.AbstractEventLoop:
    with _start:
        if os.getpid() not in _loops:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="stepwell-model-calls", daemon=True).start()
            _loops[os.getpid()] = loop
            atexit.register(_close_connections, loop)
        return _loops[os.getpid()]


def _close_connections(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.run_coroutine_threadsafe(loop.shutdown_asyncgens(), loop).result(CLOSING_SECONDS)
