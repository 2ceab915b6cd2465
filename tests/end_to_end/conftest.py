"""Real processes of the command line, with pipes or a terminal, in an empty folder."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "src"
Start = Callable[..., "subprocess.Popen[str]"]
Finish = Callable[..., tuple[int, str, str]]

FLOWS = '''
    import asyncio
    from pydantic import Field
    from stepwell import *

    class Step(Event):
        name: str
        number: int

    class Word(Event):
        text: str

    class Talk(Workflow):
        @step
        async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            print("printed by the step")
            ctx.write_event_to_stream(Step(name="one", number=1))
            ctx.write_event_to_stream(Word(text="two "))
            ctx.write_event_to_stream(Word(text="words"))
            return StopEvent(result={"said": 2})

    class Fail(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            raise ValueError("boom")

    class Sleep(Workflow):
        @step
        async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            try:
                ctx.write_event_to_stream(Word(text="asleep\\n"))
                await asyncio.sleep(600)
            finally:
                await asyncio.sleep(0)
                print("finally ran", flush=True)
            return StopEvent()

    class Ask(Workflow):
        @step
        async def first(self, ev: StartEvent) -> InputRequiredEvent:
            return InputRequiredEvent(prefix="Your name:")

        @step
        async def last(self, ev: HumanResponseEvent) -> StopEvent:
            return StopEvent(result=f"hello {ev.response}")

    class Named(HumanResponseEvent):
        """A name."""

    class Refused(HumanResponseEvent):
        """No name."""

    class Aged(HumanResponseEvent):
        years: int

    class Wait(Workflow):
        @step
        async def only(self, ctx: Context, ev: StartEvent) -> StopEvent:
            try:
                named = await ctx.wait_for_event(Named, waiter_event=InputRequiredEvent(prefix="Who? "))
                aged = await ctx.wait_for_event(Aged)
                return StopEvent(result=f"{named.response} is {aged.years}")
            finally:
                print("finally ran", flush=True)

    class Choose(Workflow):
        @step
        async def first(self, ev: StartEvent) -> InputRequiredEvent:
            return InputRequiredEvent(prefix="Name?")

        @step
        async def last(self, ev: Named | Refused) -> StopEvent:
            return StopEvent(result=f"{type(ev).__name__} {ev.response}")

    class AsksBelow(Workflow):
        @step
        async def first(self, ctx: Context, ev: StartEvent) -> StopEvent:
            name = await ctx.run_child(Ask())
            age = await ctx.run_child(Wait())
            return StopEvent(result=f"{name}, {age}")

    class JsonField(StartEvent):
        text: str = Field(alias="json")

    class Aliased(Workflow):
        @step
        async def only(self, ev: JsonField) -> StopEvent:
            return StopEvent(result=ev.text)
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder but for ``flows.py``."""
    (tmp_path / "flows.py").write_text(textwrap.dedent(FLOWS), encoding="utf-8")
    return tmp_path


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment of the processes: the sources under test, and no model server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    return {**kept, "PYTHONPATH": str(SOURCES), "PYTHONWARNINGS": "error::ResourceWarning"}


@pytest.fixture
def start(folder: Path, environment: dict[str, str]) -> Iterator[Start]:
    """Start ``stepwell`` with pipes; what is still running at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, **variables: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "stepwell", *arguments],
            cwd=folder,
            env={**environment, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def finish(start: Start) -> Finish:
    """Run ``stepwell`` to its end; return exit code, standard output and standard error."""

    def run(*arguments: str, answers: str = "", **variables: str) -> tuple[int, str, str]:
        process = start(*arguments, **variables)
        out, err = process.communicate(answers, timeout=30)
        return process.returncode, out, err

    return run
