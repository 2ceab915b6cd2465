"""Answers that are the JSON of a pydantic model, with one chance to mend them."""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from stepwell.errors import StructuredAnswerError
from stepwell.llms._messages import ChatMessage
from stepwell.llms._prompts import PromptTemplate
from stepwell.llms._responses import ChatResponse
from stepwell.llms._schemas import validation_sentence

Shape = TypeVar("Shape", bound=BaseModel)
Ask: TypeAlias = Callable[[Sequence[ChatMessage], type[BaseModel]], Awaitable[ChatResponse]]

# Servers that do not know the JSON mode often answer inside a Markdown fence.
FENCE = re.compile(r"\s*```(?:json)?\s*\n(?P<inside>.*?)\n?\s*```\s*", re.DOTALL)
REPAIR = PromptTemplate(
    "That is not what was asked for: {problem}. Answer again with the corrected JSON object and nothing else."
)


async def ask_for(shape: type[Shape], messages: Sequence[ChatMessage], ask: Ask) -> Shape:
    """Return what ``ask`` answers to ``messages`` as a ``shape``. Raises ``StructuredAnswerError``."""
    first = await ask(messages, shape)
    try:
        return _read(shape, first)
    except StructuredAnswerError as error:
        if error.is_refusal:
            raise
        problem = error.problem
    mended = await ask([*messages, first.message, *REPAIR.format_messages(problem=problem)], shape)
    return _read(shape, mended)


def _read(shape: type[Shape], response: ChatResponse) -> Shape:
    refusal = response.additional_kwargs.get("refusal")
    if refusal:
        raise StructuredAnswerError(shape=shape.__name__, text=refusal, problem="the model refused", is_refusal=True)
    fenced = FENCE.fullmatch(response.text)
    text = fenced["inside"] if fenced else response.text
    try:
        return shape.model_validate_json(text)
    except ValidationError as error:
        problem = validation_sentence(error)
        if response.finish_reason == "length":
            problem = f"it was cut off at the limit of tokens ({problem})"
        raise StructuredAnswerError(shape=shape.__name__, text=response.text, problem=problem) from error
