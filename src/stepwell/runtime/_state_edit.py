"""One edit of a state: an isolated copy under the pen, and its commit."""

from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

from pydantic import BaseModel

from stepwell.runtime._state_copies import isolated_copy
from stepwell.runtime._state_pen import Pen
from stepwell.runtime._state_tree import StateTree

S = TypeVar("S", bound=BaseModel)

Gate = Callable[[], bool]


class StateEdit(Generic[S]):
    """An ``async with`` block that has the pen from its beginning to its end."""

    __slots__ = ("_draft", "_gate", "_pen", "_tree")

    def __init__(self, tree: StateTree[S], pen: Pen, gate: Gate) -> None:
        self._tree = tree
        self._pen = pen
        self._gate = gate
        self._draft: S | None = None

    async def __aenter__(self) -> S:
        self._pen.refuse_holder("edit_state")
        await self._pen.take()
        try:
            self._draft = isolated_copy(self._tree.state)
        except BaseException:
            self._pen.put_back()
            raise
        self._pen.hold()
        return self._draft

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        draft, self._draft = self._draft, None
        assert draft is not None
        try:
            if kind is None and self._gate():
                self._tree.replace(draft)
        finally:
            self._pen.put_back()
