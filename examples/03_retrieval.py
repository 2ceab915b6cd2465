"""Answer from documents: split, embed, find, and let a model write. Needs: pip install "stepwell[examples]"."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import numpy
from semantic_text_splitter import MarkdownSplitter

from stepwell import Collect, Event, StartEvent, StopEvent, Workflow, step
from stepwell.llms import StandIn, TextReply
from stepwell.llms.openai import OpenAI, OpenAIEmbedding


class Page(Event):
    path: Path


class Passages(Event):
    texts: list[str]


class Retrieval(Workflow):
    @step
    async def find(self, ev: StartEvent) -> list[Page]:
        return [Page(path=path) for path in sorted(Path(__file__).parent.glob("documents/*_*.md"))]

    @step
    def split(self, page: Page) -> Passages:  # a plain function: it reads files, in a thread
        return Passages(texts=MarkdownSplitter(400).chunks(page.path.read_text(encoding="utf-8")))

    @step
    async def answer(self, pages: Annotated[list[Passages], Collect(ordered=True)]) -> StopEvent:
        texts = [text for page in pages for text in page.texts]
        vectors = numpy.array(await OpenAIEmbedding().aget_text_embedding_batch([*texts, QUESTION]))
        vectors /= numpy.linalg.norm(vectors, axis=1, keepdims=True)
        best = texts[int(numpy.argmax(vectors[:-1] @ vectors[-1]))]
        return StopEvent(result=await OpenAI().acomplete(f"Answer from the passage alone: {QUESTION}\n---\n{best}"))


QUESTION = " ".join(sys.argv[1:]) or "Which queen built a stepwell in memory of her husband?"


def passage_in(request: dict[str, Any]) -> TextReply:
    return TextReply(text=request["messages"][-1]["content"].partition("---\n")[2])


async def main() -> None:
    with StandIn(script=passage_in) as server:
        if "OPENAI_API_KEY" not in os.environ:
            print(server.describe())
            os.environ.update(OPENAI_API_KEY=server.key, OPENAI_BASE_URL=server.url)
        print(await Retrieval().run())


asyncio.run(main())
