"""One file per question. ``ALL`` holds the rows in the order of the table."""

from benchmarks.contract import Question
from benchmarks.questions import (
    chain,
    chain_growth,
    fan_out,
    fan_out_growth,
    first_event,
    imports,
    short_run,
    short_run_growth,
    state,
    stream,
    waiting,
)

ALL: tuple[Question, ...] = (
    *chain.QUESTIONS,
    *chain_growth.QUESTIONS,
    *short_run.QUESTIONS,
    *short_run_growth.QUESTIONS,
    *fan_out.QUESTIONS,
    *fan_out_growth.QUESTIONS,
    *stream.QUESTIONS,
    *first_event.QUESTIONS,
    *waiting.QUESTIONS,
    *imports.QUESTIONS,
    *state.QUESTIONS,
)
