"""What a run can tell of itself at one moment, for drawings and pages: plain data, copied out of the run."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from stepwell.flow import Event, HumanResponseEvent, accepted_by
from stepwell.runtime._afar import seen_in_loop_of
from stepwell.runtime._children import way_to
from stepwell.runtime._handler import WorkflowHandler
from stepwell.runtime._history import AttemptRecord, WaitRecord, waits_of
from stepwell.runtime._origins import Origin
from stepwell.runtime._past import Totals, Way
from stepwell.runtime._ports import ChildPort, ChildrenPort, RunPort


class OpenAttempt(NamedTuple):
    """An attempt that is under way. Times are in seconds of the run's clock; ``waiting`` says it is suspended."""

    attempt: int
    step: int
    worker: int
    number: int
    queued_at: float
    started_at: float
    waiting: bool
    waits: tuple[WaitRecord, ...] = ()


class ChildRecord(NamedTuple):
    """A run below another. ``path`` and ``way`` lead to it; ``closed_at`` is ``None`` while it is under way."""

    path: tuple[Origin, ...]
    way: Way
    steps: tuple[str, ...]
    status: str
    error: str
    opened_at: float
    closed_at: float | None
    ended: int
    recent: tuple[AttemptRecord, ...]
    open: tuple[OpenAttempt, ...]


class ChildTotals(NamedTuple):
    """Sums over all runs of a workflow to which one ``way`` leads. ``open`` are under way."""

    way: Way
    runs: int
    open: int
    failed: int
    seconds: float
    produced: dict[tuple[str, str], int]
    consumed: dict[tuple[str, str], int]
    answered: dict[tuple[str, str], int]


class RunRecord(NamedTuple):
    """A run at the moment ``now``. ``steps`` are the names behind the step numbers of attempts.

    ``produced``, ``consumed`` and (by waits) ``answered`` count events for each step and event type, over the whole
    run; ``recent`` has the last attempts that ended, out of ``ended``. ``children`` are the last 16 runs below it that
    ended, at whatever depth, and those under way; ``totals`` counts what all of them did.
    """

    workflow: object
    run_id: str
    status: str
    now: float
    steps: tuple[str, ...]
    produced: dict[tuple[str, str], int]
    consumed: dict[tuple[str, str], int]
    answered: dict[tuple[str, str], int]
    ended: int
    recent: tuple[AttemptRecord, ...]
    open: tuple[OpenAttempt, ...]
    exception: BaseException | None
    children: tuple[ChildRecord, ...] = ()
    totals: tuple[ChildTotals, ...] = ()


def answer_types(handler: WorkflowHandler[Any]) -> tuple[type[Event], ...]:
    """Return what an answer to a run can be: what waits ask for, then what steps accept; those of child runs too."""
    runs: list[RunPort] = [handler._run]  # noqa: SLF001  # as in record_of
    for one in runs:
        if one.children is not None:
            runs.extend(one.children.open.values())
    accepted = [
        kind
        for one in runs
        for step in one.wiring.steps
        for kind in accepted_by(step)
        if issubclass(kind, HumanResponseEvent)
    ]
    return tuple(dict.fromkeys([*handler.ctx.awaited_events, *accepted]))


def record_of(handler: WorkflowHandler[Any]) -> RunRecord:
    """Return what the run behind ``handler`` can tell now; from whatever thread."""
    run = handler._run  # noqa: SLF001  # the handler is the way in for outsiders, and has no room for more methods
    return seen_in_loop_of(run, "a record of the run", lambda: _record(run))


def _record(run: RunPort) -> RunRecord:
    names = tuple(step.name for step in run.wiring.steps)
    history = run.history
    return RunRecord(
        workflow=run.workflow,
        run_id=run.run_id,
        status=run.outcome.status.value,
        now=run.now(),
        steps=names,
        produced={(names[step], key): count for (step, key), count in history.produced.items()},
        consumed={(names[step], key): count for (step, key), count in history.consumed.items()},
        ended=history.ended,
        recent=history.recent(),
        open=_open_attempts(run),
        exception=run.outcome.failure(),
        children=tuple(sorted(_children(run), key=lambda one: one.opened_at)),
        totals=tuple(_totals(run)),
        answered={(names[step], key): count for (step, key), count in history.answered.items()},
    )


def _open_attempts(run: RunPort) -> tuple[OpenAttempt, ...]:
    return tuple(
        OpenAttempt(
            number,
            attempt.start.step,
            attempt.worker,
            attempt.start.number,
            attempt.start.queued_at,
            attempt.started,
            attempt.open_waits > 0,
            waits_of(attempt.waited),
        )
        for number, attempt in run.crew.attempts.items()
    )


def _below(run: RunPort) -> Iterator[tuple[tuple[ChildPort, ...], ChildrenPort]]:
    """Yield the run's children and those of each run that is open below it, with the way there."""
    work: list[tuple[tuple[ChildPort, ...], RunPort]] = [((), run)]
    for way, one in work:
        if one.children is not None:
            yield way, one.children
            work.extend(((*way, child), child) for child in one.children.open.values())


def _children(run: RunPort) -> Iterator[ChildRecord]:
    for above, children in _below(run):
        path = tuple(child.path[-1] for child in above)
        way = _way(above)
        for past in children.past.runs:
            yield ChildRecord(
                path=path + past.path,
                way=way + past.way,
                steps=past.steps,
                status=past.status.value,
                error=past.error,
                opened_at=past.opened_at,
                closed_at=past.closed_at,
                ended=past.history.ended,
                recent=past.history.recent(),
                open=(),
            )
        for child in children.open.values():
            yield ChildRecord(
                path=(*path, child.path[-1]),
                way=way + way_to(child),
                steps=tuple(step.name for step in child.wiring.steps),
                status=child.outcome.status.value,
                error="",
                opened_at=child.opened_at,
                closed_at=None,
                ended=child.history.ended,
                recent=child.history.recent(),
                open=_open_attempts(child),
            )


def _way(above: tuple[ChildPort, ...]) -> Way:
    return tuple(part for child in above for part in way_to(child))


def _totals(run: RunPort) -> Iterator[ChildTotals]:
    sums: dict[Way, Totals] = {}
    under_way: Counter[Way] = Counter()
    for above, children in _below(run):
        way = _way(above)
        for below, totals in children.past.totals.items():
            sums.setdefault(way + below, Totals()).add(totals)
        for child in children.open.values():
            there = way + way_to(child)
            steps = tuple(step.name for step in child.wiring.steps)
            seconds = run.now() - child.opened_at
            sums.setdefault(there, Totals()).add_run(child.history, steps, seconds, failed=False)
            under_way[there] += 1
    for there, one in sums.items():
        yield ChildTotals(
            way=there,
            runs=one.runs,
            open=under_way[there],
            failed=one.failed,
            seconds=one.seconds,
            produced=one.produced,
            consumed=one.consumed,
            answered=one.answered,
        )
