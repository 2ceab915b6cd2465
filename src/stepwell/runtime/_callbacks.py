"""Tells a callback manager about a run: the run is a trace, each attempt an AGENT_STEP under what caused it.

Rule 1. An attempt hangs under the attempt whose event started it; a join links all that it gathered.
Rule 2. A wait for a person or for time is an event of its own under its attempt, so that nobody blames the step.
Rule 3. A handler that vetoes the start of an attempt fails that attempt; any other failure of a handler is its own.
"""

from collections.abc import Sequence
from contextvars import Context as Variables
from typing import Any

from stepwell.callbacks import (
    CallbackManager,
    CBEventType,
    Scope,
    Span,
    Status,
    current_manager,
    current_trace,
    defaults,
)
from stepwell.core import Status as RunStatus
from stepwell.flow import Event
from stepwell.runtime._attempts import Attempt

_REMEMBERED = 65_536
"""How many attempts' events a run remembers as possible parents; the oldest are forgotten first."""

_RUN_STATUS: dict[RunStatus, Status] = {
    RunStatus.COMPLETED: "ok",
    RunStatus.CANCELLED: "cancelled",
    RunStatus.TIMED_OUT: "timeout",
}

_STATUS: dict[str, Status] = {"ok": "ok", "timed out": "timeout", "cancelled": "cancelled"}


def manager_for(given: CallbackManager | None) -> CallbackManager | None:
    """Return the manager that a run tells: its workflow's, that of the trace around ``run()``, or the global one.

    ``None`` when nobody listens; then nothing is built.
    """
    if given is None:
        if current_trace() is None and defaults.read() == (None, None):
            return None
        given = current_manager()
    return given if given.has_handlers else None


class CallbackTeller:
    """An observer that tells a callback manager."""

    def __init__(self, manager: CallbackManager, *, workflow: str, run_id: str, variables: Variables) -> None:
        self._manager = manager
        self._variables = variables
        self._spans: dict[int, str] = {}
        self._open: dict[int, tuple[Span, Variables]] = {}
        self._waits: dict[tuple[int, int], Span] = {}
        self._trace: Scope = manager.open_trace(workflow, context=variables, attributes={"run_id": run_id})

    def attempt_started(self, attempt: Attempt, variables: Variables) -> None:
        start = attempt.start
        causes = [self._spans[cause] for cause in start.causes if cause in self._spans]
        parent = self._spans.get(start.parent) if start.parent is not None else None
        span = self._manager.start_span(
            CBEventType.AGENT_STEP,
            {
                "step": attempt.step.name,
                "attempt": start.number,
                "worker": attempt.worker,
                "input_event": start.event,
                "queue_seconds": attempt.started - start.queued_at,
            },
            parent_id=parent or (causes[0] if causes else None),
            links=_others(causes, parent),
            context=variables,
        )
        self._spans[start.attempt] = span.id
        if len(self._spans) > _REMEMBERED:
            del self._spans[next(iter(self._spans))]
        self._open[start.attempt] = (span, variables)

    def attempt_ended(self, attempt: Attempt, outcome: str, result: object, now: float) -> None:
        number = attempt.start.attempt
        opened = self._open.pop(number, None)
        if opened is None:
            return
        span, variables = opened
        error = result if isinstance(result, BaseException) else None
        status: Status = "retried" if attempt.retry_delay is not None else _STATUS.get(outcome, "error")
        payload: dict[str, Any] = {"step": attempt.step.name, "elapsed_seconds": now - attempt.started}
        if attempt.retry_delay is not None:
            payload["retry_delay_seconds"] = attempt.retry_delay
        if error is None:
            payload["output_event"] = result
        self._manager.end_span(span, payload, status=status, error=error, context=variables)

    def wait_started(self, attempt: Attempt, ordinal: int, what: str, ask: Event | None) -> None:
        opened = self._open.get(attempt.start.attempt)
        if opened is None:
            return
        self._waits[attempt.start.attempt, ordinal] = self._manager.start_span(
            CBEventType.AGENT_STEP,
            {"kind": "wait", "step": attempt.step.name, "waits_for": what, "ask": ask},
            parent_id=opened[0].id,
        )

    def wait_ended(self, attempt: Attempt, ordinal: int, outcome: str) -> None:
        span = self._waits.pop((attempt.start.attempt, ordinal), None)
        if span is not None:
            status: Status = _STATUS.get(outcome, "ok")
            self._manager.end_span(span, {"kind": "wait", "step": attempt.step.name}, status=status)

    def event_held(self, event: Event) -> None:
        """Nothing to tell: a trace shows what ran."""

    def became_idle(self) -> None:
        """Nothing to tell: a trace shows what ran."""

    def run_ended(self, status: RunStatus, outcome: object) -> None:
        error = outcome if isinstance(outcome, BaseException) else None
        self._manager.close_trace(
            self._trace, status=_RUN_STATUS.get(status, "error"), error=error, context=self._variables
        )


def _others(causes: Sequence[str], parent: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(cause for cause in causes if cause != parent))
