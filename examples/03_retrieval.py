"""Answer from documents: split, embed, retrieve, and let a model write; every stage is told to callbacks.

Offline a stand-in embeds by the words that texts share and gives back the passage found; with OPENAI_API_KEY set, real
models do both. Needs: pip install "stepwell[examples]"
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy
from semantic_text_splitter import MarkdownSplitter

from stepwell import Collect, Context, Event, StartEvent, StopEvent, Workflow, step
from stepwell.callbacks import CallbackManager, CBEventType, EventPayload, LlamaDebugHandler, current_manager
from stepwell.llms import LLM, BaseEmbedding, PromptTemplate, StandIn, TextReply
from stepwell.llms.openai import OpenAI, OpenAIEmbedding

DOCUMENTS = Path(__file__).parent / "documents"
MARK = "PASSAGES"
LINE = "\n---\n"
PROMPT = PromptTemplate("Answer from the passages alone: {question}\n\n" + MARK + "\n{passages}")


class Question(StartEvent):
    text: str


class Page(Event):
    question: str
    name: str
    text: str


class Passages(Event):
    question: str
    texts: list[str]


class Index(Passages):
    vectors: Any  # an array: a row of length 1 for each text


class Found(Passages):
    scores: list[float]


class Word(Event):
    text: str


class Retrieval(Workflow):
    top_k = 2

    def __init__(self, llm: LLM, embedding: BaseEmbedding) -> None:
        super().__init__()
        self.llm = llm
        self.embedding = embedding

    @step
    async def read(self, question: Question) -> list[Page]:
        files = sorted(path for path in DOCUMENTS.glob("*.md") if path.name != "README.md")
        return [Page(question=question.text, name=path.stem, text=path.read_text(encoding="utf-8")) for path in files]

    @step
    async def split(self, page: Page) -> Passages:
        with current_manager().event(CBEventType.CHUNKING, {EventPayload.DOCUMENTS: [page.name]}) as event:
            texts = MarkdownSplitter(400).chunks(page.text)
            event.on_end({EventPayload.CHUNKS: texts})
        return Passages(question=page.question, texts=texts)

    @step
    async def embed(self, pages: Annotated[list[Passages], Collect(ordered=True)]) -> Index:
        texts = [text for page in pages for text in page.texts]
        vectors = unit(await self.embedding.aget_text_embedding_batch(texts))
        return Index(question=pages[0].question, texts=texts, vectors=vectors)

    @step
    async def retrieve(self, ctx: Context, index: Index) -> Found:
        with current_manager().event(CBEventType.RETRIEVE, {EventPayload.QUERY_STR: index.question}) as event:
            query = unit([await self.embedding.aget_query_embedding(index.question)])[0]
            scores = index.vectors @ query
            best = numpy.argsort(-scores)[: self.top_k]
            found = Found(
                question=index.question,
                texts=[index.texts[place] for place in best],
                scores=[float(scores[place]) for place in best],
            )
            event.on_end({EventPayload.NODES: found.texts, "scores": found.scores})
        ctx.write_event_to_stream(found)
        return found

    @step
    async def write(self, ctx: Context, found: Found) -> StopEvent:
        answer = ""
        with current_manager().event(CBEventType.SYNTHESIZE, {EventPayload.QUERY_STR: found.question}) as event:
            prompt = PROMPT.format(question=found.question, passages=LINE.join(found.texts))
            async for chunk in await self.llm.astream_complete(prompt):
                ctx.write_event_to_stream(Word(text=chunk.delta))
                answer = chunk.text
            event.on_end({EventPayload.RESPONSE: answer})
        return StopEvent(result=answer)


def unit(vectors: list[list[float]]) -> Any:
    """Return the rows scaled to length 1, so that a product of two is their cosine."""
    rows = numpy.asarray(vectors, dtype=numpy.float32)
    return rows / numpy.linalg.norm(rows, axis=1, keepdims=True)


def best_passage(request: dict[str, Any]) -> TextReply:
    passages: str = request["messages"][-1]["content"].partition(f"{MARK}\n")[2]
    return TextReply(text=passages.partition(LINE)[0])


@asynccontextmanager
async def models() -> AsyncIterator[tuple[LLM, BaseEmbedding]]:
    if "OPENAI_API_KEY" in os.environ:
        yield OpenAI(), OpenAIEmbedding()
        return
    async with StandIn(script=best_passage, pause=0.01) as server:
        print(server.describe())
        place: dict[str, Any] = {"api_base": server.url, "api_key": server.key}
        yield OpenAI(**place), OpenAIEmbedding(**place)


async def main(question: str) -> None:
    async with models() as (llm, embedding):
        with CallbackManager([LlamaDebugHandler(print_trace_on_end=True)]).as_trace("retrieval"):
            handler = Retrieval(llm, embedding).run(text=question)
            async for event in handler.stream_events():
                if isinstance(event, Found):
                    print(f"Found {len(event.texts)} passages, scores {[round(score, 2) for score in event.scores]}")
                elif isinstance(event, Word):
                    print(event.text, end="", flush=True)
            print()
            await handler


if __name__ == "__main__":
    asyncio.run(main(" ".join(sys.argv[1:]) or "Which queen built a stepwell in memory of her husband?"))
