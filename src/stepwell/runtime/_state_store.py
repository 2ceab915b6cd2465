"""The state store of a run: read and written by path or as a whole, and edited in isolation.

Rule 1. A write is never lost: whoever edits the state has the only pen until the edit ends, and everybody
        else's writes wait for it. Reading never waits, and sees the state before the edit.
Rule 2. A write costs the depth of its path, not the size of the state. ``get_state`` costs the number of
        top-level names, ``edit_state`` the size of the state.
Rule 3. No write changes what was handed out before. But a value from ``get`` is the very value in the store,
        and so are the values inside a state from ``get_state``: who changes them in place, and not by
        ``set`` or ``edit_state``, changes them for everybody at once.
Rule 4. A write that a gate refuses was made already, before a restore: it is skipped and nobody is told.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from stepwell.runtime._checks import check_path
from stepwell.runtime._outcome import Outcome
from stepwell.runtime._state_edit import Gate, StateEdit
from stepwell.runtime._state_paths import MISSING
from stepwell.runtime._state_pen import Home, Pen
from stepwell.runtime._state_tree import StateTree
from stepwell.runtime._state_types import default_state
from stepwell.runtime._watchdog import Host

S = TypeVar("S", bound=BaseModel)


def all_pass() -> bool:
    return True


def nobody_notes() -> None:
    pass


class StateStore(Generic[S]):
    """The state of a run, for any task of the run's event loop."""

    __slots__ = ("_gate", "_note_refused", "_pen", "_state_type", "_tree")

    def __init__(self, initial_state: S, *, state_type: type[S] | None = None) -> None:
        """Begin with ``initial_state``, or go on from a snapshot; ``clear`` makes a ``state_type``."""
        self._tree = StateTree(initial_state)
        self._state_type = state_type or type(initial_state)
        self._pen = Pen()
        self._gate: Gate = all_pass
        self._note_refused: Callable[[], None] = nobody_notes

    @classmethod
    def of(cls, state_type: type[S]) -> "StateStore[S]":
        """Return a store as a run begins with it; a ``StateDefaultsError`` names fields without a default."""
        return cls(default_state(state_type))

    def belong_to(self, host: Host, outcome: Outcome) -> None:
        """Refuse writers from other threads than the host's while the run of ``outcome`` is under way."""
        self._pen.home = Home(host, outcome)

    def bound(self, gate: Gate, note_refused: Callable[[], None] = nobody_notes) -> "StateStore[S]":
        """Return a view of the same state that asks ``gate`` before each write, and skips it on ``False``.

        It asks once for each ``set``, ``set_state``, ``clear``, and ``edit_state`` whose block ends well, in
        the moment in which the write is made; also for a write that then fails, of which it tells ``note_refused``.
        """
        view: StateStore[S] = StateStore.__new__(StateStore)
        view._tree = self._tree
        view._state_type = self._state_type
        view._pen = self._pen
        view._gate = gate
        view._note_refused = note_refused
        return view

    def snapshot(self) -> S:
        """Return the state as it is now, without waiting; like ``get_state``, no later write changes it."""
        return self._tree.view()

    async def get_state(self) -> S:
        """Return a shallow copy of the state: its names are the caller's, its values the store's own."""
        return self._tree.view()

    async def get(self, path: str, default: Any = ...) -> Any:
        """Return what is at ``path`` (``"users.3.name"``); ``""`` is the whole state, as ``get_state``.

        Nothing there is a ``StatePathError`` (a ``ValueError``), or ``default`` if one is given.
        """
        if type(path) is not str:
            check_path("store.get", path)
        if not path:
            return self._tree.view()
        value = self._tree.read(path)
        if value is not MISSING:
            return value
        if default is ...:
            raise self._tree.missing(path)
        return default

    async def set(self, path: str, value: Any) -> None:
        """Make ``value`` what is at ``path``; dicts are made where it leads through nothing.

        A list must have the index, a model the field, else it is a ``StateWriteError`` (a ``ValueError``).
        """
        if type(path) is not str:
            check_path("store.set", path)
        await self._write("set", lambda: self._tree.write(path, value))

    async def set_state(self, state: BaseModel) -> None:
        """Replace the state, or a parent type's fields of it; anything else is a ``StateTypeError``."""
        await self._write("set_state", lambda: self._tree.merge(state))

    async def clear(self) -> None:
        """Begin anew with the defaults of the state's type."""
        await self._write("clear", lambda: self._tree.replace(default_state(self._state_type)))

    def edit_state(self) -> "StateEdit[S]":
        """Edit a copy in ``async with store.edit_state() as state:``, which becomes the state at the end.

        Not when the block raises. Other writers wait meanwhile; a write inside the block is a
        ``StateEditError``. Values that cannot be copied (a client, a lock) are the same in both states.
        """
        return StateEdit(self._tree, self._pen, self._gate)

    async def _write(self, writer: str, make: Callable[[], None]) -> None:
        self._pen.refuse_holder(writer)
        if self._pen.is_free:
            self._make(make)
            return
        await self._pen.take()
        try:
            self._make(make)
        finally:
            self._pen.put_back()

    def _make(self, make: Callable[[], None]) -> None:
        if not self._gate():
            return
        try:
            make()
        except BaseException:
            self._note_refused()
            raise


# The peer's name for a store that lives in memory; there is no other kind here.
InMemoryStateStore = StateStore
