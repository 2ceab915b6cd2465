"""A record told in words: one line for each fact that matters to who reads it."""

from collections.abc import Iterator, Sequence

from stepwell.core import (
    RUN_TIMER,
    CancelRequested,
    ChildClosed,
    ChildOpened,
    EndRun,
    EventSent,
    Fact,
    InputAsked,
    RunStarted,
    StartStep,
    StepCancelled,
    StepFailed,
    StepFannedOut,
    StepFinished,
    TimerFired,
    WaitStarted,
)
from stepwell.testing._record import Record

LONGEST = 60


def story(lives: Sequence[Record]) -> list[str]:
    """Return the last lines of what happened, with seconds since the start of the run."""
    lines: list[str] = []
    names: dict[int, str] = {}
    began = next((fact.at for record in lives for fact, _ in record.entries), 0.0)
    for number, record in enumerate(lives):
        lines += ["the run was put away before this end, and is taken up:"] * (number > 0)
        lines += _life(record, names, began)
    left_out = len(lines) - LONGEST
    return [f"… {left_out} lines before", *lines[-LONGEST:]] if left_out > 1 else lines


def _life(record: Record, names: dict[int, str], began: float) -> Iterator[str]:
    for fact, effects in record.entries:
        time = f"{fact.at - began:8.3f} s  "
        said = _said(fact, names)
        if said:
            yield time + said
        for effect in effects:
            if isinstance(effect, StartStep):
                step = record.machine.plan.steps[effect.step].name
                again = f", attempt {effect.number}" if effect.number > 1 else ""
                names[effect.attempt] = f"{step} [{effect.attempt}]"
                yield f"{time}  {names[effect.attempt]} starts with {_short(effect.key)}{again}"
            elif isinstance(effect, EndRun):
                yield f"{time}the run is {effect.status.value}"


def _short(key: str | None) -> str:
    return "nothing" if key is None else key.rpartition(".")[2]


def _said(fact: Fact, names: dict[int, str]) -> str:
    attempt = getattr(fact, "attempt", None)
    if attempt is None:
        return _of_run(fact, names)
    return f"{names.get(attempt, f'[{attempt}]')} {did}" if (did := _of_attempt(fact)) else ""


def _of_run(fact: Fact, names: dict[int, str]) -> str:
    match fact:
        case RunStarted():
            return f"the run starts with {_short(fact.key)}"
        case EventSent():
            who = "outside" if fact.sender is None else names.get(fact.sender, f"[{fact.sender}]")
            return f"{who} sends {_short(fact.key)}"
        case CancelRequested():
            return "somebody cancels the run"
        case InputAsked():
            return "a question is asked"
        case TimerFired():
            return "the run's time is up" if fact.timer == RUN_TIMER else ""
        case _:
            return ""


PLAIN_WORDS: dict[type, str] = {
    ChildOpened: "runs a child",
    ChildClosed: "has its child back",
    StepCancelled: "was stopped",
}


def _of_attempt(fact: Fact) -> str:
    match fact:
        case StepFinished():
            return f"returns {_short(fact.key)}"
        case StepFannedOut():
            return f"returns a list of {len(fact.events)}"
        case StepFailed():
            again = "" if fact.retry_at is None else " (to be tried again)"
            return f"fails{again}: {type(fact.error).__name__}: {fact.error}"
        case WaitStarted():
            return f"waits for {_short(fact.key) if fact.key is not None else 'its time'}"
        case _:
            return PLAIN_WORDS.get(type(fact), "")
