"""TokenCountingHandler: how many tokens models and embeddings took, and a budget that stops the program."""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stepwell.callbacks._printing import PythonicallyPrintingBaseHandler
from stepwell.callbacks._schema import CBEventType, EventPayload
from stepwell.callbacks._usage import TokenCounter, Tokenizer, Usage, read_usage
from stepwell.errors import TokenBudgetError

MAX_RECORDS: Final = 10_000
"""How many of the latest calls the handler lists; the totals count all."""


@dataclass
class TokenCountingEvent:
    """The tokens of one call. ``cached_token_count`` of the prompt's came from a cache.

    ``is_estimated`` is true if the server did not count, and we did.
    """

    prompt: str
    completion: str
    completion_token_count: int
    prompt_token_count: int
    total_token_count: int = 0
    event_id: str = ""
    cached_token_count: int = 0
    is_estimated: bool = False

    def __post_init__(self) -> None:
        self.total_token_count = self.prompt_token_count + self.completion_token_count


def get_llm_token_counts(
    token_counter: TokenCounter, payload: Mapping[str, Any], event_id: str = ""
) -> TokenCountingEvent:
    """The tokens of the model call that ended with ``payload``: as its server counted them, else as we do."""
    if EventPayload.PROMPT in payload:
        prompt, answer = str(payload[EventPayload.PROMPT]), payload.get(EventPayload.COMPLETION)
    elif EventPayload.MESSAGES in payload:
        prompt = "\n".join(map(str, payload[EventPayload.MESSAGES]))
        answer = payload.get(EventPayload.RESPONSE)
    else:
        prompt, answer = "", None
    usage = Usage() if answer is None else read_usage(answer)
    completion = "" if answer is None else str(answer)
    prompt_tokens, completion_tokens = usage.prompt, usage.completion
    if not prompt_tokens and EventPayload.PROMPT in payload:
        prompt_tokens = token_counter.get_string_tokens(prompt)
    elif not prompt_tokens and EventPayload.MESSAGES in payload:
        prompt_tokens = token_counter.estimate_tokens_in_messages(payload[EventPayload.MESSAGES])
    if not completion_tokens:
        completion_tokens = token_counter.get_string_tokens(completion)
    return TokenCountingEvent(
        prompt=prompt,
        completion=completion,
        completion_token_count=completion_tokens,
        prompt_token_count=prompt_tokens,
        event_id=event_id,
        cached_token_count=usage.cached,
        is_estimated=(prompt_tokens, completion_tokens) != (usage.prompt, usage.completion),
    )


class TokenCountingHandler(PythonicallyPrintingBaseHandler):
    """Counts the tokens of model calls and embeddings.

    The totals cost the same however many calls there were; the lists hold the latest `MAX_RECORDS` calls. A call that
    failed without an answer is not counted. With a ``token_budget`` (tokens of model calls, prompt and completion),
    the end of the call that exceeds it, and every start after it, raise TokenBudgetError into the program.
    """

    def __init__(
        self,
        tokenizer: Tokenizer | None = None,
        event_starts_to_ignore: Sequence[CBEventType] | None = None,
        event_ends_to_ignore: Sequence[CBEventType] | None = None,
        verbose: bool = False,
        logger: logging.Logger | None = None,
        token_budget: int | None = None,
    ) -> None:
        self.llm_token_counts: list[TokenCountingEvent] = []
        self.embedding_token_counts: list[TokenCountingEvent] = []
        self.token_budget = token_budget
        self._counter = TokenCounter(tokenizer)
        self._verbose = verbose
        self._lock = threading.Lock()
        self._prompt = self._completion = self._embedding = 0
        super().__init__(event_starts_to_ignore, event_ends_to_ignore, logger)

    @property
    def tokenizer(self) -> Tokenizer:
        """What counts where the server did not."""
        return self._counter.tokenizer

    @property
    def prompt_llm_token_count(self) -> int:
        """The tokens of all prompts, cached ones included."""
        return self._prompt

    @property
    def completion_llm_token_count(self) -> int:
        """The tokens of all answers."""
        return self._completion

    @property
    def total_llm_token_count(self) -> int:
        """The tokens of all prompts and answers."""
        return self._prompt + self._completion

    @property
    def total_embedding_token_count(self) -> int:
        """The tokens of all texts that were embedded, as we count them."""
        return self._embedding

    def reset_counts(self) -> None:
        """Begin at zero again, the budget too."""
        with self._lock:
            self.llm_token_counts = []
            self.embedding_token_counts = []
            self._prompt = self._completion = self._embedding = 0

    def on_event_start(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str = "",
        parent_id: str = "",
        **kwargs: Any,
    ) -> str:
        self._check_budget()
        return event_id

    def on_event_end(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str = "",
        **kwargs: Any,
    ) -> None:
        if payload is None or event_type in self.event_ends_to_ignore:
            return
        if event_type == CBEventType.LLM:
            self._take_call(payload, event_id)
        elif event_type == CBEventType.EMBEDDING:
            self._take_embedding(payload, event_id)

    def _take_call(self, payload: dict[str, Any], event_id: str) -> None:
        has_answer = payload.get(EventPayload.COMPLETION) or payload.get(EventPayload.RESPONSE)
        if EventPayload.EXCEPTION in payload and not has_answer:
            return
        record = get_llm_token_counts(self._counter, payload, event_id)
        with self._lock:
            self._prompt += record.prompt_token_count
            self._completion += record.completion_token_count
            _append(self.llm_token_counts, record)
        if self._verbose:
            self._print(
                f"LLM Prompt Token Usage: {record.prompt_token_count}\n"
                f"LLM Completion Token Usage: {record.completion_token_count}"
            )
        self._check_budget()

    def _take_embedding(self, payload: dict[str, Any], event_id: str) -> None:
        tokens = 0
        for chunk in payload.get(EventPayload.CHUNKS, ()):
            count = self._counter.get_string_tokens(chunk)
            tokens += count
            record = TokenCountingEvent(chunk, "", 0, count, event_id=event_id, is_estimated=True)
            with self._lock:
                self._embedding += count
                _append(self.embedding_token_counts, record)
        if self._verbose:
            self._print(f"Embedding Token Usage: {tokens}")

    def _check_budget(self) -> None:
        if self.token_budget is not None and self.total_llm_token_count > self.token_budget:
            raise TokenBudgetError(limit=self.token_budget, current=self.total_llm_token_count)


def _append(records: list[TokenCountingEvent], record: TokenCountingEvent) -> None:
    records.append(record)
    if len(records) > MAX_RECORDS:
        # Half at a time keeps the cost of dropping from the front constant per record.
        del records[: MAX_RECORDS // 2]
