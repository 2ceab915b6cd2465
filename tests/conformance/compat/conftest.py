"""A stand-in for OpenAI's models, for programs in processes of their own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepwell.llms import StandIn

ROOT = Path(__file__).resolve().parents[3]
TEXT = "A stepwell is a well with stairs."


@pytest.fixture(scope="module")
def model() -> Iterator[dict[str, str]]:
    """The environment variables of a process that talks to a stand-in for OpenAI's models."""
    with StandIn(TEXT) as server:
        yield {
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "STANDIN_URL": server.url,
            "STANDIN_KEY": server.key,
            "OPENAI_API_KEY": server.key,
            "OPENAI_BASE_URL": server.url,
            "OPENAI_API_BASE": server.url,
        }
