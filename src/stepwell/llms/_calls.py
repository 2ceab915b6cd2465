"""The one place where a model call is told of: it starts, gets chunks, and ends in exactly one way."""

from stepwell.llms._answers import PartialAnswer
from stepwell.llms._responses import CompletionResponse


class ModelCall:
    """One call of ``model``."""

    def __init__(self, *, model: str) -> None:
        self.model = model

    def chunk(self, response: CompletionResponse) -> None: ...
    def end(self, response: CompletionResponse) -> None: ...
    def fail(self, error: BaseException, answer: PartialAnswer) -> None: ...
    def cancel(self, answer: PartialAnswer) -> None: ...
