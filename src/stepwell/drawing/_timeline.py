"""The attempts of a run over time: a lane for each worker of a step, and one for waiting for somebody outside.

Each child run that is remembered has a group of lanes of its own below.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from stepwell.flow.graph import WorkflowEventNode, WorkflowGraph
from stepwell.runtime.records import AttemptRecord, OpenAttempt, RunRecord, WaitRecord

LOOKS = {"ok": "", "failed": "bad", "timed out": "bad", "cancelled": "cancelled"}
WAITS = {"event": "outside", "sleep": "sleep", "child": "child"}
WORDS = {"event": "waited for", "sleep": "slept", "child": "ran child workflow"}


@dataclass(frozen=True, slots=True)
class _Group:
    """The attempts of one run, with what its lanes are to be called."""

    title: str
    steps: tuple[str, ...]
    attempts: tuple[AttemptRecord | OpenAttempt, ...]


def all_attempts(record: RunRecord) -> list[AttemptRecord | OpenAttempt]:
    """Return the attempts that ended and are remembered, then those under way."""
    return [*record.recent, *record.open]


def timeline(graph: WorkflowGraph, record: RunRecord) -> dict[str, Any] | None:
    """Return lanes of spans in seconds from the first queued attempt, or ``None`` when there was none."""
    own = _Group("", record.steps, tuple(all_attempts(record)))
    groups = [own, *_children(record)]
    attempts = [one for group in groups for one in group.attempts]
    if not own.attempts:
        return None
    begin = min(one.queued_at for one in attempts)
    end = max(one.ended_at if isinstance(one, AttemptRecord) else record.now for one in attempts)
    lanes = [lane for group in groups[:1] for lane in _lanes(group, record.now, begin)]
    outside = list(_outside(graph, record, begin))
    if outside:
        lanes.append({"label": "outside", "spans": outside})
    for group in groups[1:]:
        lanes.append({"label": group.title, "spans": [], "heading": True})
        lanes += ({**lane, "inner": True} for lane in _lanes(group, record.now, begin))
    return {"length": end - begin, "lanes": lanes, "note": _note(record)}


def _children(record: RunRecord) -> Iterator[_Group]:
    for child in record.children:
        title = " > ".join(f"{one.step} > {one.workflow}" for one in child.path)
        status = "" if child.status == "completed" else f" ({child.status.replace('_', ' ')})"
        attempts: tuple[AttemptRecord | OpenAttempt, ...] = (*child.recent, *child.open)
        if attempts:
            yield _Group(title + status, child.steps, attempts)


def _lanes(group: _Group, now: float, begin: float) -> Iterator[dict[str, Any]]:
    lanes: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for one in sorted(group.attempts, key=lambda one: (one.started_at, one.attempt)):
        lanes.setdefault((one.step, max(one.worker, 0)), []).append(_span(one, group.steps, now, begin))
    several = {step for step, worker in lanes if worker > 0}
    for (step, worker), spans in sorted(lanes.items()):
        label = group.steps[step] + (f" · {worker + 1}" if step in several else "")
        yield {"label": label, "spans": spans}


def _note(record: RunRecord) -> str:
    notes: list[str] = []
    lost = record.ended - len(record.recent)
    if lost:
        notes.append(
            f"The first {lost} of {record.ended} attempts are no longer remembered: they are missing here and in "
            f"times, failures and retries; counts on lines are of the whole run."
        )
    runs = sum(one.runs for one in record.totals)
    forgotten = runs - len(record.children)
    if forgotten:
        notes.append(
            f"Of {runs} child runs the last {len(record.children)} are remembered: the others are missing here and in "
            f"times; counts on lines are of all."
        )
    return " ".join(notes)


def _span(one: AttemptRecord | OpenAttempt, steps: Sequence[str], now: float, begin: float) -> dict[str, Any]:
    ended = isinstance(one, AttemptRecord)
    end = one.ended_at if isinstance(one, AttemptRecord) else now
    outcome = one.outcome if isinstance(one, AttemptRecord) else ("waiting" if one.waiting else "running")
    attempt = f", attempt {one.number}" if one.number > 1 else ""
    queued = one.started_at - one.queued_at
    span = {
        "queued": one.queued_at - begin,
        "start": one.started_at - begin,
        "end": end - begin,
        "number": one.number,
        "look": LOOKS.get(outcome, "bad") if ended else "open",
        "text": f"{steps[one.step]}{attempt}: {outcome}, {end - one.started_at:.3g} s, {queued:.3g} s queued",
    }
    if one.waits:
        span["waits"] = [_wait(wait, end, begin) for wait in one.waits]
    return span


def _wait(wait: WaitRecord, end: float, begin: float) -> dict[str, Any]:
    until = end if wait.ended_at is None else wait.ended_at
    return {
        "start": wait.started_at - begin,
        "end": until - begin,
        "look": WAITS[wait.kind],
        "text": f"{WORDS[wait.kind]} {wait.what}, {until - wait.started_at:.3g} s"
        + (", still" if wait.ended_at is None else ""),
    }


def _outside(graph: WorkflowGraph, record: RunRecord, begin: float) -> Iterator[dict[str, Any]]:
    """Yield the times between a question and the step that its answer started."""
    roles = {node.id: node.role for node in graph.nodes if isinstance(node, WorkflowEventNode)}
    asking = {edge.source for edge in graph.edges if roles.get(edge.target) == "ask"}
    answered = {edge.target for edge in graph.edges if roles.get(edge.source) == "answer"}
    asked = sorted(
        one.ended_at for one in record.recent if f"step:{record.steps[one.step]}" in asking and one.outcome == "ok"
    )
    for one in all_attempts(record):
        before = [time for time in asked if time <= one.queued_at]
        if before and one.number == 1 and f"step:{record.steps[one.step]}" in answered:
            start, end = before[-1] - begin, one.queued_at - begin
            text = f"waited {end - start:.3g} s for an answer"
            yield {"queued": start, "start": start, "end": end, "number": 1, "look": "outside", "text": text}
