"""The import hook: modules with the peer's names whose contents are stepwell's own objects.

A module is filled when it is imported, from the table and from nothing else. Every module is a package without
a path, so that ``from workflows.events import Nonsense`` asks this finder for ``workflows.events.Nonsense``, and it can
say why there is none. Nothing else is found here: what is not in the table's part is left to the other finders.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from stepwell.compat._table import Lead, ModuleEntry, Table
from stepwell.errors import NoCounterpartAttributeError, NoCounterpartError, NoCounterpartModuleError


def follow(lead: Lead) -> Any:
    """Return what a name leads to."""
    return reduce(getattr, lead.attribute.split("."), import_module(lead.module))


class AliasModule(ModuleType):
    """A module of the peer's name. Its ``__getattr__`` knows its submodules before they are imported."""

    def __init__(self, entry: ModuleEntry, finder: "AliasFinder") -> None:
        homes = sorted({lead.module for lead in (*entry.leads.values(), *entry.live.values())})
        leading = f"; its names lead to {', '.join(homes)}" if homes else ""
        super().__init__(entry.name, f"The module {entry.name} of LlamaIndex, put here by stepwell.compat{leading}.")
        object.__setattr__(self, "_entry", entry)
        object.__setattr__(self, "_finder", finder)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        entry, finder = vars(self)["_entry"], vars(self)["_finder"]
        if name in entry.live:
            return follow(entry.live[name])
        wanted = f"{entry.name}.{name}"
        if wanted in finder.modules:
            return import_module(wanted)
        known = finder.table
        raise NoCounterpartAttributeError(wanted=wanted, nearest=known.nearest(wanted), close=known.close(wanted))

    def __setattr__(self, name: str, value: Any) -> None:
        lead = vars(self)["_entry"].live.get(name)
        if lead is None:
            super().__setattr__(name, value)
        else:
            holder, _, attribute = lead.attribute.rpartition(".")
            setattr(follow(Lead(lead.module, holder)), attribute, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *vars(self)["_entry"].live} - {"_entry", "_finder"})


class AliasLoader(Loader):
    """Makes and fills one module."""

    def __init__(self, entry: ModuleEntry, finder: "AliasFinder") -> None:
        self._entry = entry
        self._finder = finder

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return AliasModule(self._entry, self._finder)

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update({name: follow(lead) for name, lead in self._entry.leads.items()})
        vars(module)["__all__"] = self._entry.names


class AliasFinder(MetaPathFinder):
    """Finds the modules it is given, and says of everything right below them that it has no counterpart.

    ``check`` is asked before a module takes the place of one that other finders find, and may refuse it by raising.
    """

    def __init__(
        self, modules: Mapping[str, ModuleEntry], known: Table, check: Callable[[str, ModuleSpec | None], None]
    ) -> None:
        self.modules = modules
        self.table = known
        self._check = check
        self._packages = {above for name in modules for above in _above(name)} - set(modules)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module in the table, or ``None`` for what is none of its business.

        Raises ``NoCounterpartError`` for what lies below a module of the table and is not in it.
        """
        if fullname in self.modules:
            if fullname in self.table.distributions:
                # The path may have changed since everything was installed.
                self._check(fullname, _others_find(fullname, path))
            return self._spec(self.modules[fullname])
        if fullname.rpartition(".")[0] in self.modules:
            raise self._refusal(fullname)
        if fullname in self._packages and _others_find(fullname, path) is None:
            return self._spec(ModuleEntry(fullname, "core", {}))
        return None

    def _spec(self, entry: ModuleEntry) -> ModuleSpec:
        spec = ModuleSpec(entry.name, AliasLoader(entry, self), origin="stepwell.compat")
        spec.submodule_search_locations = []
        return spec

    def _refusal(self, wanted: str) -> NoCounterpartError:
        # What the table does not know to be a name is a module: that is what the import system asks for.
        kind = NoCounterpartError if wanted in self.table.absent else NoCounterpartModuleError
        return kind(wanted=wanted, nearest=self.table.nearest(wanted), close=self.table.close(wanted))


def _above(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def _others_find(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        if isinstance(finder, AliasFinder):
            continue
        spec = finder.find_spec(name, path)
        if spec is not None:
            return spec
    return None
