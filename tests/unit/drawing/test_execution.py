"""Drawings of runs: what is counted, what is marked, what the timeline shows."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from stepwell import Event, StartEvent, StopEvent, Workflow, WorkflowHandler, step
from stepwell.drawing import draw_most_recent_execution, draw_most_recent_execution_mermaid, execution_state
from stepwell.errors import NotAHandlerOfRunError

from .workflows import Answer, Question, Review


async def answered(*answers: str) -> WorkflowHandler[Any]:
    """Return the handler of a run that was given these answers, one for each question."""
    handler = Review().run()
    waiting = list(answers)
    async for event in handler.stream_events():
        if isinstance(event, Question):
            await handler.send_event(Answer(text=waiting.pop(0)))
    return handler


def edges_of(state: dict[str, Any]) -> dict[str, int]:
    """Return the counts of edges by the last words of their ends."""
    ends = {key: [end.split(":")[1].split(".")[-1] for end in key.split(">")] for key in state["edges"]}
    return {" ".join(ends[key]): edge["count"] for key, edge in state["edges"].items()}


async def test_edges_count_how_often_they_were_taken() -> None:
    state = execution_state(await answered("again", "again", "done"))

    assert edges_of(state) == {
        "StartEvent split": 1,
        "split Doc": 3,
        "Doc rate": 3,
        "rate Score": 3,
        "Score ask": 1,
        "ask Question": 1,
        "Answer decide": 3,
        "decide Question": 2,
        "decide StopEvent": 1,
        "Question person": 3,
        "person Answer": 3,
    }


async def test_a_retried_step_tells_its_failures_and_retries() -> None:
    state = execution_state(await answered("done"))

    rate = state["nodes"]["step:rate"]
    assert (rate["count"], rate["failed"], rate["retries"], rate["state"]) == (3, 1, 1, "done")


async def test_a_failed_run_marks_the_step_and_says_why() -> None:
    state = execution_state(await answered("fail"))

    assert state["nodes"]["step:decide"]["state"] == "failed"
    assert state["nodes"]["event:stepwell.flow._events.StopEvent"]["state"] == "idle"
    assert "failed" in state["summary"]
    assert "RuntimeError: </script> & such" in state["summary"]


async def test_the_timeline_has_a_lane_for_each_worker_and_one_for_waiting_outside() -> None:
    state = execution_state(await answered("again", "done"))

    lanes = {lane["label"]: lane["spans"] for lane in state["timeline"]["lanes"]}
    assert list(lanes) == ["split", "rate · 1", "rate · 2", "ask", "decide", "outside"]
    assert len(lanes["rate · 1"]) + len(lanes["rate · 2"]) == 4
    assert len(lanes["outside"]) == 2
    for span in (span for spans in lanes.values() for span in spans):
        assert 0 <= span["queued"] <= span["start"] <= span["end"] <= state["timeline"]["length"]


class Held(Workflow):
    """Stays in its step until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = asyncio.Event()
        self.free = asyncio.Event()

    @step
    async def hold(self, ev: StartEvent) -> StopEvent:
        self.entered.set()
        await self.free.wait()
        return StopEvent()


@asynccontextmanager
async def held() -> AsyncIterator[WorkflowHandler[Any]]:
    workflow = Held()
    handler = workflow.run()
    await workflow.entered.wait()
    yield handler
    workflow.free.set()
    await handler


async def test_a_run_that_goes_on_is_drawn_as_it_stands(tmp_path: Path) -> None:
    async with held() as handler:
        state = execution_state(handler)
        draw_most_recent_execution(handler, filename=tmp_path / "run.html")

    hold = state["nodes"]["step:hold"]
    assert (hold["state"], hold["running"]) == ("running", 1)
    assert [span["look"] for span in state["timeline"]["lanes"][0]["spans"]] == ["open"]
    assert '"state":"running"' in (tmp_path / "run.html").read_text(encoding="utf-8")


async def test_what_fell_off_is_said() -> None:
    class Tick(Event):
        left: int

    class Many(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Tick:
            return Tick(left=600)

        @step
        async def tick(self, ev: Tick) -> Tick | StopEvent:
            return Tick(left=ev.left - 1) if ev.left else StopEvent()

    handler = Many().run()
    await handler

    state = execution_state(handler)

    assert "90 of 602 attempts are no longer remembered" in state["timeline"]["note"]
    assert state["nodes"]["step:tick"]["count"] == 601


async def test_the_mermaid_twin_tells_counts_and_failures() -> None:
    text = draw_most_recent_execution_mermaid(await answered("fail"), filename="")

    assert '-->|"3 times"|' in text
    assert "class step_decide failedRun" in text


async def test_the_state_is_plain_json() -> None:
    state = execution_state(await answered("done"))

    assert json.loads(json.dumps(state)) == state


def test_only_handlers_are_drawn(tmp_path: Path) -> None:
    with pytest.raises(NotAHandlerOfRunError, match=r"workflow\.run"):
        draw_most_recent_execution(Review(), filename=tmp_path / "x.html")  # type: ignore[arg-type]
