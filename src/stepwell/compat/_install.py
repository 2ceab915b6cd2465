"""Installing: puts the finder before all others, once, and takes it away again.

It refuses where somebody would get other classes than they think: modules that are imported already, packages of the
user's own.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from stepwell.callbacks import BaseCallbackHandler, CallbackManager, defaults
from stepwell.compat._finder import AliasFinder, AliasModule
from stepwell.compat._peers import locate, refuse_imported, refuse_in_the_way
from stepwell.compat._table import PARTS, Part, table
from stepwell.errors import NothingToKeepError, OtherPartInstalledError, UnknownPartError

CORE: Final = "llama_index.core"


@dataclass(frozen=True, slots=True)
class _Installed:
    """What was installed, and how to put back what it changed in the callbacks."""

    only: Part | None
    finder: AliasFinder
    put_back: Callable[[], None]


_current: _Installed | None = None


def install(only: Part | None = None) -> None:
    """Make the module names of LlamaIndex lead to stepwell, in this process, from now on.

    ``only="callbacks"`` keeps the real ``llama_index.core`` and puts stepwell's callbacks underneath it;
    ``only="workflows"`` takes the place of the workflows and leaves everything else. Calling it again does nothing.
    Handlers that raise are then heard by the program, as in LlamaIndex: ``CallbackManager.default_error_policy``.

    Raises:
        PeerImportedError: the real modules are imported already.
        PackageInTheWayError: a package of your own has one of the names.
        NothingToKeepError: ``only="callbacks"``, and there is no real ``llama_index.core``.
        OtherPartInstalledError: something else was installed before.
        UnknownPartError: ``only`` is neither.
    """
    global _current
    if only is not None and only not in PARTS:
        raise UnknownPartError(part=only, parts=PARTS)
    if _current is not None:
        if _current.only != only:
            raise OtherPartInstalledError(installed=_told(_current.only), wanted=_told(only))
        return
    known = table()
    modules = known.chosen(only)
    refuse_imported(modules)
    for package in known.distributions.keys() & modules.keys():
        refuse_in_the_way(package, locate(package))
    if only == "callbacks" and locate(CORE) is None:
        raise NothingToKeepError(part=only, distribution=known.distributions[CORE])
    finder = AliasFinder(modules, known, refuse_in_the_way)
    sys.meta_path.insert(0, finder)
    _current = _Installed(only, finder, _set_callbacks(only))


def uninstall() -> None:
    """Undo ``install``: the names lead again where they led. What was imported meanwhile stays what it is."""
    global _current
    if _current is None:
        return
    sys.meta_path.remove(_current.finder)
    for name in [name for name, module in sys.modules.items() if isinstance(module, AliasModule)]:
        del sys.modules[name]
        above, _, leaf = name.rpartition(".")
        if above in sys.modules:
            vars(sys.modules[above]).pop(leaf, None)
    _current.put_back()
    _current = None


@contextmanager
def installed(only: Part | None = None) -> Iterator[None]:
    """Have it installed for a block: for tests."""
    install(only)
    try:
        yield
    finally:
        uninstall()


def _told(only: Part | None) -> str:
    return "everything" if only is None else f"only={only!r}"


def _set_callbacks(only: Part | None) -> Callable[[], None]:
    """Let callbacks behave as programs for LlamaIndex expect, where they are installed."""
    policy, source = CallbackManager.default_error_policy, defaults.source
    if only != "workflows":
        CallbackManager.default_error_policy = "raise"
    if only == "callbacks":
        defaults.source = _settings_of_the_real_core

    def put_back() -> None:
        CallbackManager.default_error_policy = policy
        defaults.source = source

    return put_back


def _settings_of_the_real_core() -> tuple[BaseCallbackHandler | None, CallbackManager | None]:
    """Return the global handler and manager that the real ``llama_index.core`` keeps, without making any."""
    core = sys.modules.get(CORE)
    settings = sys.modules.get(f"{CORE}.settings")
    # The property would make a manager, and ask this function for its handlers.
    manager = settings.Settings._callback_manager if settings is not None else None  # noqa: SLF001  # as said
    return getattr(core, "global_handler", None), manager
