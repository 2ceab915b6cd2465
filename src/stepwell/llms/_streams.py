"""A streamed answer as its reader sees it.

Rule 1. No character is lost or repeated: the deltas of an answer, joined, are its text.
Rule 2. A stream that ends without saying that it is finished is broken, and an
        error after the first piece carries what had arrived.
Rule 3. Whoever stops reading (break, exception, cancellation) closes the connection.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import TracebackType
from typing import Any, Generic, Self

from typing_extensions import TypeVar

from stepwell.errors import BrokenStreamError, ModelError
from stepwell.llms._responses import ArrivedText, CompletionResponse, Fragment, TokenUsage

Response = TypeVar("Response", default=CompletionResponse)


class AnswerStream(Generic[Response]):
    """An answer on its way: ``async for chunk in stream``. It can be read once.

    ``aclose()``, or leaving ``async with``, closes the connection at once. So does the end
    by cancellation of the task that read last, and dropping the stream.
    """

    def __init__(self, chunks: AsyncGenerator[Response, None], *, first: Response | None) -> None:
        self._chunks = chunks
        self._first = first
        self._reader: asyncio.Task[Any] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Response:
        if self._first is not None:
            first, self._first = self._first, None
            self._watch_reader()
            return first
        if asyncio.current_task() is not self._reader:
            self._watch_reader()
        return await self._chunks.__anext__()

    async def aclose(self) -> None:
        """Close the connection; nothing more comes. Closing twice is allowed."""
        self._first = None
        await self._chunks.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _watch_reader(self) -> None:
        if self._reader is not None:
            self._reader.remove_done_callback(self._reader_ended)
        self._reader = asyncio.current_task()
        if self._reader is not None:
            self._reader.add_done_callback(self._reader_ended)

    def _reader_ended(self, reader: "asyncio.Task[Any]") -> None:
        # A reader that merely returned may have handed the stream on.
        if reader.cancelled():
            self._closing = reader.get_loop().create_task(self.aclose())


async def open_stream(
    fragments: AsyncGenerator[Fragment, None], *, model: str
) -> AnswerStream[CompletionResponse]:
    """Wait for the first chunk of ``fragments`` and return the stream that begins with it."""
    chunks = _completions(fragments, model)
    return AnswerStream(chunks, first=await anext(chunks))


async def _completions(
    fragments: AsyncGenerator[Fragment, None], model: str
) -> AsyncGenerator[CompletionResponse, None]:
    arrived = ArrivedText()
    finish_reason: str | None = None
    usage: TokenUsage | None = None
    raw: Any = None
    try:
        async with aclosing(fragments):
            async for fragment in fragments:
                raw = fragment.raw
                finish_reason = fragment.finish_reason or finish_reason
                usage = fragment.usage or usage
                if fragment.text:
                    arrived.append(fragment.text)
                    yield CompletionResponse(arrived, delta=fragment.text, raw=raw)
    except ModelError as error:
        if raw is None:
            raise
        raise BrokenStreamError(
            model=model, text=arrived.up_to(arrived.length), reason=_first_clause(error)
        ) from error
    if finish_reason is None:
        raise BrokenStreamError(
            model=model, text=arrived.up_to(arrived.length), reason="it ended without a finish reason"
        )
    yield CompletionResponse(arrived, raw=raw, usage=usage, finish_reason=finish_reason)


def _first_clause(error: ModelError) -> str:
    return str(error).partition(";")[0]
