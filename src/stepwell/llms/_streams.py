"""A streamed answer as its reader sees it.

Rule 1. No character is lost or repeated: the deltas of an answer, joined, are its text.
Rule 2. A stream that ends without saying that it is finished is broken, and an
        error after the first piece carries what had arrived.
Rule 3. Whoever stops reading (break, exception, cancellation) closes the connection.
"""

import asyncio
import weakref
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from stepwell.errors import BrokenStreamError, ModelError
from stepwell.llms._answers import PartialAnswer
from stepwell.llms._calls import ModelCall
from stepwell.llms._responses import CompletionResponse, Fragment

Response = TypeVar("Response", bound=CompletionResponse)


class AnswerStream(Generic[Response]):
    """An answer on its way: ``async for chunk in stream``. It can be read once.

    ``aclose()``, or leaving ``async with``, closes the connection at once. So does the end
    by cancellation of the task that read last, and dropping the stream.
    """

    def __init__(self, chunks: AsyncGenerator[Response, None], *, first: Response | None) -> None:
        self._chunks = chunks
        self._first = first
        self._reader: asyncio.Task[Any] | None = None
        self._when_reader_ends = _CloseWhenCancelled(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Response:
        if asyncio.current_task() is not self._reader:
            self._watch_reader()
        if self._first is not None:
            first, self._first = self._first, None
            return first
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
            self._reader.remove_done_callback(self._when_reader_ends)
        self._reader = asyncio.current_task()
        if self._reader is not None:
            self._reader.add_done_callback(self._when_reader_ends)


class _CloseWhenCancelled:
    """Closes a stream whose reader was cancelled. It does not keep the stream alive: dropping it closes it, too."""

    def __init__(self, stream: AnswerStream[Any]) -> None:
        self._stream = weakref.ref(stream)
        self._closing: asyncio.Task[None] | None = None

    def __call__(self, reader: "asyncio.Task[Any]") -> None:
        stream = self._stream()
        # A reader that merely returned may have handed the stream on.
        if stream is not None and reader.cancelled():
            self._closing = reader.get_loop().create_task(stream.aclose())


async def open_stream(
    fragments: AsyncGenerator[Fragment, None],
    call: ModelCall,
    *,
    chunk: Callable[[PartialAnswer, Fragment], Response],
    whole: Callable[[PartialAnswer], Response],
) -> AnswerStream[Response]:
    """Wait for the first chunk of ``fragments`` and return the stream that begins with it.

    ``chunk`` makes a response of what is new, ``whole`` the last one of everything.
    """
    chunks = _relay(fragments, call, chunk=chunk, whole=whole)
    return AnswerStream(chunks, first=await anext(chunks))


async def _relay(
    fragments: AsyncGenerator[Fragment, None],
    call: ModelCall,
    *,
    chunk: Callable[[PartialAnswer, Fragment], Response],
    whole: Callable[[PartialAnswer], Response],
) -> AsyncGenerator[Response, None]:
    answer = PartialAnswer()
    try:
        async with aclosing(fragments):
            async for fragment in fragments:
                if answer.take(fragment):
                    response = chunk(answer, fragment)
                    call.chunk(response)
                    yield response
        if answer.finish_reason is None:
            raise _broken(answer, call, "it ended without a finish reason")
        last = whole(answer)
    except ModelError as error:
        if isinstance(error, BrokenStreamError) or not answer.has_begun:
            call.fail(error, answer)
            raise
        broken = _broken(answer, call, getattr(error, "reason", None) or str(error).partition(";")[0])
        call.fail(broken, answer)
        try:
            raise broken from error
        finally:
            # A frame that holds its own exception keeps the connection alive with it.
            del broken
    except BaseException as error:
        call.fail(error, answer)
        raise
    call.end(last)
    yield last


def _broken(answer: PartialAnswer, call: ModelCall, reason: str) -> BrokenStreamError:
    return BrokenStreamError(model=call.model, text=answer.text, reason=reason)
