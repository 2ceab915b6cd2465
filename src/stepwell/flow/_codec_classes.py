"""The classes that a payload may name, and only these: none is ever imported because a payload says so.

They come from the annotations of a workflow (see ``_codec_reach``), from an allow-list, and from here: the
built-in exceptions and the errors of this package.
"""

import builtins
from collections.abc import Iterable
from importlib import import_module
from typing import Any, Final

from stepwell import errors
from stepwell.errors import AllowListError


def stored_name(cls: type) -> str:
    """Return the name under which a payload knows ``cls``: ``module:Outer.Inner``."""
    return f"{cls.__module__}:{cls.__qualname__}"


def dotted(name: str) -> str:
    return name.replace(":", ".", 1)


def own_exceptions() -> dict[str, type[Exception]]:
    """Return the exceptions that every payload may name."""
    found = (*vars(builtins).values(), *(getattr(errors, name) for name in errors.__all__))
    exceptions = (item for item in found if isinstance(item, type) and issubclass(item, Exception))
    # What stands for an unknown class is written under the name of that class.
    return {dotted(stored_name(cls)): cls for cls in exceptions if cls is not errors.RestoredError}


OWN_EXCEPTIONS: Final = own_exceptions()


class KnownClasses:
    """A set of classes that finds them by name. It never grows: ``extended`` makes another one."""

    def __init__(self, entries: Iterable[type | str] = ()) -> None:
        self._entries = tuple(dict.fromkeys(map(checked_entry, entries)))
        self._texts = {entry for entry in self._entries if isinstance(entry, str)}
        self._classes: dict[str, type] = {}
        self._names: dict[type, str] = {}
        self._found: dict[str, type] = {}
        # Two classes of one name (of one function, called twice): neither can be named.
        self._ambiguous: set[str] = set()
        for entry in self._entries:
            if isinstance(entry, type):
                name = dotted(stored_name(entry))
                if self._classes.setdefault(name, entry) is not entry:
                    self._ambiguous.add(name)

    def extended(self, entries: Iterable[type | str]) -> "KnownClasses":
        return KnownClasses((*self._entries, *entries))

    def name_of(self, cls: type) -> str | None:
        """Return the name that will find ``cls`` again, or ``None`` when nothing will."""
        name = self._names.get(cls)
        if name is None:
            name = stored_name(cls)
            if self.find(name) is not cls:
                return None
            self._names[cls] = name
        return name

    def has_namesake(self, cls: type) -> bool:
        return dotted(stored_name(cls)) in self._ambiguous

    def find(self, name: str) -> type | None:
        """Return the class of that name (``module:Class`` or ``module.Class``), or ``None``."""
        found = self._found.get(name)
        if found is None:
            found = self._searched(name)
            if found is not None:
                self._found[name] = found
        return found

    def _searched(self, name: str) -> type | None:
        key = dotted(name)
        if key in self._ambiguous:
            return None
        if key not in self._classes and key in self._texts:
            self._classes[key] = imported_class(key)
        return self._classes.get(key) or OWN_EXCEPTIONS.get(key) or self._moved_class(name)

    def _moved_class(self, name: str) -> type | None:
        """Return the class of a program that ran as a script and is a module now, or the reverse."""
        module, _, qualname = name.partition(":")
        namesakes = [
            cls
            for key, cls in self._classes.items()
            if cls.__qualname__ == qualname and key not in self._ambiguous and "__main__" in (module, cls.__module__)
        ]
        return namesakes[0] if len(namesakes) == 1 else None


def checked_entry(entry: object) -> type | str:
    """Return a class, or the text that names one with dots."""
    if isinstance(entry, type):
        return entry
    if not isinstance(entry, str):
        raise AllowListError(entry=entry, reason="it is neither a class nor the name of one")
    name = dotted(entry)
    if "." not in name or not all(part.isidentifier() for part in name.split(".")):
        raise AllowListError(entry=entry, reason="it names nothing that can be imported")
    return name


def imported_class(name: str) -> type:
    """Return the class that the program itself put on its allow-list by name."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            found: Any = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part, None)
        if isinstance(found, type):
            return found
        break
    raise AllowListError(entry=name, reason="there is no such class")
