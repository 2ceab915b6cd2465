"""A run as a document that JSON can hold, and the way back. Nothing is started here.

Rule 1. The document says its format, its version, the workflow it is of. What does not fit is one error, and so
        is everything else that is wrong with it: a ``ContextSerdeError``.
Rule 2. It holds what is open. Of a run that is over, the store is left.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from stepwell.core import Status, WaitId
from stepwell.errors import (
    ChildMismatchError,
    ContextSerdeError,
    ForeignSnapshotError,
    RunNotBegunError,
    SnapshotError,
    SnapshotVersionError,
    StepwellError,
)
from stepwell.flow import Wiring
from stepwell.runtime._children import DEPTH_LIMIT
from stepwell.runtime._ports import Serializer
from stepwell.runtime._restored import Restored, RestoredChild, RestoredRun
from stepwell.runtime._snapshot_children import (
    SERIALIZER,
    STEPS,
    class_of_child,
    name_of,
    same_class,
    wiring_of,
)
from stepwell.runtime._snapshot_fields import Fields
from stepwell.runtime._snapshot_read import RunReader
from stepwell.runtime._snapshot_values import JsonValues, TextValues, Values, values_for
from stepwell.runtime._snapshot_write import RunWriter
from stepwell.runtime._state_store import StateStore
from stepwell.runtime._state_types import infer_state_type

FORMAT = "stepwell.snapshot"
VERSION = 1


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
        "workflow": name_of(type(workflow)),
        "run_id": run_id,
        "values": values.kind,
    }


def _store(store: StateStore[Any], values: Values) -> Any:
    return values.write(store.snapshot(), "state")


def restored_from(
    document: Mapping[str, Any], workflow: Any, wiring: Wiring, serializer: Serializer | None, path: str = ""
) -> Restored:
    """Read a document; anything wrong with it is a ``ContextSerdeError``."""
    if not isinstance(document, Mapping):
        text = isinstance(document, str | bytes | bytearray)
        again = "; read the text by json.loads first" if text else ""
        raise SnapshotError(
            path="the snapshot", reason=f"it is no dictionary but of type {type(document).__name__}{again}"
        )
    try:
        return _restored(Fields(dict(document), path), workflow, wiring, serializer)
    except StepwellError:
        raise
    except Exception as error:  # data of strangers: whatever was not thought of is still a damaged snapshot
        raise SnapshotError(path="the snapshot", reason=f"{type(error).__name__}: {error}") from error


def _restored(fields: Fields, workflow: Any, wiring: Wiring, serializer: Serializer | None) -> Restored:
    restored = _read(fields, type(workflow), wiring, values_for(wiring, serializer or workflow.serializer))
    if restored.run is not None:
        _check_form(fields.inner("run"))
        _read_children(restored.run, wiring, serializer)
    return restored


def _read(fields: Fields, kind: type, wiring: Wiring, values: Values) -> Restored:
    """Read the document of one run; those of its children are only kept."""
    _check_format(fields)
    written = fields.text("workflow")
    if not same_class(written, name_of(kind)):
        raise ForeignSnapshotError(workflow=kind.__name__, other=written, path=fields.at("workflow"))
    if fields.text("values") != values.kind:
        raise SnapshotError(path=fields.at("values"), reason="its values were written by another kind of serializer")
    run_id = fields.text("run_id")
    store = _read_store(fields, values, wiring)
    run = fields.inner_or_none("run")
    fields.close()
    if run is not None and not run_id:
        raise SnapshotError(path=fields.at("run_id"), reason="a run that is under way has an id")
    return Restored(run_id, wiring, store, None if run is None else RunReader(wiring, values).run(run))


def _read_children(run: RestoredRun, wiring: Wiring, serializer: Serializer | None) -> None:
    """Read the children of a run, and theirs, as far as it can be done without the objects that their steps make."""
    work = [(run, wiring)]
    for above, its_wiring in work:
        for name, child in above.children.items():
            if child.document is None:
                continue
            before = _read_early(name, child, above, its_wiring, serializer)
            if before is not None and before.run is not None:
                work.append((before.run, before.wiring))
            child.read = partial(_read_late, child, before, serializer)


def _read_early(
    name: WaitId, child: RestoredChild, above: RestoredRun, wiring: Wiring, serializer: Serializer | None
) -> Restored | None:
    """Read a child for the class that its step will make it of; ``None`` where only its object can tell."""
    assert child.document is not None
    attempt, ordinal = name
    start = above.state.running.get(attempt) or above.state.lingering[attempt]
    wait = above.state.suspended[attempt].open[ordinal]
    assert wait.point is not None
    fields = Fields(child.document, child.path)
    step = wiring.steps[start.step]
    kind = class_of_child(fields.text("workflow"), wait.point.name, step, fields.at("workflow"))
    its_wiring = None if kind is None else wiring_of(kind)
    if kind is None or its_wiring is None or STEPS in child.own or (serializer is None and SERIALIZER in child.own):
        return None
    before = _read(fields, kind, its_wiring, values_for(its_wiring, serializer))
    if before.run is None or wait.works is not (before.run.state.active > 0):
        raise SnapshotError(path=fields.path, reason="the run above knows another state of it")
    return before


def _read_late(
    child: RestoredChild,
    before: Restored | None,
    serializer: Serializer | None,
    workflow: Any,
    wiring: Wiring,
    step: str,
) -> Restored:
    """Return a child for the object that its step has made; the runs above are under way by then."""
    if before is not None and before.wiring is wiring and (serializer or workflow.serializer) is serializer:
        return before
    assert child.document is not None
    try:
        return restored_from(child.document, workflow, wiring, serializer, child.path)
    except ContextSerdeError as error:
        path, reason = getattr(error, "path", child.path), getattr(error, "reason", str(error))
    raise ChildMismatchError(step=step, workflow=type(workflow).__name__, path=path, reason=reason)


def _check_format(fields: Fields) -> None:
    if fields.raw("format") != FORMAT:
        raise SnapshotError(path=fields.at("format"), reason="it is no snapshot that stepwell made")
    version = fields.raw("version")
    if type(version) is not int or not 1 <= version <= VERSION:
        raise SnapshotVersionError(version=version, newest=VERSION, path=fields.at("version"))


def _check_form(run: Fields) -> None:
    """Refuse children, at any depth, of which it can be told without their workflow objects that they cannot go on."""
    work = [(run, 1)]
    for above, depth in work:
        for child in above.each("children"):
            if child.raw("document") is None:
                continue
            fields = child.inner("document")
            _check_format(fields)
            kinds = (JsonValues.kind, TextValues.kind)
            is_under_way = fields.text("run_id") and fields.raw("run") is not None
            if not is_under_way or fields.text("values") not in kinds or ":" not in fields.text("workflow"):
                raise SnapshotError(path=fields.path, reason="no child that is under way is described so")
            if depth >= DEPTH_LIMIT:
                raise SnapshotError(path=fields.path, reason=f"no more than {DEPTH_LIMIT} runs stand within each other")
            fields.raw("store")
            work.append((fields.inner("run"), depth + 1))
            fields.close()


def _read_store(fields: Fields, values: Values, wiring: Wiring) -> StateStore[Any]:
    kind = infer_state_type(wiring.state_types)
    data, path = fields.raw("store"), fields.at("store")
    if data is None:
        return StateStore.of(kind)
    state = values.read(data, path)
    if not isinstance(state, kind):
        raise SnapshotError(path=path, reason=f"the state is a {kind.__name__}, not a {type(state).__name__}")
    return StateStore(state, state_type=kind)
