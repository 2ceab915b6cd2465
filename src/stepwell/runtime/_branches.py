"""The tasks of a body: what each of them did that is counted, and which recorded calls are its own.

Rule 1. A body is one branch, and so is each task that it started by ``ctx.create_task``, or otherwise and that came to
        a recorded call. Calls are in order within a branch; between branches there is none.
Rule 2. What any other task does before its first recorded call counts as done by the branch that started it.
Rule 3. Counting costs an addition. Only an attempt with several branches, or one that was taken up from a
        snapshot, is looked at more closely (``careful``).
"""

import asyncio
from contextvars import ContextVar, Token
from typing import Any, Protocol, TypeAlias

BranchPath: TypeAlias = tuple[int, ...]

Counts: TypeAlias = tuple[int, int, int, tuple[int, ...], tuple[int, ...]]
"""Events sent, events shown on the stream, writes to the store; which of the writes, and of the sends, were refused."""

NO_COUNTS: Counts = (0, 0, 0, (), ())

Call: TypeAlias = tuple[str, str]
"""The kind and the name of a recorded call."""

NO_CALL: Call = ("", "")


def told(kind: str, name: str) -> str:
    """Return how a recorded call is named in a sentence."""
    return f"{kind}({name!r})" if name else f"{kind}()"


class Branch(Protocol):
    """One task of a body; the attempt itself stands for the body's own."""

    path: BranchPath
    first: Call
    place: int
    forks: int
    sends: int
    shown: int
    writes: int
    refused: list[int] | None
    refused_sends: list[int] | None
    made_before: Counts


class Body(Branch, Protocol):
    """What an attempt has for its branches."""

    caller: "asyncio.Task[Any] | None"
    careful: bool
    branches: "dict[BranchPath, TaskBranch] | None"


class TaskBranch:
    """A task that a body started, from its first recorded call on."""

    __slots__ = (
        "body",
        "first",
        "forks",
        "inside",
        "made_before",
        "path",
        "place",
        "refused",
        "refused_sends",
        "sends",
        "shown",
        "task",
        "writes",
    )

    def __init__(self, body: Body, path: BranchPath, first: Call, task: "asyncio.Task[Any] | None") -> None:
        self.body = body
        self.first = first
        self.path = path
        self.task = task
        self.place = self.forks = self.sends = self.shown = self.writes = 0
        self.inside: str | None = None
        self.refused: list[int] | None = None
        self.refused_sends: list[int] | None = None
        self.made_before = NO_COUNTS


_BRANCH: ContextVar[TaskBranch | None] = ContextVar("stepwell_branch", default=None)


def counting_branch(body: Body) -> Branch:
    """Return the branch that what the caller does now counts for."""
    inherited = _BRANCH.get()
    return inherited if inherited is not None and inherited.body is body else body


def call_around(body: Body) -> str | None:
    """Return the recorded call whose function the caller is in, or was started by."""
    inherited = _BRANCH.get()
    return inherited.inside if inherited is not None and inherited.body is body else None


def own_branch(body: Body) -> Branch | None:
    """Return the branch of the calling task, if it has come to a recorded call before."""
    task: object = asyncio.current_task()
    if task is body or task is body.caller:
        return body
    inherited = _BRANCH.get()
    return inherited if inherited is not None and inherited.body is body and inherited.task is task else None


def new_branch(body: Body, path: BranchPath, first: Call) -> TaskBranch:
    """Return a branch for the calling task, at its first recorded call or when it is made."""
    branch = TaskBranch(body, path, first, asyncio.current_task())
    if body.branches is None:
        body.branches = {}
    body.branches[path] = branch
    body.careful = True
    _BRANCH.set(branch)
    return branch


def next_path(parent: Branch) -> BranchPath:
    """Return the path of one more branch under ``parent``."""
    parent.forks += 1
    return (*parent.path, parent.forks - 1)


def is_repeated_send(body: Body) -> bool:
    """Count an event that is sent; return whether it was sent before the snapshot."""
    branch = counting_branch(body)
    branch.sends += 1
    return branch.sends <= branch.made_before[0]


def was_refused_send(body: Body) -> bool:
    """Return whether the send that was counted last was refused before the snapshot.

    It is refused again, whether there is room now or not: what the body did then followed from the error.
    """
    branch = counting_branch(body)
    return branch.sends in branch.made_before[4]


def note_refused_send(body: Body) -> None:
    """Note that the run refused the send that was counted last."""
    branch = counting_branch(body) if body.careful else body
    if branch.refused_sends is None:
        branch.refused_sends = []
    branch.refused_sends.append(branch.sends)


def is_repeated_show(body: Body) -> bool:
    """Count an event for the stream; return whether it was shown before the snapshot."""
    branch = counting_branch(body)
    branch.shown += 1
    return branch.shown <= branch.made_before[1]


def is_new_write(body: Body) -> bool:
    """Count a write to the store; return whether it is to be made: it was not made before the snapshot.

    One that the store refused was not made. It is tried again: a body that caught the error must get it again.
    """
    branch = counting_branch(body) if body.careful else body
    branch.writes += 1
    return branch.writes > branch.made_before[2] or branch.writes in branch.made_before[3]


def note_refused(body: Body) -> None:
    """Note that the store refused the write that was counted last."""
    branch = counting_branch(body) if body.careful else body
    if branch.refused is None:
        branch.refused = []
    branch.refused.append(branch.writes)


def made_so_far(branch: Branch) -> Counts:
    """Return what a branch did, also before a snapshot that it has not caught up with."""
    sends, shown, writes, refused, refused_sends = branch.made_before
    known = (*(branch.refused or ()), *(one for one in refused if one > branch.writes))
    known_sends = (*(branch.refused_sends or ()), *(one for one in refused_sends if one > branch.sends))
    return max(branch.sends, sends), max(branch.shown, shown), max(branch.writes, writes), known, known_sends


def enter_call(body: Body, branch: Branch, place: int, told: str, made_before: Counts) -> "tuple[TaskBranch, _Token]":
    """Begin the function of a recorded call: what is done in it, also by its tasks, is counted apart."""
    scope = TaskBranch(body, (*branch.path, -1 - place), NO_CALL, None)
    scope.inside = told
    scope.made_before = made_before
    if body.branches is None:
        body.branches = {}
    body.branches[scope.path] = scope
    body.careful = True
    return scope, _BRANCH.set(scope)


def leave_call(body: Body, scope: TaskBranch, token: "_Token", *, careful: bool) -> None:
    """End it: what was counted is part of what is recorded, or will be done again with the whole body."""
    _BRANCH.reset(token)
    assert body.branches is not None
    del body.branches[scope.path]
    body.careful = careful or bool(body.branches)


_Token: TypeAlias = "Token[TaskBranch | None]"
