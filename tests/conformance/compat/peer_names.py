"""Print, as JSON, what each module named on standard input has, in the environment of the peer.

For a module: its public names that it defines itself or exports by ``__all__``, and those that it only imported.
"""

# mypy: ignore-errors
# The peer is in the environment that runs this, not in the one that checks it.

import importlib
import json
import pkgutil
import sys
import warnings

warnings.simplefilter("ignore")


def names_of(module):
    """Return the names that a program may import, and the further ones that are merely there."""
    public = {name for name in vars(module) if not name.startswith("_")}
    exported = set(getattr(module, "__all__", ()))
    own = {name for name in public if getattr(vars(module)[name], "__module__", None) == module.__name__}
    return {"own": sorted(own | exported), "further": sorted(public - own - exported)}


def main():
    found = {}
    for name in json.load(sys.stdin):
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            found[name] = str(error)
        else:
            found[name] = names_of(module)
    package = importlib.import_module("workflows")
    modules = [each.name for each in pkgutil.walk_packages(package.__path__, "workflows.", onerror=lambda name: None)]
    json.dump({"names": found, "modules": modules}, sys.stdout)


main()
