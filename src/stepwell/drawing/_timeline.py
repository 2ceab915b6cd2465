"""The attempts of a run over time: a lane for each worker of a step, and one for waiting for somebody outside."""

from collections.abc import Iterator
from typing import Any

from stepwell.flow.graph import WorkflowEventNode, WorkflowGraph
from stepwell.runtime import AttemptRecord, OpenAttempt, RunRecord

LOOKS = {"ok": "", "failed": "bad", "timed out": "bad", "cancelled": "cancelled"}


def all_attempts(record: RunRecord) -> list[AttemptRecord | OpenAttempt]:
    """Return the attempts that ended and are remembered, then those under way."""
    return [*record.recent, *record.open]


def timeline(graph: WorkflowGraph, record: RunRecord) -> dict[str, Any] | None:
    """Return lanes of spans in seconds from the first queued attempt, or ``None`` when there was none."""
    attempts = all_attempts(record)
    if not attempts:
        return None
    begin = min(one.queued_at for one in attempts)
    end = max(one.ended_at if isinstance(one, AttemptRecord) else record.now for one in attempts)
    lanes: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for one in sorted(attempts, key=lambda one: (one.started_at, one.attempt)):
        lanes.setdefault((one.step, max(one.worker, 0)), []).append(_span(one, record, begin))
    several = {step for step, worker in lanes if worker > 0}
    shown = [
        {
            "label": record.steps[step] + (f" · {worker + 1}" if step in several else ""),
            "spans": spans,
        }
        for (step, worker), spans in sorted(lanes.items())
    ]
    outside = list(_outside(graph, record, begin))
    if outside:
        shown.append({"label": "outside", "spans": outside})
    return {"length": end - begin, "lanes": shown, "note": _note(record)}


def _note(record: RunRecord) -> str:
    lost = record.ended - len(record.recent)
    if not lost:
        return ""
    return (
        f"The first {lost} of {record.ended} attempts are no longer remembered: they are missing here and in times, "
        f"failures and retries; counts on lines are of the whole run."
    )


def _span(one: AttemptRecord | OpenAttempt, record: RunRecord, begin: float) -> dict[str, Any]:
    ended = isinstance(one, AttemptRecord)
    end = one.ended_at if isinstance(one, AttemptRecord) else record.now
    outcome = one.outcome if isinstance(one, AttemptRecord) else ("waiting" if one.waiting else "running")
    attempt = f", attempt {one.number}" if one.number > 1 else ""
    queued = one.started_at - one.queued_at
    return {
        "queued": one.queued_at - begin,
        "start": one.started_at - begin,
        "end": end - begin,
        "number": one.number,
        "look": LOOKS.get(outcome, "bad") if ended else "open",
        "text": f"{record.steps[one.step]}{attempt}: {outcome}, {end - one.started_at:.3g} s, {queued:.3g} s queued",
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
