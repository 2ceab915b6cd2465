"""What most programs never ask of the core is loaded when it is asked for."""

import pytest

from stepwell import core


def test_every_name_of_the_door_is_there() -> None:
    assert [name for name in core.__all__ if not hasattr(core, name)] == []


def test_the_door_has_no_other_name() -> None:
    with pytest.raises(AttributeError, match=r"module 'stepwell\.core' has no attribute 'find_flow'"):
        getattr(core, "find_flow")  # noqa: B009  # as a variable would name it
