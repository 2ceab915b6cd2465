"""What a run can tell of itself at one moment, for drawings and pages: plain data, copied out of the run."""

from typing import Any, NamedTuple

from stepwell.flow import Event, HumanResponseEvent, accepted_by
from stepwell.runtime._handler import WorkflowHandler
from stepwell.runtime._history import AttemptRecord
from stepwell.runtime._ports import RunPort


class OpenAttempt(NamedTuple):
    """An attempt that is under way. Times are in seconds of the run's clock; ``waiting`` says it is suspended."""

    attempt: int
    step: int
    worker: int
    number: int
    queued_at: float
    started_at: float
    waiting: bool


class RunRecord(NamedTuple):
    """A run at the moment ``now``. ``steps`` are the names behind the step numbers of attempts.

    ``produced`` and ``consumed`` count events for each step and event type, over the whole run; ``recent`` has
    the last attempts that ended, out of ``ended``.
    """

    workflow: object
    run_id: str
    status: str
    now: float
    steps: tuple[str, ...]
    produced: dict[tuple[str, str], int]
    consumed: dict[tuple[str, str], int]
    ended: int
    recent: tuple[AttemptRecord, ...]
    open: tuple[OpenAttempt, ...]
    exception: BaseException | None


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
    """Return what the run behind ``handler`` can tell now."""
    run = handler._run  # noqa: SLF001  # the handler is the way in for outsiders, and has no room for more methods
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
        open=tuple(
            OpenAttempt(
                number,
                attempt.start.step,
                attempt.worker,
                attempt.start.number,
                attempt.start.queued_at,
                attempt.started,
                attempt.open_waits > 0,
            )
            for number, attempt in run.crew.attempts.items()
        ),
        exception=run.outcome.failure(),
    )
