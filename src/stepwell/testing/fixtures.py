"""pytest fixtures: the stand-in, a client for it, and cassettes. The one file that imports pytest.

In the top-level ``conftest.py``: ``pytest_plugins = ["stepwell.testing.fixtures"]``.
"""

import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from stepwell.errors import CassetteMissingError, RecordingKeyError
from stepwell.llms import RecordingServer, ReplayServer, StandIn
from stepwell.llms.openai import OpenAI

OPTION = "--record-cassettes"
KEY_VARIABLE = "OPENAI_API_KEY"
SERVICE_VARIABLE = "OPENAI_BASE_URL"
SERVICE = "https://api.openai.com/v1"
UNFIT = re.compile(r"[^\w.\[\]-]+")


class ServerLike(Protocol):
    """A server that speaks the protocol: its address and the key for it."""

    @property
    def url(self) -> str: ...

    @property
    def key(self) -> str: ...


@dataclass(frozen=True, slots=True)
class CassetteServer:
    """The server before a test's cassette ``path``: give ``url`` and ``key`` to the client."""

    url: str
    key: str
    path: Path
    is_recording: bool


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that records cassettes instead of replaying them."""
    parser.getgroup("stepwell").addoption(
        OPTION,
        action="store_true",
        default=False,
        help="record the cassettes of the tests anew, from the real service (OPENAI_API_KEY, OPENAI_BASE_URL)",
    )


@pytest.fixture
def stand_in() -> Iterator[Callable[..., StandIn]]:
    """Start stand-ins, with what ``StandIn`` takes; they are closed after the test.

    ``server = stand_in(script=[…])``
    """
    with contextlib.ExitStack() as servers:

        def start(*args: Any, **options: Any) -> StandIn:
            return servers.enter_context(StandIn(*args, **options))

        yield start


@pytest.fixture
def openai_client() -> Callable[..., OpenAI]:
    """Make clients for a stand-in or a cassette; they make no retries.

    ``llm = openai_client(server)``
    """

    def connect(server: ServerLike, **settings: Any) -> OpenAI:
        return OpenAI(**{"api_base": server.url, "api_key": server.key, "max_retries": 0, **settings})

    return connect


@pytest.fixture
def cassette(request: pytest.FixtureRequest) -> Iterator[CassetteServer]:
    """Replay what the service said to this test, from ``cassettes/<test file>/<test>.json`` beside the test file.

    With ``--record-cassettes`` it is recorded anew, and replaces the old file if there was any traffic.
    """
    path = request.path.parent / "cassettes" / request.path.stem / f"{_file_name(request.node.name)}.json"
    if request.config.getoption(OPTION, default=False):
        yield from _recorded(path)
        return
    if not path.exists():
        raise CassetteMissingError(test=request.node.name, path=str(path))
    with ReplayServer(path) as server:
        yield CassetteServer(url=server.url, key=server.key, path=path, is_recording=False)


def _recorded(path: Path) -> Iterator[CassetteServer]:
    key = os.environ.get(KEY_VARIABLE)
    if not key:
        raise RecordingKeyError(variable=KEY_VARIABLE)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with RecordingServer(fresh, upstream=os.environ.get(SERVICE_VARIABLE) or SERVICE) as server:
        yield CassetteServer(url=server.url, key=key, path=path, is_recording=True)
    if fresh.exists():
        fresh.replace(path)


def _file_name(test: str) -> str:
    """Return the name of a test as every file system takes it; two tests never share one."""
    fit = UNFIT.sub("-", test)
    return fit if fit == test else f"{fit}-{hashlib.sha256(test.encode()).hexdigest()[:8]}"
