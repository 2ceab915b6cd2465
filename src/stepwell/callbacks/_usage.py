"""Reading what a model server says it counted, whatever its words; and counting ourselves where it says nothing.

Servers differ in one trap: Anthropic and Bedrock leave cached tokens out of the input tokens, the others have them in.
Here the prompt always includes them, because they fill the window and are on the bill.
"""

import dataclasses
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final, NamedTuple, TypeAlias, cast

Tokenizer: TypeAlias = Callable[[str], Sequence[Any]]

logger = logging.getLogger("stepwell.callbacks")

CHARACTERS_PER_TOKEN: Final = 4
TOKENS_PER_MESSAGE: Final = 3

_PROMPT: Final = ("prompt_tokens", "input_tokens", "inputTokens", "prompt_token_count", "promptTokenCount")
_COMPLETION: Final = (
    "completion_tokens",
    "output_tokens",
    "outputTokens",
    "candidates_token_count",
    "candidatesTokenCount",
)
_THOUGHTS: Final = ("thoughts_token_count", "thoughtsTokenCount")
_CACHE_READ: Final = ("cache_read_input_tokens", "cacheReadInputTokens")
_CACHE_WRITTEN: Final = ("cache_creation_input_tokens", "cacheWriteInputTokens")
_CACHED: Final = ("cached_tokens", "cached_content_token_count", "cachedContentTokenCount")
_DETAILS: Final = ("prompt_tokens_details", "input_tokens_details")


class Usage(NamedTuple):
    """Tokens as a server counted them; ``prompt`` includes ``cached``."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0


def read_usage(response: object) -> Usage:
    """What ``response``, its ``raw`` object or its ``additional_kwargs`` say was used; zeros if they say nothing."""
    raw = getattr(response, "raw", None)
    for place in (
        getattr(response, "usage", None),
        _field(raw, "usage"),
        _field(raw, "usage_metadata"),
        _field(raw, "usageMetadata"),
        getattr(response, "additional_kwargs", None),
    ):
        usage = _read(_plain(place))
        if usage.prompt or usage.completion:
            return usage
    return Usage()


def get_tokens_from_response(response: object) -> tuple[int, int]:
    """The prompt tokens, cached ones included, and the completion tokens of ``response``; zeros if unknown."""
    usage = read_usage(response)
    return usage.prompt, usage.completion


def _read(counts: Mapping[str, Any]) -> Usage:
    if not counts:
        return Usage()
    prompt = _first(counts, _PROMPT)
    cached = _first(counts, _CACHED) or _first(counts, _CACHE_READ)
    for name in _DETAILS:
        cached = cached or _first(_plain(counts.get(name)), _CACHED)
    if "input_tokens" in counts or "inputTokens" in counts:
        prompt += _first(counts, _CACHE_READ) + _first(counts, _CACHE_WRITTEN)
    return Usage(prompt, _first(counts, _COMPLETION) + _first(counts, _THOUGHTS), cached)


def _first(counts: Mapping[str, Any], names: Iterable[str]) -> int:
    for name in names:
        value = counts.get(name)
        if isinstance(value, int):
            return value
    return 0


def _field(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _plain(value: object) -> Mapping[str, Any]:
    """``value`` as a mapping: dictionaries, pydantic models, dataclasses and plain objects can be one."""
    if isinstance(value, Mapping):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return cast("Mapping[str, Any]", dump())
    return getattr(value, "__dict__", {})


class TokenCounter:
    """Counts tokens of texts and messages with a tokenizer, for want of the server's own count.

    Without a tokenizer, tiktoken is used if it is installed and has its tables at hand; else four characters are
    taken for a token, and a log record says so once.
    """

    def __init__(self, tokenizer: Tokenizer | None = None) -> None:
        self._tokenizer = tokenizer

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer; the default one is found when it is first needed."""
        if self._tokenizer is None:
            self._tokenizer = _default_tokenizer()
        return self._tokenizer

    def get_string_tokens(self, string: str) -> int:
        """The number of tokens of ``string``."""
        return len(self.tokenizer(string)) if string else 0

    def estimate_tokens_in_messages(self, messages: Iterable[object]) -> int:
        """About how many tokens ``messages`` take in a prompt, with their roles and what frames them."""
        return sum(self._of_message(message) for message in messages)

    def _of_message(self, message: object) -> int:
        role = getattr(message, "role", "")
        content = getattr(message, "content", None)
        calls = (getattr(message, "additional_kwargs", None) or {}).get("tool_calls") or ()
        text = content if isinstance(content, str) else str(content or "")
        parts = [str(getattr(role, "value", role) or ""), text, *map(str, calls)]
        return sum(map(self.get_string_tokens, parts)) + TOKENS_PER_MESSAGE


def _default_tokenizer() -> Tokenizer:
    try:
        encoding = import_module("tiktoken").get_encoding("cl100k_base")
    except (ImportError, OSError) as error:  # tiktoken fetches its tables, and its network errors are OSErrors
        logger.warning(
            "tokens that no server counted are estimated at %d characters each: tiktoken cannot be used (%s); "
            "pass tokenizer= for an exact count",
            CHARACTERS_PER_TOKEN,
            error,
        )
        return _four_characters
    encode: Callable[..., list[int]] = encoding.encode
    return lambda text: encode(text, disallowed_special=())


def _four_characters(text: str) -> Sequence[str]:
    return [text[start : start + CHARACTERS_PER_TOKEN] for start in range(0, len(text), CHARACTERS_PER_TOKEN)]
