"""How a ``list[E]`` parameter joins a fan-out: of how many branches, in which order, with which failures."""

from dataclasses import field
from typing import Literal, TypeAlias

from stepwell.core import record
from stepwell.errors import StepOptionError, StepParameterError, shown


@record(frozen=True)
class All:
    """Join when every branch has ended."""


@record(frozen=True)
class Take:
    """Join at the ``n``-th event; ``cancel`` ends the branches still open, otherwise they run on unheard."""

    n: int
    cancel: bool = False

    def __post_init__(self) -> None:
        if type(self.n) is not int or self.n < 1:
            raise StepParameterError(
                what=f"Take({shown(self.n)}) joins nothing: Collect cardinality must be All() or Take(n)",
                fine="n is an integer of 1 or more",
                remedy="use Take(1) for the first result, or All() for every one",
            )
        _check_flag("Take(cancel=…)", self.cancel)


Cardinality: TypeAlias = All | Take


@record(frozen=True)
class Collect:
    """Marks a parameter: ``evs: Annotated[list[E], Collect(Take(2))]``.

    ``ordered`` sorts by the position of the branch in the list that opened the fan-out, otherwise events
    come as they arrived. ``errors="collect"`` puts a branch that failed into the list, as its
    ``StepFailedEvent``, instead of failing the run.
    """

    cardinality: Cardinality = field(default_factory=All)
    ordered: bool = False
    errors: Literal["raise", "collect"] = "raise"
    cancel: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.cardinality, (All, Take)):
            raise StepParameterError(
                what=f"Collect cardinality must be All() or Take(n), not {shown(self.cardinality)}",
                fine="Collect(All()) and Collect(Take(3)) are",
                remedy="wrap the number in Take",
            )
        if self.errors not in ("raise", "collect"):
            raise StepParameterError(
                what=f"Collect(errors={shown(self.errors)}) is no way to treat failures",
                fine="'raise' fails the run, 'collect' puts the failure into the list",
                remedy="use one of the two",
            )
        _check_flag("Collect(ordered=…)", self.ordered)
        _check_flag("Collect(cancel=…)", self.cancel)


def _check_flag(option: str, value: object) -> None:
    if not isinstance(value, bool):
        raise StepOptionError(option=option, value=value, accepted="True or False")
