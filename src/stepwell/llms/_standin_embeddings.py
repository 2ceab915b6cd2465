"""The stand-in's embeddings: hashed words, no meaning.

Texts that share words are near each other, which is enough to show offline what a
program does with embeddings, and the same text has the same vector in every process.
"""

import math
import re
import struct
import zlib
from base64 import b64encode
from typing import Any

from stepwell.llms._standin_wire import MODEL

DIMENSIONS = 256
WORD = re.compile(r"\w+")


def embedding(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """Return the vector of length 1 for ``text``; a text without words points along the first axis."""
    counts = [0.0] * dimensions
    for word in WORD.findall(text.casefold()):
        # The lowest bit is the sign, so that words that fall together do not add up.
        hashed = zlib.crc32(word.encode())
        counts[(hashed >> 1) % dimensions] += 1.0 if hashed & 1 else -1.0
    length = math.hypot(*counts)
    return [count / length for count in counts] if length else [1.0] + [0.0] * (dimensions - 1)


def embeddings(request: dict[str, Any]) -> dict[str, Any]:
    """Return the body for a request of the embeddings endpoint."""
    given = request["input"]
    texts = [given] if isinstance(given, str) else given
    dimensions = request.get("dimensions") or DIMENSIONS
    vectors = [embedding(text, dimensions) for text in texts]
    if request.get("encoding_format") == "base64":
        data: list[Any] = [b64encode(struct.pack(f"<{dimensions}f", *vector)).decode() for vector in vectors]
    else:
        data = list(vectors)
    counted = sum(len(WORD.findall(text)) for text in texts)
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(data)],
        "model": MODEL,
        "usage": {"prompt_tokens": counted, "total_tokens": counted},
    }
