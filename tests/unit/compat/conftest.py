"""What the tests of the compatibility layer share."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepwell import compat

TOPS = ("workflows", "llama_index", "llama_agents")


def imported_peers() -> list[str]:
    """Return the modules of the peer's names that are imported."""
    return [name for name in sys.modules if name.partition(".")[0] in TOPS]


@pytest.fixture(autouse=True)
def left_as_found() -> Iterator[None]:
    """Every test begins and ends with nothing installed and none of the names imported."""
    assert imported_peers() == []
    yield
    compat.uninstall()
    for name in imported_peers():
        del sys.modules[name]


@pytest.fixture
def everything() -> None:
    compat.install()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder at the head of the path, for packages that the test makes."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path
