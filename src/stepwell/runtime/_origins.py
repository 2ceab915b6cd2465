"""Where an event on a stream comes from, when a child run showed it."""

from typing import NamedTuple


class Origin(NamedTuple):
    """A child run that an event came through: the step that ran it, its workflow's name, its id."""

    step: str
    workflow: str
    run_id: str
