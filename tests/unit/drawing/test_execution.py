"""Drawings of runs: what is counted, what is marked, what the timeline shows."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from stepwell import Context, Event, StartEvent, StopEvent, Workflow, WorkflowHandler, step
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


class Part(Event):
    number: int


class Leaf(Workflow):
    """Fails on request; sleeps on request."""

    @step
    async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
        if ev.number == 3:
            raise LookupError("no three")
        await ctx.sleep(0.001)
        return StopEvent(ev.number)


class Branch(Workflow):
    """Runs one leaf."""

    @step
    async def hand_on(self, ctx: Context, ev: StartEvent) -> Part:
        return Part(number=await ctx.run_child(Leaf(), number=ev.number))

    @step
    async def end(self, ev: Part) -> StopEvent:
        return StopEvent(ev.number)


class Tree(Workflow):
    """Runs branches, one leaf of its own, and asks."""

    @step
    async def grow(self, ctx: Context, ev: StartEvent) -> StopEvent:
        runs = [ctx.run_child(Branch(), number=number) for number in range(ev.count)]
        done = await asyncio.gather(*runs, return_exceptions=True)
        await ctx.run_child(Leaf(), number=9)
        return StopEvent(len(done))


def below(state: dict[str, Any], *path: str) -> dict[str, dict[str, Any]]:
    """Return the states of what stands in the picture of a child, by the last words of their ids."""
    prefix = "".join(f"child:{__name__}.{name}/" for name in path)
    return {
        key.removeprefix(prefix): one
        for key, one in {**state["nodes"], **state["edges"]}.items()
        if key.startswith(prefix) and not key.removeprefix(prefix).count("/")
    }


async def test_what_child_runs_did_stands_in_their_pictures() -> None:
    handler = Tree().run(count=5)
    await handler

    state = execution_state(handler)

    assert state["nodes"][f"child:{__name__}.Branch"]["count"] == 5
    assert state["nodes"][f"child:{__name__}.Branch"]["failed"] == 1
    assert state["edges"][f"step:grow>child:{__name__}.Leaf"] == {"count": 1}
    assert state["edges"][f"step:grow>child:{__name__}.Branch"] == {"count": 5}
    branch = below(state, "Branch")
    assert (branch["step:hand_on"]["count"], branch["step:hand_on"]["failed"]) == (5, 1)
    assert branch[f"step:hand_on>child:{__name__}.Leaf"] == {"count": 5}
    assert branch["step:end"]["count"] == 4
    assert below(state, "Branch", "Leaf")["step:work"]["count"] == 5
    assert below(state, "Leaf")["step:work"]["count"] == 1
    assert "11 child runs" in state["summary"]


async def test_each_remembered_child_run_has_a_group_of_lanes() -> None:
    handler = Tree().run(count=2)
    await handler

    lanes = execution_state(handler)["timeline"]["lanes"]

    assert [lane["label"] for lane in lanes] == [
        "grow",
        "grow > Branch",
        "hand_on",
        "end",
        "grow > Branch",
        "hand_on",
        "end",
        "grow > Branch > hand_on > Leaf",
        "work",
        "grow > Branch > hand_on > Leaf",
        "work",
        "grow > Leaf",
        "work",
    ]
    assert [lane.get("heading", False) for lane in lanes[:3]] == [False, True, False]


async def test_many_child_runs_are_counted_and_the_last_remembered() -> None:
    handler = Tree().run(count=100)
    await handler

    state = execution_state(handler)

    assert "Of 201 child runs the last 16 are remembered" in state["timeline"]["note"]
    assert state["nodes"][f"child:{__name__}.Branch"]["count"] == 100
    assert below(state, "Branch", "Leaf")["step:work"]["count"] == 100


async def test_a_child_run_under_way_is_drawn_as_it_stands() -> None:
    class Above(Workflow):
        def __init__(self, child: Held) -> None:
            super().__init__()
            self.child = child

        @step
        async def hold_on(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(await ctx.run_child(self.child))

    child = Held()
    handler = Above(child).run()
    await child.entered.wait()
    state = execution_state(handler)
    child.free.set()
    await handler

    node = state["nodes"][f"child:{__name__}.Held"]
    assert (node["state"], node["running"], node["count"]) == ("running", 1, 1)
    assert below(state, "Held")["step:hold"]["state"] == "running"
    assert state["nodes"]["step:hold_on"]["state"] == "waiting"
    assert [span["look"] for span in state["timeline"]["lanes"][-1]["spans"]] == ["open"]


class Recursive(Workflow):
    @step
    async def again(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(0 if not ev.left else await ctx.run_child(Recursive(), left=ev.left - 1))


async def test_a_workflow_that_ran_itself_is_counted_at_each_depth() -> None:
    handler = Recursive().run(left=3)
    await handler

    state = execution_state(handler)

    path = ["Recursive"]
    for _ in range(3):
        assert below(state, *path)["step:again"]["count"] == 1
        path.append("Recursive")
    assert state["edges"][f"step:again>child:{__name__}.Recursive"] == {"count": 1}


async def test_waits_that_ended_are_parts_of_a_span() -> None:
    class Waits(Workflow):
        @step
        async def once(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.sleep(0.001)
            answer = await ctx.wait_for_event(Answer, waiter_event=Question(text="?"))
            await ctx.run_child(Leaf(), number=1)
            return StopEvent(answer.text)

    handler = Waits().run()
    async for event in handler.stream_events():
        if isinstance(event, Question):
            handler.ctx.send_event(Answer(text="!"))

    state = execution_state(handler)

    (span,) = state["timeline"]["lanes"][0]["spans"]
    waits = span["waits"]
    assert [wait["look"] for wait in waits] == ["sleep", "outside", "child"]
    assert [wait["text"].split(",")[0] for wait in waits] == [
        "slept 0.001 s",
        "waited for Answer",
        "ran child workflow Leaf",
    ]
    times = [time for wait in waits for time in (wait["start"], wait["end"])]
    assert [span["start"], *times, span["end"]] == sorted([span["start"], *times, span["end"]])
    assert edges_of(state)["Answer once"] == 1
    assert 0 < state["nodes"]["step:once"]["waited"] <= state["nodes"]["step:once"]["seconds"]


async def test_attempts_that_never_waited_keep_nothing_of_waits() -> None:
    handler = await answered("done")

    assert all("waits" not in span for lane in execution_state(handler)["timeline"]["lanes"] for span in lane["spans"])
    assert all(entry[-1] is None for entry in handler._run.history.ring or ())


async def test_an_attempt_remembers_its_last_sixty_four_waits() -> None:
    class Naps(Workflow):
        @step
        async def nap(self, ctx: Context, ev: StartEvent) -> StopEvent:
            for _ in range(100):
                await ctx.sleep(0)
            return StopEvent()

    handler = Naps().run()
    await handler

    assert len(handler.recent_attempts()[0].waits) == 64
