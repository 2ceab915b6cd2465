"""Where each name of LlamaIndex leads: reads ``_names.toml``, which says it, and answers questions about it.

The decisions are in that file, as data; nothing here knows a name of the peer.
"""

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal, TypeAlias, TypeVar, get_args

from stepwell.errors import nearest

Part: TypeAlias = Literal["workflows", "callbacks"]
Value = TypeVar("Value")
PARTS: Final[tuple[str, ...]] = get_args(Part)


@dataclass(frozen=True, slots=True)
class Lead:
    """Where a name leads: an attribute of one of stepwell's modules."""

    module: str
    attribute: str

    @classmethod
    def read(cls, text: str) -> "Lead":
        module, _, attribute = text.partition(":")
        return cls(module, attribute)


@dataclass(frozen=True, slots=True)
class ModuleEntry:
    """One module of the peer. ``live`` names are read and written where they lead, each time they are used."""

    name: str
    part: str
    leads: dict[str, Lead]
    live: dict[str, Lead] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return sorted([*self.leads, *self.live])


@dataclass(frozen=True, slots=True)
class Table:
    """All modules; what is absent, with what comes nearest; and the distribution that each package is from.

    ``absent`` has whole names; ``below`` has places, for whatever is missing there and has no line of its own.
    """

    modules: dict[str, ModuleEntry]
    absent: dict[str, str]
    below: dict[str, str]
    distributions: dict[str, str]

    def chosen(self, only: Part | None) -> dict[str, ModuleEntry]:
        """Return the modules of one part, or all."""
        return {name: entry for name, entry in self.modules.items() if only in (None, entry.part)}

    def nearest(self, wanted: str) -> str:
        """Say what comes nearest to a name that leads nowhere; an empty text when nothing does."""
        said = self.absent.get(wanted) or self._elsewhere(wanted)
        place = wanted
        while place and not said:
            said = self.below.get(place, "")
            place = place.rpartition(".")[0]
        return said

    def close(self, wanted: str) -> list[str]:
        """Return names of the same module, and modules beside it, that are spelled alike."""
        home, _, leaf = wanted.rpartition(".")
        beside = [name.rpartition(".")[2] for name in self.modules if name.rpartition(".")[0] == home]
        own = self.modules[home].names if home in self.modules else []
        return nearest(leaf, [*own, *beside], most=2, likeness=0.75)

    def _elsewhere(self, wanted: str) -> str:
        if wanted in self.absent:
            return ""
        home, _, leaf = wanted.rpartition(".")
        top = home.partition(".")[0]
        found = [entry.name for entry in self.modules.values() if leaf in entry.leads and entry.name.startswith(top)]
        return f"{leaf} of {min(found, key=len)}" if found else ""


@cache
def table() -> Table:
    """Return the table, read once."""
    text = files("stepwell.compat").joinpath("_names.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    modules = {name: _entry(name, raw) for name, raw in data["modules"].items()}
    absent = {
        f"{module}.{name}": nearest for module, names in data["absent"].items() for name, nearest in names.items()
    }
    below: dict[str, str] = data["below"]
    for other, original in data["same"].items():
        for name, entry in _below(original, modules):
            double = other + name.removeprefix(original)
            modules[double] = ModuleEntry(double, entry.part, entry.leads, entry.live)
        for places in (absent, below):
            places.update({other + name.removeprefix(original): said for name, said in _below(original, places)})
    return Table(modules, absent, below, data["distributions"])


def _below(place: str, names: dict[str, Value]) -> list[tuple[str, Value]]:
    """Return what stands for the place itself or something below it."""
    return [(name, value) for name, value in names.items() if name == place or name.startswith(f"{place}.")]


def _entry(name: str, raw: dict[str, Any]) -> ModuleEntry:
    leads = {word: Lead(module, word) for module, words in raw.get("names", {}).items() for word in words}
    leads.update({word: Lead.read(text) for word, text in raw.get("renamed", {}).items()})
    live = {word: Lead.read(text) for word, text in raw.get("live", {}).items()}
    return ModuleEntry(name, raw["part"], leads, live)
