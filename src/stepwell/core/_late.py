"""Names of a door that are loaded when somebody asks for them: see ADR 13."""

from collections.abc import Callable, Mapping
from importlib import import_module


def late_names(door: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """Return the ``__getattr__`` of a door: ``homes`` has the file behind it in which each late name is."""

    def load(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {door!r} has no attribute {name!r}")
        module = import_module(door)
        found: object = getattr(import_module(f"{door}.{homes[name]}"), name)
        setattr(module, name, found)
        return found

    return load
