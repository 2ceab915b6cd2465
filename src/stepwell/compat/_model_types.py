"""The names that annotations of model clients use there. Apart from the other counterparts: this loads the clients."""

from collections.abc import AsyncGenerator, Generator
from typing import TypeAlias

from stepwell.llms import ChatResponse, CompletionResponse

ChatResponseGen: TypeAlias = Generator[ChatResponse, None, None]
ChatResponseAsyncGen: TypeAlias = AsyncGenerator[ChatResponse, None]
CompletionResponseGen: TypeAlias = Generator[CompletionResponse, None, None]
CompletionResponseAsyncGen: TypeAlias = AsyncGenerator[CompletionResponse, None]
