"""What of the peer is there already: imported modules, installed packages, packages of the user's with such a name.

Nothing is imported to find out, except namespace packages, which hold no code.
"""

import json
import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from stepwell.compat._finder import AliasModule
from stepwell.compat._table import table
from stepwell.errors import PackageInTheWayError, PeerImportedError


def refuse_imported(names: Iterable[str]) -> None:
    """Raise ``PeerImportedError`` if any of these modules, or anything below them, is imported and not ours."""
    covered = set(names)
    there = sorted(
        name
        for name, module in sys.modules.items()
        if not isinstance(module, AliasModule) and (name in covered or name.rpartition(".")[0] in covered)
    )
    if there:
        raise PeerImportedError(modules=there, file=getattr(sys.modules[there[0]], "__file__", None))


def refuse_in_the_way(package: str, found: ModuleSpec | None) -> None:
    """Raise ``PackageInTheWayError`` if what is found under the name is not of the distribution it should be of."""
    if found is None:
        return
    owner = table().distributions[package]
    place = _folder_with_code(found) if found.origin is None else found.origin
    if place is not None and not (found.origin and _belongs(found, owner)):
        raise PackageInTheWayError(package=found.name, place=place, distribution=owner)


def locate(package: str) -> ModuleSpec | None:
    """Return the spec of a package, or of a package of the user's that hides it; ``None`` when it is not there."""
    parts = package.split(".")
    for count in range(1, len(parts) + 1):
        name = ".".join(parts[:count])
        spec = find_spec(name)
        if spec is None or count == len(parts) or spec.origin is not None:
            return spec
        import_module(name)
    return None


def _folder_with_code(namespace: ModuleSpec) -> str | None:
    """Return the folder of a package without ``__init__.py`` if there is anything in it to import."""
    for folder in map(Path, namespace.submodule_search_locations or ()):
        if any(folder.glob("*.py")) or any(folder.glob("*/__init__.py")):
            return str(folder)
    return None


def _belongs(found: ModuleSpec, owner: str) -> bool:
    try:
        installed = distribution(owner)
    except PackageNotFoundError:
        return False
    place = Path(str(found.origin)).resolve()
    own = Path(str(installed.locate_file(f"{found.name.replace('.', '/')}/__init__.py"))).resolve()
    return place == own or place.is_relative_to(_editable_place(installed) or own)


def _editable_place(installed: Distribution) -> Path | None:
    """Return where the source of a distribution lies that was installed with ``pip install -e``."""
    record = json.loads(installed.read_text("direct_url.json") or "{}")
    if not record.get("dir_info", {}).get("editable"):
        return None
    return Path(url2pathname(urlsplit(record["url"]).path)).resolve()
