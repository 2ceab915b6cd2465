"""A person at a terminal: the live view, a question, Ctrl-C. Through a pseudo-terminal."""

import os
import select
import sys
import time
from pathlib import Path

import pytest

if os.name != "posix":
    pytest.skip("pseudo-terminals are of POSIX", allow_module_level=True)

import pty

CTRL_C = b"\x03"
PATIENCE_SECONDS = 20.0


class Terminal:
    """``stepwell`` in a terminal of its own."""

    def __init__(self, folder: Path, environment: dict[str, str], *arguments: str) -> None:
        self.seen = b""
        self.process, self._descriptor = pty.fork()
        if self.process == 0:
            os.chdir(folder)
            shape = {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
            os.execve(sys.executable, [sys.executable, "-m", "stepwell", *arguments], {**environment, **shape})

    def read_until(self, text: str) -> None:
        """Read until ``text`` was shown."""
        end = time.monotonic() + PATIENCE_SECONDS
        while text.encode() not in self.seen:
            assert self._read_piece(end), f"the process ended before it showed {text!r}: {self.seen.decode()}"

    def type(self, keys: bytes) -> None:
        os.write(self._descriptor, keys)

    def finish(self) -> int:
        """Read to the end and return the exit code."""
        end = time.monotonic() + PATIENCE_SECONDS
        while self._read_piece(end):
            pass
        os.close(self._descriptor)
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])

    def _read_piece(self, end: float) -> bool:
        ready, _, _ = select.select([self._descriptor], [], [], max(0.0, end - time.monotonic()))
        assert ready, f"nothing more was shown after {self.seen.decode()!r}"
        try:
            piece = os.read(self._descriptor, 4096)
        except OSError:  # how Linux says that the other end of a pseudo-terminal is closed
            return False
        self.seen += piece
        return bool(piece)


def test_a_question_is_asked_at_the_prompt_and_answered_by_a_line(folder: Path, environment: dict[str, str]) -> None:
    terminal = Terminal(folder, environment, "run", "flows.py:Ask")
    terminal.read_until("Your name:")

    terminal.type(b"Ada\n")

    assert terminal.finish() == 0
    shown = terminal.seen.decode()
    assert "Ask completed" in shown
    assert shown.rstrip().endswith("hello Ada")


def test_ctrl_c_at_the_prompt_cancels_the_run_and_its_finally_runs(folder: Path, environment: dict[str, str]) -> None:
    terminal = Terminal(folder, environment, "run", "flows.py:Wait")
    terminal.read_until("Who?")

    terminal.type(CTRL_C)

    assert terminal.finish() == 130
    assert "finally ran" in terminal.seen.decode()
    assert "Wait was cancelled." in terminal.seen.decode()


def test_ctrl_c_at_the_moment_of_the_question_cancels_the_run(folder: Path, environment: dict[str, str]) -> None:
    """The cancellation and the question come in one turn of the loop; neither may swallow the other."""
    terminal = Terminal(folder, environment, "run", "flows.py:Ask")
    terminal.read_until("Ask")

    terminal.type(CTRL_C)

    assert terminal.finish() == 130


def test_the_live_view_shows_steps_with_states_and_times_and_the_text(
    folder: Path, environment: dict[str, str]
) -> None:
    terminal = Terminal(folder, environment, "demo")

    assert terminal.finish() == 0
    shown = terminal.seen.decode()
    assert "running" in shown
    assert "✓" in shown
    assert "Call me Ishmael." in shown.partition("EssayWorkflow completed")[0]
    assert "Call me Ishmael." in shown.partition("EssayWorkflow completed")[2]


def test_escape_codes_in_a_model_s_text_do_not_reach_the_terminal(folder: Path, environment: dict[str, str]) -> None:
    (folder / "evil.py").write_text(
        "from stepwell import *\n"
        "class Word(Event):\n"
        "    text: str\n"
        "class Evil(Workflow):\n"
        "    @step\n"
        "    async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:\n"
        "        ctx.write_event_to_stream(Word(text='\\x1b]0;taken\\x07'))\n"
        "        return StopEvent(result='\\x1b]0;taken\\x07')\n"
    )
    terminal = Terminal(folder, environment, "run", "evil.py")

    assert terminal.finish() == 0
    assert b"taken" in terminal.seen
    assert b"\x1b]0;" not in terminal.seen
