"""Whoever watches a run: told at one place of the driver what happens, and able to change nothing.

The printing of ``verbose=True``, internal stream events and callbacks are observers. A run without any
builds nothing for them.
"""

import sys
from collections.abc import Callable
from contextvars import Context as Variables
from datetime import UTC, datetime
from typing import Any, Protocol

from stepwell import errors
from stepwell.core import Status
from stepwell.flow import Event
from stepwell.runtime._attempts import Attempt


class Observer(Protocol):
    """What can be told about a run. Times are in seconds since the epoch."""

    def attempt_started(self, attempt: Attempt, variables: Variables) -> None:
        """A body is about to run in the context ``variables``."""

    def attempt_ended(self, attempt: Attempt, outcome: str, result: object, now: float) -> None:
        """A body has ended. ``result`` is what it returned, or the exception."""

    def wait_started(self, attempt: Attempt, ordinal: int, what: str, ask: Event | None) -> None:
        """A body suspended itself, for an event class or for time; ``ask`` was shown to whoever listens."""

    def wait_ended(self, attempt: Attempt, ordinal: int, outcome: str) -> None:
        """A body goes on: ``"ok"``, ``"timed out"`` or ``"cancelled"``."""

    def event_held(self, event: Event) -> None:
        """No step takes the event and no wait asked for it yet."""

    def became_idle(self) -> None:
        """Nothing is left to do before something comes from outside."""

    def run_ended(self, status: Status, outcome: object) -> None:
        """The run is over."""


def type_name(event: object) -> str:
    """Return how an event, or the events of a join, are called in a sentence."""
    if isinstance(event, list):
        return f"list of {len(event)}"
    if isinstance(event, tuple):
        return " + ".join(type(one).__name__ for one in event)
    return type(event).__name__


class Printer:
    """Prints each step's start and end to standard error: what ``verbose=True`` shows.

    ``prefix`` stands before each name: a child's lines stand among those of the run above.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix

    def attempt_started(self, attempt: Attempt, variables: Variables) -> None:
        again = f" (attempt {attempt.start.number})" if attempt.start.number > 1 else ""
        self._print(
            f"[{self._prefix}{attempt.step.name}:{attempt.worker}] started from {type_name(attempt.start.event)}{again}"
        )

    def attempt_ended(self, attempt: Attempt, outcome: str, result: object, now: float) -> None:
        with_what = "" if result is None else f" with {type_name(result)}"
        took = f"after {now - attempt.started:.3f} s"
        verb = "complete" if outcome == "ok" else outcome
        self._print(f"[{self._prefix}{attempt.step.name}:{attempt.worker}] {verb}{with_what} {took}")

    def wait_started(self, attempt: Attempt, ordinal: int, what: str, ask: Event | None) -> None:
        self._print(f"[{self._prefix}{attempt.step.name}:{attempt.worker}] waits for {what}")

    def wait_ended(self, attempt: Attempt, ordinal: int, outcome: str) -> None:
        self._print(f"[{self._prefix}{attempt.step.name}:{attempt.worker}] goes on after its wait ({outcome})")

    def event_held(self, event: Event) -> None:
        self._print(f"[{self._prefix}run] no step takes {type_name(event)}; held for a wait")

    def became_idle(self) -> None:
        self._print(f"[{self._prefix}run] idle")

    def run_ended(self, status: Status, outcome: object) -> None:
        with_what = "" if outcome is None else f" with {type_name(outcome)}"
        self._print(f"[{self._prefix}run] {status.value.replace('_', ' ')}{with_what}")

    @staticmethod
    def _print(line: str) -> None:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def moment(at: float) -> datetime:
    """Return a time of the run's clock as an aware UTC time."""
    return datetime.fromtimestamp(at, UTC)


class Observers:
    """Several observers as one. One that fails is reported by ``report`` and does not disturb the others.

    A ``CallbackVeto`` at the start of an attempt is handed back: the attempt then fails with it.
    """

    def __init__(self, observers: list[Observer], report: Callable[[BaseException], None]) -> None:
        self._observers = observers
        self._report = report

    def add(self, observer: Observer) -> None:
        self._observers.append(observer)

    def _tell(self, call: str, *arguments: Any) -> BaseException | None:
        refusal: BaseException | None = None
        for observer in self._observers:
            try:
                getattr(observer, call)(*arguments)
            except errors.CallbackVeto as error:
                refusal = refusal or error
            except Exception as error:  # noqa: BLE001  # an observer must not change the run it watches
                self._report(error)
        return refusal

    def attempt_started(self, attempt: Attempt, variables: Variables) -> BaseException | None:
        return self._tell("attempt_started", attempt, variables)

    def attempt_ended(self, attempt: Attempt, outcome: str, result: object, now: float) -> None:
        self._tell("attempt_ended", attempt, outcome, result, now)

    def wait_started(self, attempt: Attempt, ordinal: int, what: str, ask: Event | None) -> None:
        self._tell("wait_started", attempt, ordinal, what, ask)

    def wait_ended(self, attempt: Attempt, ordinal: int, outcome: str) -> None:
        self._tell("wait_ended", attempt, ordinal, outcome)

    def event_held(self, event: Event) -> None:
        self._tell("event_held", event)

    def became_idle(self) -> None:
        self._tell("became_idle")

    def run_ended(self, status: Status, outcome: object) -> None:
        self._tell("run_ended", status, outcome)
