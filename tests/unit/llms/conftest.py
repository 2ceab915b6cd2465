"""A client for a server on loopback, as most tests here want it: no retries, no waiting."""

from collections.abc import Callable
from typing import Any

import pytest

from stepwell.llms.openai import OpenAI


@pytest.fixture
def connect() -> Callable[..., OpenAI]:
    def connected(server: Any, **settings: Any) -> OpenAI:
        if "api_key" not in settings:
            settings["api_key"] = server.key
        return OpenAI(**{"model": "any", "api_base": server.url, "max_retries": 0, **settings})

    return connected
