"""A name that somebody asks of ``stepwell`` and that is not there: these errors say in which module it is.

The homes are read from the ``__all__`` of the doors, as text: nothing is imported to explain an error.
"""

import ast
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from stepwell.errors._definitions import near_misses
from stepwell.errors._roots import UsageError
from stepwell.errors._shown import nearest

HOUSE = "stepwell"
ENGINE = ("core", "flow", "runtime")
"""Rooms that are named last, when a name has a home elsewhere too."""


class MissingNameError(UsageError, ImportError):
    """A name is imported from ``stepwell`` that is not at its top.

    ``home`` is the module that has it, or ``None``; ``close`` are names that are spelled alike, with their modules.
    """

    def __init__(self, *, wanted: str, home: str | None, close: tuple[str, ...] = ()) -> None:
        self.wanted = wanted
        self.home = home
        self.close = close
        super().__init__(_sentence(wanted, home, close))


class MissingAttributeError(UsageError, AttributeError):
    """An attribute of ``stepwell`` is read that is not there. Facts as above."""

    def __init__(self, *, wanted: str, home: str | None, close: tuple[str, ...] = ()) -> None:
        self.wanted = wanted
        self.home = home
        self.close = close
        super().__init__(_sentence(wanted, home, close))


def missing_name(wanted: str, *, imported: bool) -> MissingNameError | MissingAttributeError:
    """Return the error for a name that ``stepwell`` does not have; ``imported`` by ``from stepwell import …``."""
    known = homes()
    home = HOUSE if f"{HOUSE}.{wanted}" in known.values() else known.get(wanted)
    if imported and home == HOUSE:
        imported = False  # a module that is not loaded yet: the import finds it, once it is told that nothing is here
    close = () if home else tuple(f"{near} of {known[near]}" for near in nearest(wanted, known, most=2, likeness=0.75))
    kind = MissingNameError if imported else MissingAttributeError
    return kind(wanted=wanted, home=home, close=close)


def _sentence(wanted: str, home: str | None, close: tuple[str, ...]) -> str:
    if home == HOUSE:
        return f"{HOUSE}.{wanted} is a module that nobody has imported yet. Write import {HOUSE}.{wanted}."
    if home is not None:
        return f"stepwell has no {wanted} at its top; {home} has it. Write from {home} import {wanted}."
    return (
        f"Neither stepwell nor any module of it has a name {wanted}.{near_misses(close)} "
        f"docs/deviations-names.md says which names of LlamaIndex lead where."
    )


@cache
def homes() -> dict[str, str]:
    """Return for each public name the module to import it from, and for each public module itself."""
    found: dict[str, str] = {}
    for module, path in sorted(_modules(HOUSE, files(HOUSE)), key=_place):
        for name in _exported(path.read_text(encoding="utf-8")):
            found.setdefault(name, module)
        found.setdefault(module, module)
    return found


def _place(found: tuple[str, Any]) -> tuple[bool, int, str]:
    parts = found[0].split(".")
    return len(parts) > 1 and parts[1] in ENGINE, len(parts), found[0]


def _modules(name: str, folder: Traversable) -> list[tuple[str, Traversable]]:
    found = [(name, folder / "__init__.py")]
    for entry in folder.iterdir():
        if entry.name.startswith("_"):
            continue
        if entry.is_dir() and (entry / "__init__.py").is_file():
            found.extend(_modules(f"{name}.{entry.name}", entry))
        elif entry.name.endswith(".py"):
            found.append((f"{name}.{entry.name.removesuffix('.py')}", entry))
    return found


def _exported(source: str) -> list[str]:
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            return names
    return []
