"""What can go wrong when the module names of LlamaIndex are made to lead to stepwell."""

from collections.abc import Sequence

from stepwell.errors._definitions import near_misses
from stepwell.errors._roots import UsageError

PAGES = "docs/deviations.md says what differs, docs/deviations-names.md what leads where and what does not."


def _no_counterpart(wanted: str, nearest: str, close: Sequence[str]) -> str:
    return (
        f"{wanted} has no counterpart in stepwell, to which {wanted.partition('.')[0]} leads here (stepwell.compat)."
        + near_misses(close)
        + (f" The nearest thing: {nearest}." if nearest else "")
        + f" {PAGES}"
    )


class NoCounterpartError(UsageError, ImportError):
    """A name of LlamaIndex is imported that leads nowhere in stepwell.

    ``nearest`` says what comes closest; it is empty when nothing does. ``close`` are names of the same module that
    are spelled alike.
    """

    def __init__(self, *, wanted: str, nearest: str = "", close: Sequence[str] = ()) -> None:
        self.wanted = wanted
        self.nearest = nearest
        self.close = tuple(close)
        # ``name`` stays None: a from-import swallows an error that has the name of the very module it looks for.
        super().__init__(_no_counterpart(wanted, nearest, close))


class NoCounterpartModuleError(NoCounterpartError, ModuleNotFoundError):
    """A module of LlamaIndex is imported that leads nowhere in stepwell."""


class NoCounterpartAttributeError(UsageError, AttributeError):
    """An attribute is read of a module of LlamaIndex, and it leads nowhere in stepwell. Facts as above."""

    def __init__(self, *, wanted: str, nearest: str = "", close: Sequence[str] = ()) -> None:
        self.wanted = wanted
        self.nearest = nearest
        self.close = tuple(close)
        super().__init__(_no_counterpart(wanted, nearest, close))


class PeerImportedError(UsageError, RuntimeError):
    """The real modules are there already: their classes would be other ones than those imported from now on."""

    def __init__(self, *, modules: Sequence[str], file: str | None) -> None:
        self.modules = tuple(modules)
        self.file = file
        super().__init__(
            f"{self.modules[0]} is already imported{f' from {file}' if file else ''}, so it cannot be led to stepwell "
            f"any more ({len(self.modules)} such modules in sys.modules). Call stepwell.compat.install() before "
            f"anything imports them, or start the program by python -m stepwell.compat."
        )


class PackageInTheWayError(UsageError, RuntimeError):
    """A package of the user's own has a name that would be led to stepwell."""

    def __init__(self, *, package: str, place: str, distribution: str) -> None:
        self.package = package
        self.place = place
        self.distribution = distribution
        super().__init__(
            f"import {package} finds {place}, which does not belong to {distribution}. stepwell.compat takes the place "
            f"of that distribution only, and never of a package of yours. Rename it, take its folder from sys.path, "
            f"or install only a part that leaves {package} alone."
        )


class NothingToKeepError(UsageError, RuntimeError):
    """Callbacks are to be put underneath a ``llama_index.core`` that is not installed."""

    def __init__(self, *, part: str, distribution: str) -> None:
        self.part = part
        self.distribution = distribution
        super().__init__(
            f"only={part!r} keeps the real llama_index.core and puts stepwell's {part} underneath it, and there is "
            f"none here. Install {distribution}, or install everything: stepwell.compat.install()."
        )


class OtherPartInstalledError(UsageError, RuntimeError):
    """Another part was installed before, and a program can only have one."""

    def __init__(self, *, installed: str, wanted: str) -> None:
        self.installed = installed
        self.wanted = wanted
        super().__init__(
            f"stepwell.compat has installed {installed} and cannot install {wanted} beside it, because modules may be "
            f"in use already. Call uninstall() first, before anything is imported, or ask for {installed} again."
        )


class UnknownPartError(UsageError, ValueError):
    """``install(only=…)`` was asked for a part that does not exist."""

    def __init__(self, *, part: object, parts: Sequence[str]) -> None:
        self.part = part
        self.parts = tuple(parts)
        super().__init__(
            f"there is no part {part!r}; only= takes {' or '.join(map(repr, self.parts))}, or None for all."
        )


class SettingsFieldError(UsageError, AttributeError):
    """A field of LlamaIndex's ``Settings`` is used that has no meaning in stepwell."""

    def __init__(self, *, field: str, fields: Sequence[str]) -> None:
        self.field = field
        self.fields = tuple(fields)
        super().__init__(
            f"Settings.{field} has no counterpart in stepwell; here Settings has {', '.join(self.fields)}. "
            f"Pass what it was meant for to where it is used. {PAGES}"
        )


class ProgramMissingError(UsageError):
    """``python -m stepwell.compat`` was told to run a program that is not there; ``exit_code`` is Python's for that."""

    def __init__(self, *, problem: str, exit_code: int) -> None:
        self.problem = problem
        self.exit_code = exit_code
        super().__init__(problem)
