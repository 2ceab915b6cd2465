"""Resources as they are declared in a step's signature: what to make, never the making."""

import os
from collections.abc import Callable
from typing import Any, Literal

from stepwell.core import record
from stepwell.errors import StepOptionError


@record(frozen=True, eq=False)
class Resource:
    """Marks a parameter that ``factory`` fills: ``client: Annotated[Client, Resource(make_client)]``.

    The factory may be a function or a coroutine function, or a (async) generator that yields once and tears
    down afterwards. ``scope`` says how long one value lives: for the ``"workflow"`` instance, or for one
    ``"run"``; with ``cache=False`` each attempt gets its own, torn down when it ends. Resources are one and
    the same when their factory is the same object.
    """

    factory: Callable[..., Any]
    cache: bool = True
    scope: Literal["workflow", "run"] = "workflow"

    def __post_init__(self) -> None:
        if not callable(self.factory):
            raise StepOptionError(option="Resource(factory)", value=self.factory, accepted="a callable")
        if self.scope not in ("workflow", "run"):
            raise StepOptionError(option="Resource(scope=…)", value=self.scope, accepted="'workflow' or 'run'")
        if not isinstance(self.cache, bool):
            raise StepOptionError(option="Resource(cache=…)", value=self.cache, accepted="True or False")


@record(frozen=True)
class ResourceConfig:
    """Marks a parameter that is read from a JSON file into the annotated pydantic model.

    ``path_selector`` picks a part of the file by a dotted path; ``label`` and ``description`` are for drawings.
    """

    config_file: str
    path_selector: str | None = None
    label: str | None = None
    description: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.config_file, os.PathLike):
            object.__setattr__(self, "config_file", os.fspath(self.config_file))
        if not isinstance(self.config_file, str):
            raise StepOptionError(
                option="ResourceConfig(config_file)", value=self.config_file, accepted="the path of a JSON file"
            )
        for name in ("path_selector", "label", "description"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise StepOptionError(option=f"ResourceConfig({name}=…)", value=value, accepted="text or None")
