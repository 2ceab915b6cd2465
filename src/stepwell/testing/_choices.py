"""The chance of a simulated world: every choice comes from one seed, has a name, and can be taken back.

Rule 1. A choice is a small number for a name; 0 is the plain way: no delay, no fault, the first of several.
Rule 2. What a choice is depends on the seed and its name only. So a choice that is taken back changes no other.
Rule 3. The choices that were not plain are the scenario of a run. Played again, they make the same run.
Rule 4. When a life is over there is nothing to choose: its loop stops what is left in an order of its own, by
        addresses, which another process does not repeat.
"""

from collections.abc import Callable, Mapping
from hashlib import blake2b

Scenario = Mapping[str, int]
_WHOLE = 1 << 64


class Choices:
    """Draws choices for one run: from a seed, or from the ``scenario`` of an earlier run and otherwise plain."""

    def __init__(self, seed: int, scenario: Scenario | None = None) -> None:
        self.seed = seed
        self._key = seed.to_bytes(16, "big", signed=True)
        self._given = scenario
        self._counts: dict[str, int] = {}
        self.scenario: dict[str, int] = {}
        self.is_over = False

    def name(self, what: str) -> str:
        """Return a name of its own for what happens several times: ``fetch #3``."""
        if self.is_over:
            return what
        count = self._counts[what] = self._counts.get(what, 0) + 1
        return f"{what} #{count}"

    def habit(self, name: str, ways: int) -> int:
        """Return which of ``ways`` habits, from 0, a seed has: how often to draw, not what. No part of a scenario."""
        return self._number(name) % ways

    def _number(self, name: str) -> int:
        return int.from_bytes(blake2b(name.encode(), digest_size=16, key=self._key).digest(), "big")

    def draw(self, name: str, ways: int, chance: float) -> int:
        """Return 0 for the plain way, or (with probability ``chance``) one of ``ways`` others, from 1."""
        if self.is_over:
            return 0
        if self._given is not None:
            choice = min(self._given.get(name, 0), ways)
        elif chance <= 0 or ways < 1:
            choice = 0
        else:
            number = self._number(name)
            choice = 1 + (number >> 64) % ways if number % _WHOLE < chance * _WHOLE else 0
        if choice:
            self.scenario[name] = choice
        return choice

    def take_back(self, name: str) -> None:
        """Make a choice plain after all."""
        self.scenario.pop(name, None)


def shrink(scenario: Scenario, fails: Callable[[Scenario], bool], *, attempts: int) -> dict[str, int]:
    """Return a part of ``scenario`` that still ``fails``, with smaller choices where those do.

    Leaves out halves, quarters and so on down to single choices, until nothing more can go or ``attempts`` runs
    were made.
    """
    smallest = dict(scenario)
    left = attempts

    def holds(candidate: dict[str, int]) -> bool:
        nonlocal left
        left -= 1
        return fails(candidate)

    size = len(smallest)
    while size and left > 0:
        names = list(smallest)
        removed = False
        for place in range(0, len(names), size):
            part = set(names[place : place + size])
            candidate = {name: choice for name, choice in smallest.items() if name not in part}
            if left > 0 and len(candidate) < len(smallest) and holds(candidate):
                smallest, removed = candidate, True
        size = min(size, len(smallest)) if removed else size // 2
    for name, choice in list(smallest.items()):
        for lower in sorted({1, choice // 2, choice - 1}):
            if 0 < lower < choice and left > 0 and holds({**smallest, name: lower}):
                smallest[name] = lower
                break
    return smallest
