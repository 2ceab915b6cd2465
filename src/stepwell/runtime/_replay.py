"""An attempt that was taken up from a snapshot: its body runs from the top, through what is recorded of it.

Rule 1. A recorded call returns what it returned, in the order in which the calls returned then, and with a few
        turns of the loop between: so tasks of one body take turns as they did. (Nobody is held up for long: what
        a body did is counted for each task.)
Rule 2. A call that was given up is not answered: it waits until it is given up again, and holds up no other.
Rule 3. A call that was open goes on with the wait that the machine still has open.
Rule 4. What the body asks instead of what is recorded is a ``PointMismatchError``, also if the body hides it.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from stepwell.core import Point, Settled, Settlement, record
from stepwell.errors import PointMismatchError, ReplayError
from stepwell.runtime._branches import (
    NO_CALL,
    NO_COUNTS,
    Body,
    Branch,
    BranchPath,
    Call,
    Counts,
    new_branch,
    next_path,
    told,
)
from stepwell.runtime._restored import RestoredChild

PATIENCE_SECONDS = 1.0
"""How long the calls that returned later are held up for one to which the body has not come."""

TURNS_BETWEEN = 4
"""Turns of the loop for what follows from one returning call (a group of tasks ends, who waited for it goes on)."""


@record(eq=False)
class Entry:
    """A recorded call. ``wait`` is the ordinal of one that is still open; ``settled`` what came of one that is not."""

    point: Point
    settled: Settled | None = None
    wait: int | None = None
    future: "asyncio.Future[Any] | None" = None
    is_overdue: bool = False

    @property
    def is_dropped(self) -> bool:
        return self.settled is not None and self.settled.settlement is Settlement.DROPPED


class Replay:
    """What is recorded of one attempt, and how far its body has come again."""

    def __init__(
        self,
        step: str,
        settled: Iterable[Settled],
        waits: Mapping[int, Point],
        branches: Mapping[BranchPath, tuple[Call, Counts]],
    ) -> None:
        self._step = step
        self.tasks_opened = 0
        self.children: dict[int, RestoredChild] = {}
        self.outcomes: dict[int, tuple[bool, Any]] = {}
        self.body_is_over = False
        self.was_stopped = False
        self._branches = branches
        entries = [Entry(one.point, one) for one in settled]
        self._order = [entry for entry in entries if not entry.is_dropped]
        self._next = 0
        self._caught_up: list[asyncio.Future[None]] = []
        self._is_between = False
        self._alarm: asyncio.TimerHandle | None = None
        self._mismatch: ReplayError | None = None
        self._calls: dict[BranchPath, list[Entry]] = {(): []}
        for entry in (*entries, *(Entry(point, wait=wait) for wait, point in waits.items())):
            self._calls.setdefault(entry.point.branch, []).append(entry)
        for calls in self._calls.values():
            calls.sort(key=lambda entry: entry.point.place)
        self._unclaimed: dict[BranchPath, list[BranchPath]] = {}
        for path in sorted(branches):
            if path and path[-1] >= 0:
                self._unclaimed.setdefault(path[:-1], []).append(path)
        self._forks = {parent: max(path[-1] for path in paths) + 1 for parent, paths in self._unclaimed.items()}

    def made_in(self, branch: Branch, place: int) -> Counts:
        """Return what the function of a call had done when the snapshot was made inside of it."""
        return self._branches.get((*branch.path, -1 - place), (NO_CALL, NO_COUNTS))[1]

    def claim(self, body: Body, parent: Branch, kind: str, name: str) -> Branch:
        """Return the branch of a task at its first recorded call: a recorded one that began so, or a new one."""
        unclaimed = self._unclaimed.get(parent.path, [])
        for path in unclaimed:
            first, made = self._branches[path]
            if first == (kind, name):
                unclaimed.remove(path)
                branch = new_branch(body, path, first)
                branch.made_before = made
                return branch
        parent.forks = max(parent.forks, self._forks.get(parent.path, 0))
        return new_branch(body, next_path(parent), (kind, name))

    def find(self, branch: Branch, place: int, kind: str, name: str) -> Entry | None:
        """Return what is recorded of a call, ``None`` when the body is past all that is."""
        entries = self._calls.get(branch.path, [])
        if place >= len(entries):
            return None
        entry = entries[place]
        if (entry.point.kind, entry.point.name) != (kind, name):
            raise self._differs(entry.point, told(kind, name))
        return entry

    def branches_left(self, claimed: Collection[BranchPath]) -> dict[BranchPath, tuple[Call, Counts]]:
        """Return the branches that the body has not come to again, and what they did."""
        return {path: branch for path, branch in self._branches.items() if path not in claimed}

    def _differs(self, point: Point, asked: str) -> PointMismatchError:
        error = PointMismatchError(step=self._step, recorded=told(point.kind, point.name), asked=asked)
        self.disagree(error)
        return error

    def disagree(self, error: ReplayError) -> None:
        """Take note of what the body does otherwise than recorded, should it hide the error."""
        self._mismatch = error

    def flaw(self, body: Branch) -> ReplayError | None:
        """Return what the body, which has returned, did otherwise than recorded."""
        if self._mismatch is None and body.place < len(self._calls[()]):
            self._differs(self._calls[()][body.place].point, "its end")
        return self._mismatch

    def lacks_tasks(self) -> PointMismatchError:
        """Return what is wrong with a body that does not start the background tasks again that it had started."""
        return PointMismatchError(step=self._step, recorded="create_task()", asked="its end")

    def open_waits(self, futures: "Mapping[int, asyncio.Future[Any] | None]") -> None:
        """Take the futures of the waits that are still open, by their ordinals."""
        for calls in self._calls.values():
            for entry in calls:
                if entry.wait is not None:
                    entry.future = futures[entry.wait]

    async def settle(self, entry: Entry) -> Any:
        """Return what a recorded call returned, or raise what it raised, when its turn has come."""
        entry.future = asyncio.get_running_loop().create_future()
        if entry.is_overdue:
            _return_from(entry)
        self._release()
        return await entry.future

    async def catch_up(self, answer: "asyncio.Future[Any]") -> None:
        """Wait until every call that has returned by the time of the snapshot has returned again.

        Where the call that was open has its ``answer`` already, the body would not wait at all: then the tasks that it
        started are given the turns that they had while it waited, for what they do is counted in that order.
        """
        while self._next < len(self._order):
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._caught_up.append(future)
            self._release()
            await future
        if answer.done():
            for _ in range(TURNS_BETWEEN):
                await asyncio.sleep(0)

    def _release(self) -> None:
        """Let the next call return, if the body has come to it."""
        if self._is_between or self._next >= len(self._order):
            return
        entry = self._order[self._next]
        if entry.future is None:
            if self._alarm is None:
                self._alarm = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._lose_patience, entry)
            return
        _return_from(entry)
        self._advance()

    def _lose_patience(self, entry: Entry) -> None:
        """Hold nobody up any longer for a call to which the body does not come: it may never."""
        self._alarm = None
        if self._next < len(self._order) and self._order[self._next] is entry and entry.future is None:
            entry.is_overdue = True
            self._advance()
        else:
            self._release()

    def _advance(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._next += 1
        self._is_between = True
        self._turn(TURNS_BETWEEN)

    def _turn(self, left: int) -> None:
        if left:
            asyncio.get_running_loop().call_soon(self._turn, left - 1)
            return
        self._is_between = False
        self._release()
        if self._next >= len(self._order):
            waiting, self._caught_up = self._caught_up, []
            for future in waiting:
                if not future.done():
                    future.set_result(None)


def _return_from(entry: Entry) -> None:
    """Let a call return to its caller, unless its task was stopped meanwhile."""
    assert entry.future is not None
    assert entry.settled is not None
    settlement, value = entry.settled.settlement, entry.settled.value
    if entry.future.done():
        return
    if settlement is Settlement.FAILED:
        assert isinstance(value, BaseException)
        entry.future.set_exception(value)
    else:
        entry.future.set_result((value, settlement is Settlement.LATE))
