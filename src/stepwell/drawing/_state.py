"""What happened in a run, put on the nodes and edges of its graph: a state change as ``stepwell.update`` takes it.

Counts are of the whole run. Times, failures and retries come from the attempts that the run still remembers.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from stepwell.drawing._timeline import all_attempts, timeline
from stepwell.flow.graph import WorkflowEventNode, WorkflowGraph, WorkflowGraphEdge, WorkflowStepNode
from stepwell.runtime import AttemptRecord, OpenAttempt, RunRecord

BAD = ("failed", "timed out")


def run_state(graph: WorkflowGraph, record: RunRecord) -> dict[str, Any]:
    """Return what happened so far, by the ids of the graph; plain data, ready for JSON."""
    counts = _Counts(graph, record)
    recent: dict[str, list[AttemptRecord]] = defaultdict(list)
    for attempt in record.recent:
        recent[record.steps[attempt.step]].append(attempt)
    open_attempts: dict[str, list[OpenAttempt]] = defaultdict(list)
    for running in record.open:
        open_attempts[record.steps[running.step]].append(running)
    nodes: dict[str, dict[str, Any]] = {}
    for node in graph.nodes:
        if isinstance(node, WorkflowStepNode):
            nodes[node.id] = _step_state(
                counts.consumed_by(node.label), recent[node.label], open_attempts[node.label], record.now
            )
        elif isinstance(node, WorkflowEventNode):
            times = counts.of_event(node)
            nodes[node.id] = {"state": "done" if times else "idle", "count": times}
    return {
        "summary": summary(record),
        "nodes": nodes,
        "edges": {edge.id: {"count": count} for edge in graph.edges if (count := counts.of_edge(edge)) is not None},
        "timeline": timeline(graph, record),
    }


def summary(record: RunRecord) -> str:
    """Return the run in one line."""
    failure = f": {type(record.exception).__name__}: {record.exception}" if record.exception is not None else ""
    first = min((one.queued_at for one in all_attempts(record)), default=record.now)
    last = max((one.ended_at for one in record.recent), default=record.now) if not record.open else record.now
    took = "" if record.ended > len(record.recent) else f" in {last - first:.3g} s"
    return f"run {record.run_id} {record.status.replace('_', ' ')}{took}{failure}"


def _step_state(taken: int, recent: list[AttemptRecord], running: list[OpenAttempt], now: float) -> dict[str, Any]:
    times = [one.ended_at - one.started_at for one in recent] + [now - one.started_at for one in running]
    attempts: list[AttemptRecord | OpenAttempt] = [*recent, *running]
    return {
        "state": _word(taken, recent, running),
        "count": taken,
        "failed": sum(one.outcome in BAD for one in recent),
        "retries": sum(one.number > 1 for one in attempts),
        "running": len(running),
        "seconds": sum(times),
        "longest": max(times, default=0.0),
        "queued": sum(one.started_at - one.queued_at for one in attempts),
    }


def _word(taken: int, recent: list[AttemptRecord], running: list[OpenAttempt]) -> str:
    if running:
        return "waiting" if all(one.waiting for one in running) else "running"
    if recent and recent[-1].outcome in BAD:
        return "failed"
    return "done" if taken else "idle"


class _Counts:
    """How often what was taken."""

    def __init__(self, graph: WorkflowGraph, record: RunRecord) -> None:
        self.record = record
        self.keys = {node.id: node.event_type for node in graph.nodes if isinstance(node, WorkflowEventNode)}
        self.roles = {node.id: node.role for node in graph.nodes if isinstance(node, WorkflowEventNode)}
        self.steps = {node.id: node.label for node in graph.nodes if isinstance(node, WorkflowStepNode)}
        self.failures = self._failures()

    def _failures(self) -> Counter[tuple[str, str]]:
        """Count how often a step's failure started another step, as far as attempts are remembered."""
        names = {one.attempt: self.record.steps[one.step] for one in self.record.recent if one.outcome in BAD}
        return Counter(
            (names[one.cause], self.record.steps[one.step])
            for one in self.record.recent
            if one.cause in names and one.number == 1
        )

    def consumed_by(self, step: str) -> int:
        return sum(count for (name, _), count in self.record.consumed.items() if name == step)

    def of_event(self, node: WorkflowEventNode) -> int:
        made = _total(self.record.produced, node.event_type)
        return made if node.role not in ("start", "answer") else made or _total(self.record.consumed, node.event_type)

    def of_edge(self, edge: WorkflowGraphEdge) -> int | None:
        """Return how often an edge was taken, or ``None`` where that is not known."""
        source, target = self.steps.get(edge.source), self.steps.get(edge.target)
        if edge.kind == "join" and target is not None:
            return self.consumed_by(target)
        if edge.kind == "error" and source is not None and target is not None:
            return self.failures[source, target]
        if edge.kind == "human":
            key = self.keys[edge.source if edge.source in self.keys else edge.target]
            return _total(self.record.produced, key) or _total(self.record.consumed, key)
        if edge.kind in ("event", "fan_out", "send"):
            if source is not None:
                return self.record.produced.get((source, self.keys[edge.target]), 0)
            if target is not None:
                return self.record.consumed.get((target, self.keys[edge.source]), 0)
        return None


def _total(counts: dict[tuple[str, str], int], key: str) -> int:
    return sum(_of_key(counts, key))


def _of_key(counts: dict[tuple[str, str], int], key: str) -> Iterable[int]:
    return (count for (_, one), count in counts.items() if one == key)
