"""The workflow of a child in a snapshot, before its step has come to it again: a class that is loaded already.

Rule 1. Nothing is imported because a snapshot names it, and no workflow is made: its class is looked up.
Rule 2. What only the object can tell that the step will make (steps or a serializer of its own, a class that is
        not loaded yet) is left until then. What does not fit then is a disagreement, no damage: a ``ReplayError``.
"""

from collections.abc import Callable, Iterator
from typing import Any

from stepwell.errors import ForeignSnapshotError, SnapshotError, StepwellError
from stepwell.flow import StepDefinition, Wiring
from stepwell.runtime._children import RunsAsChild
from stepwell.runtime._sight import in_sight

STEPS = "steps"
SERIALIZER = "serializer"
OWN = (STEPS, SERIALIZER)
"""What a workflow object may have that its class has not."""


def name_of(kind: type) -> str:
    """Return the name by which a snapshot knows a workflow's class."""
    return f"{kind.__module__}:{kind.__qualname__}"


def own_of(workflow: Any) -> list[str]:
    """Return what a workflow object has of its own: who reads a snapshot of its run needs the object for it."""
    own = [STEPS] if vars(workflow).get("_stepwell_added") else []
    return own if workflow.serializer is None else [*own, SERIALIZER]


def same_class(written: str, here: str) -> bool:
    """Return whether it is the same class, also if its program was a script then or is one now."""
    modules = (written.partition(":")[0], here.partition(":")[0])
    return written == here or ("__main__" in modules and written.partition(":")[2] == here.partition(":")[2])


def class_of_child(written: str, called: str, step: StepDefinition, path: str) -> type | None:
    """Return the loaded class of that name which ``step`` runs as ``called``, ``None`` where only the step can tell.

    A name that no class which the step runs can have is a ``SnapshotError``.
    """
    known = [kind for kind in _loaded() if kind.__name__ == called]
    found = [kind for kind in known if name_of(kind) == written]
    found = found or [kind for kind in known if same_class(written, name_of(kind))]
    if len(found) == 1:
        return found[0]
    seen = [kind for kind in (*step.options.children, *in_sight(step.function)) if kind in known]
    if not found and seen:
        raise ForeignSnapshotError(workflow=name_of(seen[0]), other=written, path=path)
    if not found and written.rpartition(".")[2].rpartition(":")[2] != called:
        raise SnapshotError(path=path, reason=f"its step runs a {called}")
    namesakes = {kind for kind in found if kind in seen}
    return namesakes.pop() if len(namesakes) == 1 else None


def _loaded() -> Iterator[type]:
    """Yield every workflow class there is."""
    kinds: dict[type, None] = {RunsAsChild: None}
    work: list[type] = [RunsAsChild]
    while work:
        heirs: set[type] = {*work.pop().__subclasses__()} - kinds.keys()
        kinds.update(dict.fromkeys(heirs))
        work.extend(heirs)
    yield from kinds


def wiring_of(kind: type) -> Wiring | None:
    """Return the steps of a class, ``None`` for one that cannot run."""
    blank: Any = object.__new__(kind)  # the class has the steps, and its __init__ may take anything
    compiled: Callable[[], Any] | None = getattr(blank, "_compiled", None)
    try:
        return None if compiled is None else compiled().wiring
    except StepwellError:
        return None
