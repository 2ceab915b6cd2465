"""What a simulated world may do to a workflow, and what comes to it from outside."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

from stepwell.errors import SimulatedFailure, SimulationOptionError
from stepwell.flow import Event
from stepwell.testing._choices import Choices


def simulated_failure(place: str) -> Exception:
    """Return the failure that a step gets unless ``Faults.error`` makes another."""
    return SimulatedFailure(place=place)


@dataclass(frozen=True, slots=True)
class Faults:
    """How likely what is, from 0 (never) to 1. Each seed leaves some kinds out, so that all meet in all company.

    ``step_failure``: a step raises ``error(place)``, when it begins or at an await of something outside.
    ``slow_step``: it is held up there for some ``slow_seconds``, or just to the end of its time limit.
    ``cancel``: somebody cancels the run at some moment. ``duplicate``: an outside event, or an answer, comes twice.
    ``lost``: it never comes. ``restore``: the run is put away at some moment (``ctx.to_dict``), and taken up again
    (``Context.from_dict``) by a workflow made anew, perhaps an hour later.
    """

    step_failure: float = 0.0
    slow_step: float = 0.0
    cancel: float = 0.0
    duplicate: float = 0.0
    lost: float = 0.0
    restore: float = 0.0
    slow_seconds: float = 20.0
    error: Callable[[str], Exception] = simulated_failure

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "error":
                continue
            most = math.inf if field.name == "slow_seconds" else 1.0
            if type(value) not in (int, float) or not 0 <= value <= most:
                raise SimulationOptionError(
                    option=f"faults=Faults({field.name}=…)", value=value, accepted=f"a number from 0 to {most:g}"
                )

    def thinned(self, choices: Choices) -> "Faults":
        """Return what is left of these under one seed: about half of the kinds, and in a third of the seeds none."""
        if choices.habit("no faults at all", 3) == 0:
            return NO_FAULTS
        gone = {kind: 0.0 for kind in KINDS if choices.habit(f"no {kind}", 2) == 0}
        return replace(self, **gone)  # type: ignore[arg-type]  # all of these are numbers


@dataclass(frozen=True, slots=True)
class Outside:
    """Who talks to a run. Each of ``events`` is sent once, at some moment, in any order, as a copy.

    ``answer`` gets each ``InputRequiredEvent`` of the stream, and returns what is then sent (``None``: nothing).
    """

    events: Sequence[Event] = ()
    answer: Callable[[Event], Event | None] | None = None


KINDS = ("step_failure", "slow_step", "cancel", "duplicate", "lost", "restore")
NO_FAULTS = Faults()
NOBODY = Outside()
