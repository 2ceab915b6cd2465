"""What no first program needs is loaded when it is first used, and is in the doors all the same."""

import subprocess
import sys
from types import ModuleType

import pytest

from stepwell import flow, runtime


@pytest.mark.parametrize("door", [flow, runtime])
def test_every_name_of_a_door_is_there(door: ModuleType) -> None:
    assert [name for name in door.__all__ if not hasattr(door, name)] == []


@pytest.mark.parametrize("door", [flow, runtime])
def test_a_door_has_no_other_name(door: ModuleType) -> None:
    with pytest.raises(AttributeError, match=r"has no attribute 'Waxflow'"):
        getattr(door, "Waxflow")  # noqa: B009  # as a variable would name it


def test_a_first_program_loads_neither_stores_nor_resources_nor_what_only_a_snapshot_needs() -> None:
    parts = "{'core._audit', 'runtime._state_store', 'runtime._resources', 'runtime._restore', 'runtime._replay'}"
    code = (
        "import sys; from stepwell import Context, Event, StartEvent, StopEvent, Workflow, step; "
        f"print([part for part in sorted({parts}) if 'stepwell.' + part in sys.modules])"
    )

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert loaded.strip() == "[]"
