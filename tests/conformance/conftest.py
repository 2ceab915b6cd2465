"""The peer's environment, which the comparisons with it share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PEER = (
    "llama-index-core==0.14.25",
    "llama-index-llms-openai==0.8.3",
    "llama-index-utils-workflow==0.11.0",
    "llama-index-workflows==2.26.1",
    "pytest==9.2.0",  # for the suite that is run there and here
    "pytest-asyncio==1.5.0",
)


@pytest.fixture(scope="session")
def llama_index() -> str:
    """The Python of an environment that has the LlamaIndex packages, made once (about a minute).

    STEPWELL_PEERS=0 leaves out what needs it; so does a machine that cannot get the packages.
    """
    if os.environ.get("STEPWELL_PEERS") == "0":
        pytest.skip("STEPWELL_PEERS=0 leaves out the comparisons with LlamaIndex")
    made = subprocess.run(
        [sys.executable, ROOT / "tools" / "peer_environment.py", "llama-index", *PEER],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        pytest.skip(f"no comparison with LlamaIndex: {made.stderr.strip().splitlines()[-1]}")
    return made.stdout.strip()
