"""The environment that has the peer, with everything of it that programs with workflows use, and a stand-in model."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepwell.llms import StandIn

ROOT = Path(__file__).resolve().parents[3]
PEERS = (
    "llama-index-core==0.14.25",
    "llama-index-llms-openai==0.8.3",
    "llama-index-utils-workflow==0.11.0",
    "llama-index-workflows==2.26.1",
    "pytest==9.2.0",
    "pytest-asyncio==1.5.0",
)
TEXT = "A stepwell is a well with stairs."


@pytest.fixture(scope="session")
def peer() -> str:
    """The Python of the environment that has the peer: made once, in about a minute, from pinned versions."""
    if os.environ.get("STEPWELL_PEERS") == "0":
        pytest.skip("STEPWELL_PEERS=0 leaves out the comparison with LlamaIndex")
    made = subprocess.run(
        [sys.executable, ROOT / "tools" / "peer_environment.py", "compat", *PEERS],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        pytest.skip(f"no comparison with LlamaIndex: {made.stderr.strip().splitlines()[-1]}")
    return made.stdout.strip()


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
