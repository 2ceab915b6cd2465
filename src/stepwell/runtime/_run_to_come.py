"""A run that has not been started: what ``Context(workflow)`` stands for until ``workflow.run(ctx=…)``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stepwell import errors
from stepwell.errors import StepOptionError
from stepwell.flow import Wiring
from stepwell.runtime._ports import Serializer
from stepwell.runtime._restored import Restored
from stepwell.runtime._state_types import infer_state_type

if TYPE_CHECKING:  # loaded when first used; see ADR 13
    from stepwell.runtime._state_store import StateStore

# Which call of a context asks for which part of a run first. (The others look before they ask.)
CALLS = {"loop": "send_event", "wiring": "write_event_to_stream"}


class RunToCome:
    """Has a store, and what a snapshot holds; everything else needs a run."""

    def __init__(self, workflow: Any, previous: Mapping[str, Any] | None, serializer: Serializer | None) -> None:
        compiled = getattr(workflow, "_compiled", None)
        if isinstance(workflow, type) or not callable(compiled):
            raise StepOptionError(option="Context(workflow)", value=workflow, accepted="an instance of a Workflow")
        self.workflow = workflow
        self.serializer = serializer
        self.document = previous
        self.restored: Restored | None = None
        self._store: StateStore[Any] | None = None
        if previous is not None:
            self.read()

    def wiring_now(self) -> Wiring:
        """Return the workflow's steps as they are compiled now."""
        wiring: Wiring = self.workflow._compiled().wiring  # noqa: SLF001  # it has no room for public names: steps have
        return wiring

    def read(self) -> None:
        """Read the snapshot, for the steps that the workflow has now."""
        from stepwell.runtime._snapshots import restored_from  # noqa: PLC0415  # start-up time: it loads the codec

        assert self.document is not None
        self.restored = restored_from(self.document, self.workflow, self.wiring_now(), self.serializer)
        if self._store is None:
            self._store = self.restored.store

    def take(self, wiring: Wiring) -> Restored:
        """Return what the snapshot holds, once: it is a run's own from then on."""
        if self.restored is None or self.restored.wiring is not wiring:
            self.read()
        assert self.restored is not None
        return self.restored

    def store(self) -> "StateStore[Any]":
        """Return the state that the run will begin with."""
        if self._store is None:
            from stepwell.runtime._state_store import StateStore  # noqa: PLC0415  # start-up time

            self._store = StateStore.of(infer_state_type(self.wiring_now().state_types))
        return self._store

    @property
    def is_running(self) -> bool:
        """Whether the run will go on where a snapshot was taken."""
        return self.restored is not None and self.restored.is_running

    @property
    def run_id(self) -> str:
        if self.restored is None:
            raise errors.NoRunError(call="run_id")
        return self.restored.run_id

    def to_document(self, serializer: Serializer | None, *, include_state: bool) -> dict[str, Any]:
        """Return what a run would go on from, as a snapshot."""
        from stepwell.runtime._snapshots import document_to_come  # noqa: PLC0415  # start-up time

        chosen = serializer or self.serializer
        return document_to_come(self, self.document, self.wiring_now(), chosen, include_state=include_state)

    def in_loop(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        if name in CALLS:
            raise errors.NoRunError(call=CALLS[name])
        raise AttributeError(name)
