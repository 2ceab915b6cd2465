"""The observer that writes internal events to the stream. Who never asks for them does not load their classes."""

import asyncio
from collections.abc import Callable
from contextvars import Context as Variables
from datetime import UTC, datetime

from stepwell.core import Status
from stepwell.flow import Event, StepState, StepStateChanged, UnhandledEvent, WorkflowIdleEvent
from stepwell.runtime._attempts import Attempt
from stepwell.runtime._observers import moment, type_name
from stepwell.runtime._stream import EventStream


class InternalEvents:
    """Writes internal events to the stream: there only once a consumer has asked for them."""

    def __init__(
        self, stream: EventStream, run_id: str, loop: asyncio.AbstractEventLoop, is_waiting: Callable[[], bool]
    ) -> None:
        self._stream = stream
        self._run_id = run_id
        self._loop = loop
        self._is_waiting = is_waiting
        self._told_idle = False
        loop.call_soon(self._look_for_idleness)

    def attempt_started(self, attempt: Attempt, variables: Variables) -> None:
        self._told_idle = False
        self._stream.write_internal(
            StepStateChanged(
                run_id=self._run_id,
                at=moment(attempt.started),
                name=attempt.step.name,
                step_state=StepState.RUNNING,
                worker_id=str(attempt.worker),
                input_event_name=type_name(attempt.start.event),
                attempt=attempt.start.attempt,
                number=attempt.start.number,
                cause=attempt.start.parent,
                queued_seconds=attempt.started - attempt.start.queued_at,
            )
        )

    def attempt_ended(self, attempt: Attempt, outcome: str, result: object, now: float) -> None:
        self._stream.write_internal(
            StepStateChanged(
                run_id=self._run_id,
                at=moment(now),
                name=attempt.step.name,
                step_state=StepState.NOT_RUNNING,
                worker_id=str(attempt.worker),
                input_event_name=type_name(attempt.start.event),
                output_event_name=None if result is None else type_name(result),
                attempt=attempt.start.attempt,
                number=attempt.start.number,
                cause=attempt.start.parent,
                queued_seconds=attempt.started - attempt.start.queued_at,
                elapsed_seconds=now - attempt.started,
                outcome=outcome,
            )
        )
        self._loop.call_soon(self._look_for_idleness)

    def wait_started(self, attempt: Attempt, ordinal: int, what: str, ask: Event | None) -> None:
        self._loop.call_soon(self._look_for_idleness)

    def wait_ended(self, attempt: Attempt, ordinal: int, outcome: str) -> None:
        self._told_idle = False

    def _look_for_idleness(self) -> None:
        """After what just happened has had its consequences: tell, once, that only waits are left."""
        if not self._told_idle and self._is_waiting():
            self.became_idle()

    def event_held(self, event: Event) -> None:
        kind = type(event)
        self._stream.write_internal(
            UnhandledEvent(
                run_id=self._run_id,
                at=datetime.now(UTC),
                event_type=kind.__name__,
                qualified_name=f"{kind.__module__}.{kind.__qualname__}",
            )
        )

    def became_idle(self) -> None:
        self._told_idle = True
        self._stream.write_internal(WorkflowIdleEvent(run_id=self._run_id, at=datetime.now(UTC)))

    def run_ended(self, status: Status, outcome: object) -> None:
        """The stream's own last event says it."""
