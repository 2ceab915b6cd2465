"""Texts as vectors, in batches, whatever the vendor.

A vendor's embedding is one file: a subclass of ``BaseEmbedding`` with ``model_name`` and ``embed``.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from stepwell.callbacks import CallbackManager, CBEventType, EventPayload, current_manager
from stepwell.llms._blocking import run_blocking

Vector = list[float]
DEFAULT_BATCH = 100
DEFAULT_WORKERS = 4


class BaseEmbedding(ABC):
    """An embedding model. ``embed_batch_size`` texts a request, ``num_workers`` requests at once."""

    def __init__(
        self,
        *,
        embed_batch_size: int = DEFAULT_BATCH,
        num_workers: int = DEFAULT_WORKERS,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        self._callback_manager = callback_manager
        self.embed_batch_size = embed_batch_size
        self.num_workers = num_workers

    @property
    def callback_manager(self) -> CallbackManager:
        """Who is told of the requests: the manager given, or else that of the trace around the running code."""
        return self._callback_manager or current_manager()

    @callback_manager.setter
    def callback_manager(self, manager: CallbackManager | None) -> None:
        self._callback_manager = manager

    @property
    @abstractmethod
    def model_name(self) -> str:
        """The name of the model."""

    @abstractmethod
    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return a vector for each of ``texts``, in their order, by one request. Raises a ``ModelError``."""

    async def aget_text_embedding_batch(self, texts: Sequence[str]) -> list[Vector]:
        """Return a vector for each of ``texts``, in their order. None is asked for when there is no text."""
        size = self.embed_batch_size
        batches = [texts[start : start + size] for start in range(0, len(texts), size)]
        turns = asyncio.Semaphore(self.num_workers)

        async def embed_in_turn(batch: Sequence[str]) -> list[Vector]:
            async with turns:
                return await self._told(batch)

        # Unlike gather, a group stops the other batches when one fails.
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(embed_in_turn(batch)) for batch in batches]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [vector for task in tasks for vector in task.result()]

    async def aget_text_embedding(self, text: str) -> Vector:
        """Return the vector of ``text``."""
        return (await self._told([text]))[0]

    async def aget_query_embedding(self, query: str) -> Vector:
        """Return the vector of a question; a model that treats questions otherwise overrides this."""
        return await self.aget_text_embedding(query)

    def get_text_embedding_batch(self, texts: Sequence[str]) -> list[Vector]:
        """``aget_text_embedding_batch`` for programs without an event loop."""
        return run_blocking(self.aget_text_embedding_batch(texts))

    def get_text_embedding(self, text: str) -> Vector:
        """``aget_text_embedding`` for programs without an event loop."""
        return run_blocking(self.aget_text_embedding(text))

    def get_query_embedding(self, query: str) -> Vector:
        """``aget_query_embedding`` for programs without an event loop."""
        return run_blocking(self.aget_query_embedding(query))

    async def _told(self, texts: Sequence[str]) -> list[Vector]:
        manager = self.callback_manager
        if not manager.has_handlers:
            return await self.embed(texts)
        described = {"class_name": type(self).__name__, "model": self.model_name}
        started: dict[str, Any] = {EventPayload.MODEL_NAME: self.model_name, EventPayload.SERIALIZED: described}
        with manager.event(CBEventType.EMBEDDING, payload=started) as event:
            vectors = await self.embed(texts)
            event.on_end({EventPayload.CHUNKS: list(texts), EventPayload.EMBEDDINGS: vectors})
            return vectors
