"""What a run can tell of itself, for drawings and pages. A door of its own: a program that runs need not load it."""

from stepwell.runtime._history import AttemptRecord, WaitRecord
from stepwell.runtime._run_record import ChildRecord, ChildTotals, OpenAttempt, RunRecord, answer_types, record_of

__all__ = [
    "AttemptRecord",
    "ChildRecord",
    "ChildTotals",
    "OpenAttempt",
    "RunRecord",
    "WaitRecord",
    "answer_types",
    "record_of",
]
