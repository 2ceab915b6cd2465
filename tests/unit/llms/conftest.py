"""A client for a server on loopback, as most tests here want it: no retries, no waiting."""

from collections.abc import Callable

import pytest

from stepwell.llms.openai import OpenAI


@pytest.fixture
def connect() -> Callable[..., OpenAI]:
    def connected(server: object, **settings: object) -> OpenAI:
        url, key = server.url, server.key  # type: ignore[attr-defined]
        return OpenAI(**{"model": "any", "api_base": url, "api_key": key, "max_retries": 0, **settings})

    return connected
