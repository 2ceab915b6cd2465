"""Embeddings behind the OpenAI protocol, through the official ``openai`` package."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from stepwell.callbacks import CallbackManager
from stepwell.errors import EmbeddingCountError
from stepwell.llms._embeddings import DEFAULT_BATCH, DEFAULT_WORKERS, BaseEmbedding, Vector
from stepwell.llms._openai_connection import DEFAULT_RETRIES, DEFAULT_TIMEOUT, Connection, LoopClients
from stepwell.llms._openai_errors import raise_as_model_error

DEFAULT_MODEL = "text-embedding-3-small"


class OpenAIEmbedding(BaseEmbedding):
    """An embedding model of OpenAI, or of any server that speaks its protocol.

    ``dimensions`` shortens the vectors where the model allows it; the rest is as for ``OpenAI``.
    """

    def __init__(  # noqa: PLR0913 - the settings of the peer's class, all by keyword
        self,
        model: str = DEFAULT_MODEL,
        *,
        api_key: str | None = None,
        api_base: str | None = None,
        dimensions: int | None = None,
        embed_batch_size: int = DEFAULT_BATCH,
        num_workers: int = DEFAULT_WORKERS,
        timeout: float | None = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_RETRIES,
        default_headers: Mapping[str, str] | None = None,
        additional_kwargs: Mapping[str, Any] | None = None,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        super().__init__(embed_batch_size=embed_batch_size, num_workers=num_workers, callback_manager=callback_manager)
        self.model = model
        self.dimensions = dimensions
        self.additional_kwargs = dict(additional_kwargs or {})
        self._connection = Connection(
            api_key=SecretStr(api_key) if api_key else None,
            api_base=api_base,
            timeout=timeout,
            max_retries=max_retries,
            default_headers=dict(default_headers or {}),
        )
        self._clients = LoopClients(self._connection)

    @property
    def model_name(self) -> str:
        return self.model

    async def aclose(self) -> None:
        """Close the pooled connections of the running loop; they are closed with the loop otherwise."""
        await self._clients.aclose()

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        client = await self._clients.get()
        options = dict(self.additional_kwargs)
        if self.dimensions is not None:
            options["dimensions"] = self.dimensions
        try:
            answer = await client.embeddings.create(model=self.model, input=list(texts), **options)
        except Exception as error:
            raise_as_model_error(error, self._connection, self.model)
            raise
        ordered = sorted(answer.data, key=lambda item: item.index)
        if len(ordered) != len(texts):
            raise EmbeddingCountError(server=self._connection.server, texts=len(texts), vectors=len(ordered))
        return [item.embedding for item in ordered]
