"""The state itself: written in place where nobody else can see it, copied on the path where somebody can.

Rule 1. What was handed out (by ``read`` or ``view``) or given in (by ``write``) is never changed by a later
        write: the containers on the written path are copied first, each shallowly and once.
Rule 2. A container that was copied and not handed out since is the tree's own, and is written in place. So a
        write costs the depth of its path, however many keys the state has.
Rule 3. What is inside a tuple or an object of a user's own class is written in place always: such things
        have an identity that a copy would lose.
"""

from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from stepwell.errors import StateWriteError
from stepwell.runtime._state_paths import (
    MISSING,
    assign,
    child_at,
    not_found,
    own_key,
    read_path,
    relink,
    shallow_copy,
    split_path,
)
from stepwell.runtime._state_types import merged_state

S = TypeVar("S", bound=BaseModel)

# What needs no protection from later writes.
ATOMS = (str, int, float, bool, bytes, type(None))


class Owned:
    """A container that only the tree can see, and those inside it; ``in_place``: one that is never copied."""

    __slots__ = ("children", "container", "in_place")

    def __init__(self, container: Any, *, in_place: bool = False) -> None:
        self.container = container
        self.in_place = in_place
        self.children: dict[Any, Owned] = {}


class StateTree(Generic[S]):
    """One state, and the knowledge of which of its containers nobody else holds."""

    __slots__ = ("_owned", "state")

    def __init__(self, state: S) -> None:
        self.state = state
        self._owned: Owned | None = None

    def replace(self, state: S) -> None:
        """Take another state, of which somebody else may hold any part: its names are the store's own from now on."""
        self.state = state.model_copy()
        self._owned = None

    def merge(self, incoming: BaseModel) -> None:
        """Take ``incoming`` as the state, or its fields when its type is a parent of the state's."""
        self.replace(merged_state(self.state, incoming))

    def view(self) -> S:
        """Return the state as it is now, in a shallow copy: no later write changes anything in it."""
        if self._owned is not None:
            self._owned.children.clear()
        return self.state.model_copy()

    def read(self, path: str) -> Any:
        """Return the very value at ``path``, or ``MISSING``."""
        segments = split_path(path)
        value = read_path(self.state, segments)
        if type(value) not in ATOMS:
            self._hand_out(segments)
        return value

    def missing(self, path: str) -> Exception:
        return not_found(self.state, split_path(path))

    def _hand_out(self, segments: list[str]) -> None:
        owned = self._owned
        for position, segment in enumerate(segments):
            if owned is None:
                return
            key = own_key(owned.container, segment)
            if position == len(segments) - 1:
                owned.children.pop(key, None)
            else:
                owned = owned.children.get(key)

    def write(self, path: str, value: Any) -> None:
        """Make ``value`` what is at ``path``; dicts are made where the path leads through nothing."""
        if not path:
            raise StateWriteError(path=path, reason="Path cannot be empty; set_state() replaces the whole state")
        *way, last = split_path(path)
        owned = self._owned_root()
        for segment in way:
            owned = self._step_into(owned, segment, path)
        key = own_key(owned.container, last)
        owned.children.pop(key, None)
        assign(owned.container, key, value, path)

    def _owned_root(self) -> Owned:
        if self._owned is None:
            self.state = self.state.model_copy()
            self._owned = Owned(self.state)
        return self._owned

    def _step_into(self, owned: Owned, segment: str, path: str) -> Owned:
        holder = owned.container
        key = own_key(holder, segment)
        child = child_at(holder, key)
        known = owned.children.get(key)
        # A model's own validators may have put something else there since.
        if known is not None and known.container is child:
            return known
        if child is MISSING:
            # What takes no new name says so here.
            assign(holder, key, {}, path)
            inner = Owned(child_at(holder, key), in_place=owned.in_place)
        elif owned.in_place:
            return Owned(child, in_place=True)
        else:
            fresh = shallow_copy(child)
            if fresh is MISSING:
                return Owned(child, in_place=True)
            relink(holder, key, fresh)
            inner = Owned(fresh)
        owned.children[key] = inner
        return inner
