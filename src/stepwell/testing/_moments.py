"""What happens to a simulated run from outside, each at its moment: after so many facts, and then somewhat late.

Rule 1. What is planned happens once, also if the run is put away in between and taken up in another loop.
Rule 2. When there are no more facts, it happens one by one.
"""

from collections.abc import Callable
from dataclasses import dataclass

from stepwell.testing._choices import Choices
from stepwell.testing._simulated_loop import SimulatedLoop


@dataclass(slots=True, eq=False)
class Planned:
    """Something to happen once ``at`` facts are known; ``is_due`` from then on, until it has."""

    name: str
    at: int
    happen: Callable[[], object]
    is_due: bool = False


class Moments:
    """Keeps what is planned. ``span`` is about how many facts a run will have, so that moments fall among them."""

    def __init__(self, choices: Choices, span: int) -> None:
        self._choices = choices
        self._span = max(1, span)
        self._facts = 0
        self._ahead: list[Planned] = []
        self._loop: SimulatedLoop | None = None

    def move_to(self, loop: SimulatedLoop) -> None:
        """Go on in another loop; what was due in the one before is due in this one."""
        self._loop = loop
        for planned in self._ahead:
            if planned.is_due:
                loop.call_soon(self._happen_late, planned)

    def plan(self, name: str, happen: Callable[[], object]) -> None:
        """Choose a moment for something to happen; the plain one is at once."""
        moment = self._choices.draw(f"{name}: when", self._span, 1.0)
        planned = Planned(name, self._facts + max(0, moment - 1), happen)
        self._ahead.append(planned)
        if moment <= 1:
            self._make_due(planned)

    def count_fact(self) -> None:
        """Take note of one more fact."""
        self._facts += 1
        for planned in self._ahead:
            if planned.at <= self._facts and not planned.is_due:
                self._make_due(planned)

    def hurry(self) -> bool:
        """Let what is next happen without waiting for its facts; return whether there is anything."""
        later = [planned for planned in self._ahead if not planned.is_due]
        if not later:
            return False
        self._make_due(min(later, key=lambda planned: planned.at))
        return True

    def _make_due(self, planned: Planned) -> None:
        assert self._loop is not None
        planned.is_due = True
        self._loop.call_soon(self._happen_late, planned)

    def _happen_late(self, planned: Planned) -> None:
        def happen() -> None:
            self._ahead.remove(planned)
            planned.happen()

        assert self._loop is not None
        self._loop.call_late(0.0, f"{planned.name}, late", happen)
