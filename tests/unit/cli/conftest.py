"""Files with workflows in them, and the command line called as a function."""

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from stepwell.cli import main

FlowFile = Callable[[str], str]
CommandLine = Callable[..., tuple[int, str, str]]

TYPED = '''
    import enum
    from pydantic import Field
    from stepwell import StartEvent, StopEvent, Workflow, step

    class Color(enum.Enum):
        RED = "red"
        BLUE = "blue"

    class Go(StartEvent):
        """Where it goes."""
        topic: str = Field(description="what about")
        count: int = Field(3, ge=1)
        loud: bool = False
        color: Color = Color.RED
        tags: list[str] = []
        max_words: int | None = None
        limits: dict[str, int] = {}

    class Typed(Workflow):
        """A flow with typed fields."""
        @step
        async def only(self, ev: Go) -> StopEvent:
            return StopEvent(result=ev.model_dump(mode="json"))
'''


@pytest.fixture
def flow_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlowFile:
    """Write a file of workflows into the working folder, and return its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(sys.path))

    def write(source: str) -> str:
        name = f"flow_{tmp_path.name.replace('-', '_')}.py"
        (tmp_path / name).write_text(textwrap.dedent(source), encoding="utf-8")
        return name

    return write


@pytest.fixture
def stepwell(capfd: pytest.CaptureFixture[str]) -> CommandLine:
    """Call the command line in this process; return its exit code, standard output and standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = capfd.readouterr()
        return code, out, err

    return call
