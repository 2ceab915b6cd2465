"""What can happen to a run, as past-tense plain data.

A fact is all that the machine ever learns. ``at`` is when it happened, in seconds of the
driver's clock; ``key`` is an event's type key, ``event`` an opaque reference. Records are
not changed after they are made. (Not frozen: that costs 2.2 times as much to build.)
"""

from enum import Enum
from typing import Final, TypeAlias, final

from stepwell.core._records import record

WaitId: TypeAlias = tuple[int, int]
"""A wait is named by its attempt and its ordinal within that attempt."""


@record()
class Point:
    """A call in a body whose outcome is recorded: a wait, or something done once.

    ``branch`` is the way from the body to the task that called, ``place`` counts the calls in that task.
    ``nth`` counts the calls of this ``kind`` and ``name`` in the attempt; what has no name is not kept for a
    further attempt. ``asks`` is the question that it showed.
    """

    branch: tuple[int, ...]
    place: int
    kind: str
    name: str
    nth: int = 0
    asks: object = None


class Settlement(Enum):
    """How a recorded call ended. ``ASKED`` is what is left of one that never did: its question was shown."""

    DONE = "done"
    LATE = "late"
    FAILED = "failed"
    DROPPED = "dropped"
    ASKED = "asked"


# See ``RUNNING`` in the effects.
DONE: Final = Settlement.DONE
LATE: Final = Settlement.LATE


@record()
class RunStarted:
    """The run began with ``event``. ``timeout`` (seconds) is ``None`` when the run has no limit."""

    at: float
    key: str
    event: object
    timeout: float | None
    external_events: bool


@record()
class EventSent:
    """Somebody sent an event: an attempt (``sender``), or the outside (``None``).

    ``step`` names the only step it is for, ``wakes`` the waits that the driver found it to answer.
    """

    at: float
    key: str
    event: object
    sender: int | None = None
    step: int | None = None
    wakes: tuple[WaitId, ...] = ()


@final
@record()
class StepFinished:
    """A step's body returned. ``key`` is ``None`` when it returned nothing."""

    at: float
    attempt: int
    key: str | None
    event: object
    wakes: tuple[WaitId, ...] = ()


@record()
class StepFannedOut:
    """A step's body returned a list: each event opens one branch of a new scope.

    ``wakes`` has the waits that each event answers, or nothing when no wait is open.
    """

    at: float
    attempt: int
    keys: tuple[str, ...]
    events: tuple[object, ...]
    wakes: tuple[tuple[WaitId, ...], ...] = ()


@record()
class StepFailed:
    """A step's body raised ``error`` or overran its time.

    ``retry_at`` is the decision of the retry policy, taken by the driver; ``None`` means no further
    attempt. ``failure`` is the event for a handler of errors, made by the driver; ``began`` is when
    the first of these attempts started. ``collected`` is what the driver wants to know again at the next one.
    """

    at: float
    attempt: int
    error: object
    failure: object
    began: float
    retry_at: float | None = None
    collected: object = None


@record()
class StepCancelled:
    """An attempt that was told to stop has stopped, or was given up."""

    at: float
    attempt: int


@record()
class TimerFired:
    """The time of a timer has come."""

    at: float
    timer: int


@record()
class CancelRequested:
    """Somebody asked for the end of the run."""

    at: float


@record()
class WaitStarted:
    """A step's body suspended itself: for an event of type ``key``, for a ``deadline``, or for both.

    ``ask`` is published at once. ``takes`` is the held event that the driver found to answer it. ``point`` is
    where its end is recorded.
    """

    at: float
    attempt: int
    wait: int
    key: str | None
    deadline: float | None
    ask: object = None
    takes: int | None = None
    point: Point | None = None


@record()
class WaitDropped:
    """A wait ended from within: the body stopped listening."""

    at: float
    attempt: int
    wait: int


@record()
class PointRecorded:
    """A call in a body came to an end that a further run of the body must not do again. ``value`` is what came."""

    at: float
    attempt: int
    point: Point
    settlement: Settlement
    value: object


@record()
class ChildOpened:
    """A step's body suspended itself until another run, its child, is over. The child is at work.

    ``point`` is where its end is recorded.
    """

    at: float
    attempt: int
    wait: int
    point: Point | None = None


@record()
class ChildPaused:
    """A child has nothing to do before something comes from outside, or an hour strikes."""

    at: float
    attempt: int
    wait: int


@record()
class ChildResumed:
    """A child is at work again."""

    at: float
    attempt: int
    wait: int


@record()
class ChildClosed:
    """A child is over. ``value`` is what its step gets of it: a result, or what is raised there (``failed``)."""

    at: float
    attempt: int
    wait: int
    failed: bool = False
    value: object = None


@record()
class InputAnswered:
    """An answer came from outside that nothing in this run takes, but a child of it did."""

    at: float


@record()
class InputWithdrawn:
    """A question is not open any more, without an answer: who asked has given up. One may come all the same."""

    at: float


@record()
class HeldPassedOn:
    """An event that was held for a wait of this run went to a wait of a child."""

    at: float
    held: int


@record()
class InputAsked:
    """An input request was written to the stream, so that an answer from outside is possible."""

    at: float


@record()
class TaskOpened:
    """An attempt started a background task, which counts as running."""

    at: float
    attempt: int


@record()
class TaskClosed:
    """A background task of an attempt ended. ``error`` is what it left when its step's body was over."""

    at: float
    attempt: int
    error: object = None


@record()
class TurnPassed:
    """The driver's loop made one empty turn after the machine asked for it."""

    at: float


Fact: TypeAlias = (
    RunStarted
    | EventSent
    | StepFinished
    | StepFannedOut
    | StepFailed
    | StepCancelled
    | TimerFired
    | CancelRequested
    | WaitStarted
    | WaitDropped
    | PointRecorded
    | ChildOpened
    | ChildPaused
    | ChildResumed
    | ChildClosed
    | InputAsked
    | InputAnswered
    | InputWithdrawn
    | HeldPassedOn
    | TaskOpened
    | TaskClosed
    | TurnPassed
)
