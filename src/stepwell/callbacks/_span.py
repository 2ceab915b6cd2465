"""Where an event stands: which events are open, which of them is the parent of the next, and in which trace.

One context variable holds the innermost frame of the running code; frames are linked upward and never copied, so that
depth costs nothing. An ended frame stays in contexts that were copied from it, and is passed over when a parent is
looked for: this is what keeps parents right over tasks, threads, generators and ends out of order. A frame refers to
what encloses it, never to its causes or children, so that a chain of steps is not kept alive by its last.
"""

import threading
import time
import weakref
from collections import defaultdict
from collections.abc import Mapping
from contextvars import ContextVar
from itertools import islice
from typing import Any, Final, Literal, TypeAlias

from stepwell.callbacks import _ids
from stepwell.callbacks._schema import BASE_TRACE_EVENT, CBEventType

Status: TypeAlias = Literal["ok", "error", "timeout", "cancelled", "retried", "vetoed"]

# The states of a frame. Up to ENDING it may be a parent. A NAMED frame is the name of a nested trace: transparent,
# for it can be ended by its name and is never a parent.
STARTING: Final = 0
OPEN: Final = 1
ENDING: Final = 2
ENDED: Final = 3
NAMED: Final = 4

MAX_TRACE_EVENTS: Final = 10_000
"""How many events the map of one trace lists; later ones are only counted, in ``Trace.dropped``."""
MAX_OPEN_EVENTS: Final = 65_536
"""How many open events can be found by their id at a time; the oldest are forgotten first."""
MAX_NOTED_ERRORS: Final = 16
"""How many exceptions an open event remembers as already reported from inside it."""

_ID_LOCK = threading.Lock()


class RemoteParent:
    """An event in another process, as a W3C ``traceparent`` header names it; a trace can hang under it.

    ``trace_id`` and ``span_id`` are 32 and 16 hexadecimal digits; ``state`` is the ``tracestate`` header, unread.
    """

    __slots__ = ("is_sampled", "span_id", "state", "trace_id")

    def __init__(self, trace_id: str, span_id: str, *, is_sampled: bool = True, state: str = "") -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.is_sampled = is_sampled
        self.state = state


class Frame:
    """Something that encloses running code: an event (`Span`), or a trace or nested trace name (`Scope`)."""

    __slots__ = ("id", "noted", "state", "up")

    id: str
    up: "Frame | None"
    state: int
    noted: list[BaseException] | None

    def note_error(self, error: BaseException) -> None:
        """Remember that ``error`` was reported inside this frame, so that it is not reported again around it."""
        if self.noted is None:
            self.noted = [error]
        elif not self.has_noted(error):
            self.noted.append(error)
            del self.noted[:-MAX_NOTED_ERRORS]

    def has_noted(self, error: BaseException) -> bool:
        return self.noted is not None and any(known is error for known in self.noted)


class Scope(Frame):
    """A name under which code is traced. The outermost one is a `Trace`; one inside it is only a name."""

    __slots__ = ("attributes", "error", "name", "outer", "status")

    def __init__(self, name: str, up: Frame | None, outer: "Scope | None", state: int = NAMED) -> None:
        self.id = BASE_TRACE_EVENT
        self.up = up
        self.state = state
        self.noted = None
        self.name = name
        self.outer = outer
        self.attributes: Mapping[str, Any] = {}
        self.status: Status = "ok"
        self.error: BaseException | None = None

    @property
    def trace(self) -> "Trace":
        """The trace to which this name belongs."""
        scope = self
        while scope.outer is not None:
            scope = scope.outer
        assert isinstance(scope, Trace)
        return scope


class Trace(Scope):
    """A tree of events with one root.

    ``map`` lists, for each event, the ids of its children in order of their start, at most `MAX_TRACE_EVENTS` in
    all; ``dropped`` counts those that it does not hold. Each manager has an *implicit* trace for events that start
    outside any: no handler hears of it, and when its map is full it begins anew.
    """

    __slots__ = (
        "_own_id",
        "_trace_id",
        "dropped",
        "is_implicit",
        "listed",
        "manager",
        "map",
        "name_ended",
        "remote",
        "started_ns",
        "wall_ns",
    )

    def __init__(
        self,
        manager: object,
        name: str = "",
        up: Frame | None = None,
        *,
        remote: RemoteParent | None = None,
        is_implicit: bool = False,
    ) -> None:
        super().__init__(name, up, None, OPEN if is_implicit else STARTING)
        self.map: defaultdict[str, list[str]] = defaultdict(list)
        self.manager = weakref.ref(manager)  # which keeps its last trace, and would make a cycle
        self.listed = 0
        self.dropped = 0
        self.name_ended = False
        self.remote = remote
        self.is_implicit = is_implicit
        self.started_ns = time.perf_counter_ns()
        self.wall_ns = time.time_ns()
        self._trace_id = ""
        self._own_id = ""

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits that name this trace in the world; those of the remote parent, if it has one."""
        with _ID_LOCK:
            if not self._trace_id:
                self._trace_id = self.remote.trace_id if self.remote else _ids.new_trace_id()
            return self._trace_id

    @property
    def span_id(self) -> str:
        """16 hexadecimal digits that name the root of this trace on the wire."""
        with _ID_LOCK:
            if not self._own_id:
                self._own_id = _ids.span_digits(_ids.new_event_id())
            return self._own_id

    def record(self, event_id: str, parent_id: str) -> None:
        """List ``event_id`` under ``parent_id``."""
        if self.listed >= MAX_TRACE_EVENTS:
            if not self.is_implicit:
                self.dropped += 1
                return
            self.dropped += self.listed
            self.listed = 0
            self.map = defaultdict(list)
        self.listed += 1
        children = self.map
        if not children and parent_id != BASE_TRACE_EVENT:
            children[BASE_TRACE_EVENT] = []  # clients rely on "root" being the first key
        children[parent_id].append(event_id)


class Stream:
    """What is measured about the chunks of one event."""

    __slots__ = ("chunks", "first_ns", "first_tokens", "last_ns", "tokens", "told_ns")

    def __init__(self, now: int) -> None:
        self.first_ns = now
        self.last_ns = now
        self.told_ns = 0
        self.chunks = 0
        self.tokens = 0
        self.first_tokens = 0

    def take(self, tokens: int, now: int) -> None:
        """Count one chunk of ``tokens`` tokens."""
        self.chunks += 1
        self.tokens += tokens
        self.last_ns = now
        if self.chunks == 1:
            self.first_tokens = tokens

    def figures(self, started_ns: int) -> dict[str, Any]:
        """Seconds to the first chunk, the number of chunks, and tokens a second once there are two."""
        figures: dict[str, Any] = {
            "time_to_first_chunk": (self.first_ns - started_ns) / 1e9,
            "chunk_count": self.chunks,
        }
        elapsed = self.last_ns - self.first_ns
        if elapsed > 0 and self.tokens > self.first_tokens:
            # The tokens of the first chunk were made before it came, so they say nothing about the pace after it.
            figures["tokens_per_second"] = (self.tokens - self.first_tokens) * 1e9 / elapsed
        return figures


class Span(Frame):
    """One event from its start to its end, as the manager knows it; a handler gets it from `find_span`.

    ``links`` are the ids of further causes besides the parent. Times are nanoseconds of the monotonic clock, taken
    if the manager has handlers, else 0; ``ended_ns`` is 0 while the event is open. ``error`` is set on every event
    that an exception passed through, although only the innermost one carries it in its payload. ``learnt`` is what
    was added to the payload after the start.
    """

    __slots__ = (
        "ended_ns",
        "error",
        "event_type",
        "learnt",
        "links",
        "parent_id",
        "scope",
        "started_ns",
        "status",
        "stream",
        "trace",
    )

    def __init__(
        self,
        event_id: str,
        event_type: CBEventType,
        parent_id: str,
        up: Frame | None,
        scope: Scope,
        trace: Trace,
    ) -> None:
        self.id = event_id
        self.event_type = event_type
        self.parent_id = parent_id
        self.up = up
        self.scope = scope
        self.trace = trace
        self.state = STARTING
        self.noted = None
        self.status: Status = "ok"
        self.error: BaseException | None = None
        self.links: tuple[str, ...] = ()
        self.learnt: dict[str, Any] | None = None
        self.stream: Stream | None = None
        self.started_ns = 0
        self.ended_ns = 0

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits that name the trace in the world; outside a trace, those of the outermost event."""
        if not self.trace.is_implicit:
            return self.trace.trace_id
        outermost = self
        while isinstance(outermost.up, Span):
            outermost = outermost.up
        return _ids.trace_digits(outermost.id)

    @property
    def span_id(self) -> str:
        """16 hexadecimal digits that name this event on the wire."""
        return _ids.span_digits(self.id)

    @property
    def started_wall_ns(self) -> int:
        """When the event started, in nanoseconds since the epoch; consistent within its trace."""
        return self.trace.wall_ns + self.started_ns - self.trace.started_ns

    @property
    def seconds(self) -> float | None:
        """How long the event took; ``None`` while it is open."""
        return (self.ended_ns - self.started_ns) / 1e9 if self.ended_ns else None

    def end_payload(self, payload: dict[str, Any] | None) -> dict[str, Any] | None:
        """``payload`` with what was learnt and measured while the event was open."""
        if self.learnt is not None:
            payload = {**self.learnt, **(payload or {})}
        if self.stream is not None:
            payload = {**(payload or {}), **self.stream.figures(self.started_ns)}
        return payload


current: ContextVar[Frame | None] = ContextVar("stepwell_callback_frame", default=None)

open_spans: dict[str, Span] = {}


def find_span(event_id: object) -> Span | None:
    """The open event with this id, in whatever thread or task it runs; handlers may ask while they are told."""
    return open_spans.get(event_id) if isinstance(event_id, str) else None


def forget_oldest() -> None:
    """Make room in the register of open events."""
    # A quarter at a time: dropping one by one would scan the front of the dictionary again and again.
    for event_id in list(islice(open_spans, MAX_OPEN_EVENTS // 4)):
        open_spans.pop(event_id, None)


def standing(frame: Frame | None) -> Frame | None:
    """``frame``, or the nearest around it that has not ended."""
    while frame is not None and frame.state == ENDED:
        frame = frame.up
    return frame


def parent_of(frame: Frame | None) -> Frame | None:
    """``frame``, or the nearest around it that may be a parent."""
    while frame is not None and frame.state >= ENDED:
        frame = frame.up
    return frame


def enclosing_scope(frame: Frame | None) -> Scope | None:
    """The innermost trace or trace name around ``frame``, ended ones passed over."""
    if isinstance(frame, Span):
        frame = frame.scope
    while frame is not None and frame.state == ENDED:
        frame = frame.up.scope if isinstance(frame.up, Span) else frame.up
    return frame if isinstance(frame, Scope) else None


def let_go(span: Span) -> None:
    """Take ``span`` as ended: out of the register, and out of this context if it is current there."""
    span.state = ENDED
    span.noted = None
    if open_spans.get(span.id) is span:
        del open_spans[span.id]
    if current.get() is span:
        up = span.up
        current.set(up if up is None or up.state != ENDED else standing(up))


def current_span() -> Span | None:
    """The innermost open event around the running code that can have children."""
    frame = parent_of(current.get())
    return frame if isinstance(frame, Span) else None


def current_trace() -> Trace | None:
    """The trace around the running code, which is implicit when an event started outside any."""
    frame = current.get()
    if frame is None:
        return None
    scope = enclosing_scope(standing(frame))
    return scope.trace if scope is not None else None
