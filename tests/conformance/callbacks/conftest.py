"""What the conformance tests of the callbacks share."""

from collections.abc import Iterator

import pytest

from stepwell.callbacks import current_span


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    """No test leaves an event current."""
    yield
    assert current_span() is None
