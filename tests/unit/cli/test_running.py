"""A run on the command line ends before its program does, whatever happens to who shows it."""

import asyncio
import errno
import io
import logging
from typing import Any

import pytest

from stepwell import Event, StartEvent, StopEvent, Workflow, step
from stepwell.cli._running import run_to_end


class ClosedPipe(io.StringIO):
    """A pipe whose reader goes away after so many lines."""

    def __init__(self, lines: int) -> None:
        super().__init__()
        self.left = lines

    def write(self, text: str) -> int:
        if not self.left:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")
        self.left -= 1
        return super().write(text)


class Shown(Event):
    number: int


class Shows(Workflow):
    def __init__(self) -> None:
        super().__init__(timeout=None)
        self.open = 0

    @step
    async def show(self, ev: StartEvent) -> list[Shown]:
        return [Shown(number=number) for number in range(3)]

    @step
    async def work(self, ev: Shown) -> StopEvent:
        self.open += 1
        try:
            await asyncio.sleep(20)
        finally:
            await asyncio.sleep(0.001)  # a connection that is closed takes its time
            self.open -= 1
        return StopEvent()


@pytest.mark.parametrize("lines", [0, 1, 2, 3, 5])
def test_a_reader_that_goes_away_ends_the_run(lines: int, caplog: pytest.LogCaptureFixture) -> None:
    workflow: Any = Shows()

    with caplog.at_level(logging.WARNING), pytest.raises(BrokenPipeError):
        run_to_end(workflow, StartEvent(), as_json=ClosedPipe(lines))

    assert workflow.open == 0
    assert caplog.records == []
