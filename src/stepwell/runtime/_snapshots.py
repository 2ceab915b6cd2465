"""A run as a document that JSON can hold, and the way back. Nothing is started here.

Rule 1. The document says its format, its version, the workflow it is of. What does not fit is one error, and so
        is everything else that is wrong with it: a ``ContextSerdeError``.
Rule 2. It holds what is open. Of a run that is over, the store is left.
"""

from collections.abc import Mapping
from typing import Any

from stepwell.core import Status
from stepwell.errors import ForeignSnapshotError, RunNotBegunError, SnapshotError, SnapshotVersionError, StepwellError
from stepwell.flow import Wiring
from stepwell.runtime._ports import Serializer
from stepwell.runtime._restored import Restored
from stepwell.runtime._snapshot_fields import Fields
from stepwell.runtime._snapshot_read import RunReader
from stepwell.runtime._snapshot_values import JsonValues, TextValues, Values, values_for
from stepwell.runtime._snapshot_write import RunWriter
from stepwell.runtime._state_store import StateStore
from stepwell.runtime._state_types import infer_state_type

FORMAT = "stepwell.snapshot"
VERSION = 1


def name_of(workflow: Any) -> str:
    """Return the name by which a snapshot knows a workflow's class."""
    kind = type(workflow)
    return f"{kind.__module__}:{kind.__qualname__}"


def document_of(run: Any, serializer: Serializer | None, *, include_state: bool) -> dict[str, Any]:
    """Return a run as a document. Raises an ``UnencodableValueError`` with the path of a value."""
    if run.machine.state.status is Status.NEW:
        raise RunNotBegunError(call="to_dict", workflow=run.wiring.workflow)
    values = values_for(run.wiring, serializer or run.workflow.serializer)
    document = _head(run.workflow, run.run_id, values)
    document["store"] = _store(run.store(), values) if include_state else None
    if run.machine.state.status is not Status.RUNNING:
        document["run"] = None
        return document

    def document_of_child(child: Any) -> dict[str, Any]:
        return document_of(child, serializer, include_state=include_state)

    document["run"] = RunWriter(run, values, document_of_child).run()
    return document


def document_to_come(
    run: Any,
    before: Mapping[str, Any] | None,
    wiring: Wiring,
    serializer: Serializer | None,
    *,
    include_state: bool,
) -> dict[str, Any]:
    """Return a run to come as a document: its store, and what it was read from, if that is to be taken up."""
    values = values_for(wiring, serializer or run.workflow.serializer)
    if before is not None and before["values"] != values.kind:
        raise SnapshotError(path="values", reason="a run that was not taken up yet is written as it was read")
    document = _head(run.workflow, run.run_id if before is not None else "", values)
    document["store"] = _store(run.store(), values) if include_state else None
    document["run"] = before["run"] if before is not None else None
    return document


def _head(workflow: Any, run_id: str, values: Values) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "workflow": name_of(workflow),
        "run_id": run_id,
        "values": values.kind,
    }


def _store(store: StateStore[Any], values: Values) -> Any:
    return values.write(store.snapshot(), "state")


def restored_from(
    document: Mapping[str, Any], workflow: Any, wiring: Wiring, serializer: Serializer | None
) -> Restored:
    """Read a document; anything wrong with it is a ``ContextSerdeError``."""
    if not isinstance(document, Mapping):
        text = isinstance(document, str | bytes | bytearray)
        again = "; read the text by json.loads first" if text else ""
        raise SnapshotError(
            path="the snapshot", reason=f"it is no dictionary but of type {type(document).__name__}{again}"
        )
    try:
        if not isinstance(document, Mapping):
            raise SnapshotError(
                path="the snapshot", reason=f"a dictionary belongs there, not a {type(document).__name__}"
            )
        return _restored(dict(document), workflow, wiring, serializer)
    except StepwellError:
        raise
    except Exception as error:  # data of strangers: whatever was not thought of is still a damaged snapshot
        raise SnapshotError(path="the snapshot", reason=f"{type(error).__name__}: {error}") from error


def _restored(document: dict[str, Any], workflow: Any, wiring: Wiring, serializer: Serializer | None) -> Restored:
    fields = Fields(document, "")
    _check_format(fields)
    if not _same_class(fields.text("workflow"), name_of(workflow)):
        raise ForeignSnapshotError(workflow=type(workflow).__name__, other=fields.text("workflow"))
    values = values_for(wiring, serializer or workflow.serializer)
    if fields.text("values") != values.kind:
        raise SnapshotError(path="values", reason="its values were written by another kind of serializer")
    run_id = fields.text("run_id")
    store = _read_store(fields.raw("store"), values, wiring)
    run = fields.inner_or_none("run")
    fields.close()
    if run is not None and not run_id:
        raise SnapshotError(path="run_id", reason="a run that is under way has an id")
    if run is None:
        return Restored(run_id, wiring, store, None)
    restored = RunReader(wiring, values).run(run)
    _check_children(run)
    for child in restored.children.values():
        child.read = lambda inner, other, its_wiring: restored_from(inner, other, its_wiring, serializer)
    return Restored(run_id, wiring, store, restored)


def _check_format(fields: Fields) -> None:
    if fields.raw("format") != FORMAT:
        raise SnapshotError(path=fields.at("format"), reason="it is no snapshot that stepwell made")
    version = fields.raw("version")
    if type(version) is not int or not 1 <= version <= VERSION:
        raise SnapshotVersionError(version=version, newest=VERSION)


def _check_children(run: Fields) -> None:
    """Refuse children, at any depth, of which it can be told without their workflow objects that they cannot go on."""
    work = [run]
    for above in work:
        for child in above.each("children"):
            if child.raw("document") is None:
                continue
            fields = child.inner("document")
            _check_format(fields)
            kinds = (JsonValues.kind, TextValues.kind)
            if not fields.text("run_id") or fields.text("values") not in kinds or ":" not in fields.text("workflow"):
                raise SnapshotError(path=fields.path, reason="no child that is under way is described so")
            fields.raw("store")
            work.append(fields.inner("run"))
            fields.close()


def _same_class(written: str, here: str) -> bool:
    """Return whether it is the same class, also if its program was a script then or is one now."""
    modules = (written.partition(":")[0], here.partition(":")[0])
    return written == here or ("__main__" in modules and written.partition(":")[2] == here.partition(":")[2])


def _read_store(data: Any, values: Values, wiring: Wiring) -> StateStore[Any]:
    kind = infer_state_type(wiring.state_types)
    if data is None:
        return StateStore.of(kind)
    state = values.read(data, "store")
    if not isinstance(state, kind):
        raise SnapshotError(path="store", reason=f"the state is a {kind.__name__}, not a {type(state).__name__}")
    return StateStore(state, state_type=kind)
