"""What the tests of the callbacks share."""

from collections.abc import Iterator

import pytest

from stepwell.callbacks import current_span, defaults


@pytest.fixture
def clean_settings() -> Iterator[None]:
    """The process's own handler and manager, none before and none after."""
    defaults.handler = defaults.manager = defaults.source = None
    yield
    defaults.handler = defaults.manager = defaults.source = None


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    """No test leaves an event current."""
    yield
    assert current_span() is None
