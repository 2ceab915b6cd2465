"""A run begins in one process, which is killed, and ends in another one."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "src"

PROGRAM = """
    import asyncio, json, os, pathlib, signal, sys
    from stepwell import *
    from stepwell.retry_policy import retry_policy, stop_after_attempt, wait_fixed

    class Item(Event):
        number: int

    class Done(Event):
        number: int

    class Answer(HumanResponseEvent):
        number: int

    class Ask(InputRequiredEvent):
        number: int

    def note(line):
        with pathlib.Path("effects.txt").open("a") as file:
            print(line, file=file)
        return line

    class Inner(Workflow):
        @step
        async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.once("inner", note, f"inner {ev.number}")
            answer = await ctx.wait_for_event(Answer, Ask(number=ev.number), requirements={"number": ev.number})
            return StopEvent(result=answer.number * 10)

    class Outer(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> list[Item]:
            await ctx.store.set("seen", {(1, 2): b"bytes"})
            return [Item(number=number) for number in range(3)]

        @step(retry_policy=retry_policy(wait=wait_fixed(0.3), stop=stop_after_attempt(2)))
        async def work(self, ctx: Context, ev: Item) -> Done:
            await ctx.once("outer", note, f"outer {ev.number}")
            if ev.number == 0 and ctx.attempt == 1:
                raise ValueError("at first")
            if ev.number == 0:
                return Done(number=0)
            asked = ctx.run_child(Inner(), number=ev.number)
            tens, _ = await asyncio.gather(asked, ctx.sleep(0.1))
            return Done(number=tens)

        @step
        async def join(self, ctx: Context, evs: list[Done]) -> StopEvent:
            seen = await ctx.store.get("seen")
            return StopEvent(result=[sorted(ev.number for ev in evs), repr(seen)])

    async def begin():
        handler = Outer().run()
        asked = 0
        async for ev in handler.stream_events():
            asked += isinstance(ev, Ask)
            if asked == 2:
                break
        print(json.dumps(handler.ctx.to_dict()), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

    async def go_on():
        workflow = Outer()
        handler = workflow.run(ctx=Context.from_dict(workflow, json.load(sys.stdin)))
        async for ev in handler.stream_events():
            if isinstance(ev, Ask):
                handler.ctx.send_event(Answer(number=ev.number))
        print(json.dumps(await handler))

    if __name__ == "__main__":
        asyncio.run(begin() if sys.argv[1] == "begin" else go_on())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the process kills itself by a signal of POSIX")
@pytest.mark.parametrize(
    "way", [["program.py", "go_on"], ["-c", "import asyncio, program; asyncio.run(program.go_on())"]]
)
def test_a_run_goes_on_in_another_process_and_nothing_is_done_twice(tmp_path: Path, way: list[str]) -> None:
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(SOURCES)}

    first = subprocess.run(
        [sys.executable, "program.py", "begin"], cwd=tmp_path, env=environment, capture_output=True, timeout=60
    )
    second = subprocess.run(
        [sys.executable, *way], input=first.stdout, cwd=tmp_path, env=environment, capture_output=True, timeout=60
    )

    assert first.returncode == -9, first.stderr.decode()
    assert second.returncode == 0, second.stderr.decode()
    assert json.loads(second.stdout) == [[0, 10, 20], "{(1, 2): b'bytes'}"]
    effects = (tmp_path / "effects.txt").read_text(encoding="utf-8").splitlines()
    assert sorted(effects) == ["inner 1", "inner 2", "outer 0", "outer 1", "outer 2"]
