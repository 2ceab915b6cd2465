"""Model calls for programs without an event loop.

One daemon thread keeps a loop for all of them; a blocking call is the awaited one,
run there. It works inside a running loop as well (a notebook), which it then blocks.
"""

import asyncio
import atexit
import threading
from collections.abc import Coroutine, Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from stepwell.llms._responses import CompletionResponse
from stepwell.llms._streams import AnswerStream

CLOSING_SECONDS = 2.0

Result = TypeVar("Result")
Response = TypeVar("Response", bound=CompletionResponse)

_start = threading.Lock()
_loops: list[asyncio.AbstractEventLoop] = []


def run_blocking(work: Coroutine[Any, Any, Result]) -> Result:
    """Run ``work`` on the shared loop, in the caller's context variables, and return its result."""
    future = asyncio.run_coroutine_threadsafe(work, _shared_loop())
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


def _shared_loop() -> asyncio.AbstractEventLoop:
    with _start:
        if not _loops:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="stepwell-model-calls", daemon=True).start()
            _loops.append(loop)
            atexit.register(_close_connections, loop)
        return _loops[0]


def _close_connections(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.run_coroutine_threadsafe(loop.shutdown_asyncgens(), loop).result(CLOSING_SECONDS)
