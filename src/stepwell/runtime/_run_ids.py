"""Ids of runs: no two alike, in this process or another, and cheap enough to make one for every run."""

import itertools
import os

_RUN_PREFIX = os.urandom(8).hex()
_RUN_NUMBERS = itertools.count(1)


def new_run_id() -> str:
    """Return an id that no other run has: 32 hexadecimal digits, half of them this process's own."""
    return f"{_RUN_PREFIX}{next(_RUN_NUMBERS):016x}"


def _reseed() -> None:
    global _RUN_PREFIX  # a forked process must not share its parent's ids
    _RUN_PREFIX = os.urandom(8).hex()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reseed)
