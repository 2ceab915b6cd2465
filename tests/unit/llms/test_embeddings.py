"""Texts as vectors, in batches."""

import asyncio
import math
from collections.abc import Sequence

import pytest

from stepwell.errors import EmbeddingCountError, KeyRefusedError
from stepwell.llms import BaseEmbedding, StandIn
from stepwell.llms._embeddings import Vector
from stepwell.llms._standin_embeddings import embedding
from stepwell.llms.openai import OpenAIEmbedding


class Counting(BaseEmbedding):
    """A vendor in one file: a vector is the length of its text."""

    def __init__(self, **settings: int) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self.batches: list[list[str]] = []
        self.running = self.most = 0

    @property
    def model_name(self) -> str:
        return "counting"

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.batches.append(list(texts))
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        if "bad" in texts:
            raise EmbeddingCountError(server="x", texts=1, vectors=0)
        return [[float(len(text))] for text in texts]


async def test_vectors_come_in_the_order_of_their_texts() -> None:
    model = Counting(embed_batch_size=2, num_workers=3)

    vectors = await model.aget_text_embedding_batch(["a" * size for size in range(7)])

    assert vectors == [[float(size)] for size in range(7)]
    assert [len(batch) for batch in model.batches] == [2, 2, 2, 1]


async def test_no_more_requests_run_at_once_than_allowed() -> None:
    model = Counting(embed_batch_size=1, num_workers=2)

    await model.aget_text_embedding_batch(["x"] * 6)

    assert model.most == 2


async def test_no_texts_ask_for_nothing() -> None:
    model = Counting()

    assert await model.aget_text_embedding_batch([]) == []
    assert model.batches == []


async def test_a_failed_batch_is_its_own_error() -> None:
    with pytest.raises(EmbeddingCountError):
        await Counting(embed_batch_size=1).aget_text_embedding_batch(["good", "bad", "good"])


async def test_vectors_travel_through_the_official_client() -> None:
    texts = ["the well", "a step", "", "日本語"]
    async with StandIn() as server:
        model = OpenAIEmbedding(api_base=server.url, api_key=server.key, embed_batch_size=3)
        vectors = await model.aget_text_embedding_batch(texts)
        question = await model.aget_query_embedding("the well")

    for text, vector in zip(texts, vectors, strict=True):
        assert vector == pytest.approx(embedding(text), abs=1e-6)
    assert question == vectors[0]


async def test_dimensions_are_passed_on() -> None:
    async with StandIn() as server:
        model = OpenAIEmbedding(api_base=server.url, api_key=server.key, dimensions=8)

        assert len(await model.aget_text_embedding("well")) == 8


def test_a_program_without_a_loop_gets_vectors_as_well() -> None:
    with StandIn() as server:
        model = OpenAIEmbedding(api_base=server.url, api_key=server.key)

        assert model.get_text_embedding_batch(["a", "b"]) == [
            model.get_text_embedding("a"),
            model.get_query_embedding("b"),
        ]


async def test_a_wrong_key_is_refused() -> None:
    async with StandIn() as server:
        with pytest.raises(KeyRefusedError):
            await OpenAIEmbedding(api_base=server.url, api_key="x", max_retries=0).aget_text_embedding("a")


def test_texts_that_share_words_are_nearer_in_the_stand_in() -> None:
    def nearness(one: str, other: str) -> float:
        return sum(a * b for a, b in zip(embedding(one), embedding(other), strict=True))

    assert nearness("the old well", "an old deep well") > nearness("the old well", "numbers and letters")
    assert math.hypot(*embedding("the old well")) == pytest.approx(1.0)
