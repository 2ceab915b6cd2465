"""Resources as they are declared in a step's signature: what to make, never the making."""

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


@record(frozen=True)
class ResourceConfig:
    """Marks a parameter that is read from a JSON file into the annotated pydantic model.

    ``path_selector`` picks a part of the file by a dotted path; ``label`` and ``description`` are for drawings.
    """

    config_file: str
    path_selector: str | None = None
    label: str | None = None
    description: str | None = None
