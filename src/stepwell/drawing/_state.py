"""What happened in a run, put on the nodes and edges of its graph: a state change as ``stepwell.update`` takes it.

Counts are of the whole run, and of all runs below it. Times, failures and retries come from the attempts that the run
still remembers. What happened in child runs stands on the picture of the child: ids below it begin with its own.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from stepwell.drawing._timeline import all_attempts, timeline
from stepwell.flow.graph import (
    WorkflowChildNode,
    WorkflowEventNode,
    WorkflowGraph,
    WorkflowGraphEdge,
    WorkflowStepNode,
)
from stepwell.runtime.records import AttemptRecord, ChildTotals, OpenAttempt, RunRecord

BAD = ("failed", "timed out")


@dataclass(slots=True)
class _Happened:
    """What is known of all runs that one picture of a workflow stands for."""

    graph: WorkflowGraph
    now: float
    produced: Counter[tuple[str, str]] = field(default_factory=Counter)
    consumed: Counter[tuple[str, str]] = field(default_factory=Counter)
    answered: Counter[tuple[str, str]] = field(default_factory=Counter)
    recent: dict[str, list[AttemptRecord]] = field(default_factory=lambda: defaultdict(list))
    open: dict[str, list[OpenAttempt]] = field(default_factory=lambda: defaultdict(list))
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    runs: Counter[tuple[str, str]] = field(default_factory=Counter)
    below: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add_attempts(
        self, steps: tuple[str, ...], recent: Iterable[AttemptRecord], running: Iterable[OpenAttempt]
    ) -> None:
        """Add the attempts of one run."""
        recent = tuple(recent)
        bad = {one.attempt: steps[one.step] for one in recent if one.outcome in BAD}
        for one in recent:
            self.recent[steps[one.step]].append(one)
            if one.cause in bad and one.number == 1:
                self.failures[bad[one.cause], steps[one.step]] += 1
        for attempt in running:
            self.open[steps[attempt.step]].append(attempt)


def run_state(graph: WorkflowGraph, record: RunRecord) -> dict[str, Any]:
    """Return what happened so far, by the ids of the graph; plain data, ready for JSON."""
    nodes: dict[str, dict[str, Any]] = {}
    edges: dict[str, dict[str, int]] = {}
    for prefix, happened in _pictures(graph, record).items():
        nodes.update((prefix + key, state) for key, state in _node_states(happened))
        counts = _Counts(happened)
        for edge in happened.graph.edges:
            count = counts.of_edge(edge)
            if count is not None:
                edges[prefix + edge.id] = {"count": count}
    return {"summary": summary(record), "nodes": nodes, "edges": edges, "timeline": timeline(graph, record)}


def _pictures(graph: WorkflowGraph, record: RunRecord) -> dict[str, _Happened]:
    """Return what happened on each picture of a workflow, by the prefix of its ids: the run's own has none."""
    top = _Happened(graph, record.now, Counter(record.produced), Counter(record.consumed), Counter(record.answered))
    top.add_attempts(record.steps, record.recent, record.open)
    found = {"": top}
    for totals in sorted(record.totals, key=lambda one: len(one.way)):
        prefix = _prefix_of(graph, totals.way)
        if prefix is None:
            continue
        above = found.setdefault(prefix.parent, _Happened(prefix.above, record.now))
        above.runs[totals.way[-1][0], prefix.node] += totals.runs
        _sum_up(above.below.setdefault(prefix.node, _NO_RUNS.copy()), totals)
        here = found.setdefault(prefix.whole, _Happened(prefix.graph, record.now))
        here.produced.update(totals.produced)
        here.consumed.update(totals.consumed)
        here.answered.update(totals.answered)
    for child in record.children:
        prefix = _prefix_of(graph, child.way)
        if prefix is not None and prefix.whole in found:
            found[prefix.whole].add_attempts(child.steps, child.recent, child.open)
    return found


@dataclass(slots=True)
class _Prefix:
    """The place of a child's picture: the ids in it begin with ``whole``, those around it with ``parent``."""

    parent: str
    node: str
    above: WorkflowGraph
    graph: WorkflowGraph

    @property
    def whole(self) -> str:
        return f"{self.parent}{self.node}/"


def _prefix_of(graph: WorkflowGraph, way: tuple[tuple[str, type], ...]) -> _Prefix | None:
    """Return where the picture of a child is, or ``None`` when the graph does not know it."""
    prefix, current, place = "", graph, None
    for _, cls in way:
        node = _child_node(current, graph, cls)
        if node is None:
            return None
        place = _Prefix(prefix, node.id, current, graph.children[node.workflow])
        prefix, current = place.whole, place.graph
    return place


def _child_node(above: WorkflowGraph, whole: WorkflowGraph, cls: type) -> WorkflowChildNode | None:
    key = f"{cls.__module__}.{cls.__qualname__}"
    found = [
        node
        for node in above.nodes
        if isinstance(node, WorkflowChildNode) and (node.workflow == key or node.workflow.startswith(f"{key}#"))
    ]
    line = getattr(cls, "__firstlineno__", None)
    exact = [node for node in found if node.source is not None and node.source.line == line]
    return next(iter(exact or found), None)


_NO_RUNS: dict[str, Any] = {"state": "idle", "count": 0, "failed": 0, "running": 0, "seconds": 0.0}


def _sum_up(state: dict[str, Any], totals: ChildTotals) -> None:
    state["count"] += totals.runs
    state["failed"] += totals.failed
    state["running"] += totals.open
    state["seconds"] += totals.seconds
    state["state"] = "running" if state["running"] else "failed" if state["failed"] == state["count"] else "done"


def _node_states(happened: _Happened) -> Iterator[tuple[str, dict[str, Any]]]:
    counts = _Counts(happened)
    for node in happened.graph.nodes:
        if isinstance(node, WorkflowStepNode):
            label = node.label
            recent, running = happened.recent.get(label, []), happened.open.get(label, [])
            yield node.id, _step_state(counts.consumed_by(label), recent, running, happened.now)
        elif isinstance(node, WorkflowEventNode):
            times = counts.of_event(node)
            yield node.id, {"state": "done" if times else "idle", "count": times}
        elif isinstance(node, WorkflowChildNode):
            yield node.id, happened.below.get(node.id, _NO_RUNS)


def summary(record: RunRecord) -> str:
    """Return the run in one line."""
    failure = f": {type(record.exception).__name__}: {record.exception}" if record.exception is not None else ""
    first = min((one.queued_at for one in all_attempts(record)), default=record.now)
    last = max((one.ended_at for one in record.recent), default=record.now) if not record.open else record.now
    took = "" if record.ended > len(record.recent) else f" in {last - first:.3g} s"
    runs = sum(one.runs for one in record.totals)
    below = f", {runs} child run{'' if runs == 1 else 's'}" if runs else ""
    return f"run {record.run_id} {record.status.replace('_', ' ')}{took}{below}{failure}"


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
        "waited": sum(_waited(one, now) for one in attempts),
    }


def _waited(attempt: AttemptRecord | OpenAttempt, now: float) -> float:
    """Return for how long an attempt was suspended; waits at once count once."""
    total, until = 0.0, 0.0
    for wait in sorted(attempt.waits, key=lambda one: one.started_at):
        end = now if wait.ended_at is None else wait.ended_at
        total += max(0.0, end - max(wait.started_at, until))
        until = max(until, end)
    return total


def _word(taken: int, recent: list[AttemptRecord], running: list[OpenAttempt]) -> str:
    if running:
        return "waiting" if all(one.waiting for one in running) else "running"
    if recent and recent[-1].outcome in BAD:
        return "failed"
    return "done" if taken else "idle"


class _Counts:
    """How often what was taken."""

    def __init__(self, happened: _Happened) -> None:
        self.happened = happened
        nodes = happened.graph.nodes
        self.keys = {node.id: node.event_type for node in nodes if isinstance(node, WorkflowEventNode)}
        self.steps = {node.id: node.label for node in nodes if isinstance(node, WorkflowStepNode)}

    def consumed_by(self, step: str) -> int:
        return sum(count for (name, _), count in self.happened.consumed.items() if name == step)

    def of_event(self, node: WorkflowEventNode) -> int:
        made = _total(self.happened.produced, node.event_type)
        if node.role not in ("start", "answer"):
            return made
        return made or _total(self.happened.consumed + self.happened.answered, node.event_type)

    def of_edge(self, edge: WorkflowGraphEdge) -> int | None:
        """Return how often an edge was taken, or ``None`` where that is not known."""
        happened = self.happened
        source, target = self.steps.get(edge.source, ""), self.steps.get(edge.target, "")
        match edge.kind:
            case "join":
                count = self.consumed_by(target)
            case "error":
                count = happened.failures[source, target]
            case "child":
                count = happened.runs[source, edge.target]
            case "wait":
                count = happened.answered[target, self.keys[edge.source]]
            case "human":
                key = self.keys[edge.source if edge.source in self.keys else edge.target]
                count = _total(happened.produced, key) or _total(happened.consumed + happened.answered, key)
            case "event" | "fan_out" | "send":
                count = self._of_event_edge(edge, source, target)
            case _:
                return None
        return count

    def _of_event_edge(self, edge: WorkflowGraphEdge, source: str, target: str) -> int:
        if source:
            return self.happened.produced[source, self.keys[edge.target]]
        return self.happened.consumed[target, self.keys[edge.source]]


def _total(counts: Counter[tuple[str, str]], key: str) -> int:
    return sum(count for (_, one), count in counts.items() if one == key)
