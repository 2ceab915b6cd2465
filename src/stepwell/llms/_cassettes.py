"""Cassettes: exchanges with a model server kept in a file, found again by their requests.

Rule 1. What is kept holds no secret: no request header, only named response headers, and
        texts without the key that was used or anything that looks like one.
Rule 2. A request is the same when its method, path and JSON body are the same.
Rule 3. A request that was recorded several times gets its answers in their order.
"""

import json
import re
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from stepwell.errors import CassetteFileError

FORMAT = "stepwell-cassette-1"
# The code by which a client knows the answer of a cassette that holds none.
NOT_RECORDED = "stepwell_not_recorded"
REMOVED = "[removed]"
KEPT_HEADERS = ("content-type", "retry-after")
SECRET_NAMES = frozenset({"api_key", "apikey", "authorization", "password", "secret", "token", "access_token"})
SECRET_TEXT = re.compile(r"\b(?:sk|pk|rk|xai|gsk|hf)[-_][A-Za-z0-9_-]{12,}|\bBearer\s+[A-Za-z0-9._~+/-]{12,}=*")
SHOWN_DIFFERENCES = 3
SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """What was asked. ``body`` is the JSON body, secrets removed."""

    method: str
    path: str
    body: Any

    def key(self) -> str:
        return json.dumps([self.method, self.path, self.body], sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedResponse:
    """What was answered. The ``pieces`` joined are the body; ``is_cut`` says that it broke off."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[str] = field(default_factory=list)
    is_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedExchange:
    """A request and its answer."""

    request: RecordedRequest
    response: RecordedResponse


class Cassette:
    """The exchanges of one file, and how far each has been replayed."""

    def __init__(self, exchanges: list[RecordedExchange] | None = None) -> None:
        self.exchanges = list(exchanges or ())
        self._left: defaultdict[str, deque[RecordedResponse]] = defaultdict(deque)
        for exchange in self.exchanges:
            self._left[exchange.request.key()].append(exchange.response)

    @classmethod
    def load(cls, path: Path) -> "Cassette":
        """Read a cassette. Raises ``CassetteFileError``."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise CassetteFileError(path=str(path), problem=f"its format is {content['format']!r}")
            return cls(_EXCHANGES.validate_python(content["exchanges"]))
        except OSError as error:
            raise CassetteFileError(path=str(path), problem=str(error.strerror).lower()) from error
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, CassetteFileError):
                raise
            kind = "its exchanges are incomplete" if isinstance(error, ValidationError) else "it cannot be read"
            raise CassetteFileError(path=str(path), problem=kind) from error

    def save(self, path: Path) -> None:
        """Write the file whole or not at all."""
        content = {"format": FORMAT, "exchanges": [asdict(exchange) for exchange in self.exchanges]}
        written = path.with_name(path.name + ".part")
        written.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        written.replace(path)

    def add(self, exchange: RecordedExchange) -> None:
        self.exchanges.append(exchange)
        self._left[exchange.request.key()].append(exchange.response)

    def take(self, request: RecordedRequest) -> RecordedResponse | None:
        """Return the next answer recorded for ``request``, or ``None``."""
        left = self._left.get(request.key())
        return left.popleft() if left else None

    def explain(self, request: RecordedRequest) -> str:
        """Say why there is no answer for ``request``: used up, or how the nearest recorded one differs."""
        times = sum(exchange.request.key() == request.key() for exchange in self.exchanges)
        if times:
            return f"it was recorded {times} time{'s' if times > 1 else ''} and has been replayed as often"
        differences = [_differences(exchange.request, request) for exchange in self.exchanges]
        if not differences:
            return "nothing is recorded in it"
        nearest = min(differences, key=len)
        shown = "; ".join(nearest[:SHOWN_DIFFERENCES])
        more = len(nearest) - SHOWN_DIFFERENCES
        return f"the nearest recorded one differs in {shown}" + (f"; and {more} more" if more > 0 else "")


_EXCHANGES = TypeAdapter(list[RecordedExchange])


def without_secrets(value: Any, key: str | None) -> Any:
    """Return plain data without ``key`` (the one that was used) and without what looks like a secret."""
    if isinstance(value, str):
        return SECRET_TEXT.sub(REMOVED, value.replace(key, REMOVED) if key else value)
    if isinstance(value, list):
        return [without_secrets(part, key) for part in value]
    if isinstance(value, dict):
        return {
            name: REMOVED if name.lower() in SECRET_NAMES and isinstance(part, str) else without_secrets(part, key)
            for name, part in value.items()
        }
    return value


def _differences(recorded: RecordedRequest, asked: RecordedRequest) -> list[str]:
    before = dict(_leaves("", asdict(recorded)))
    now = dict(_leaves("", asdict(asked)))
    return [
        f"{place} (recorded {_short(before.get(place))}, asked {_short(now.get(place))})"
        for place in sorted(before.keys() | now.keys())
        if before.get(place) != now.get(place)
    ]


def _leaves(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from _leaves(f"{place}.{name}" if place else name, part)
    elif isinstance(value, list) and value:
        for index, part in enumerate(value):
            yield from _leaves(f"{place}[{index}]", part)
    else:
        yield place, value


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= SHOWN_CHARACTERS else shown[:SHOWN_CHARACTERS] + "…"
