"""Carrying the place in a trace to where Python does not: other threads, and other processes.

Tasks and ``asyncio.to_thread`` carry it by themselves. Plain threads, pools and ``run_in_executor`` begin with an empty
context; `propagate` gives them the caller's. Between processes it travels as the headers of W3C Trace Context
(https://www.w3.org/TR/trace-context/), level 1.
"""

import asyncio
import contextvars
import functools
import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from stepwell.callbacks._span import RemoteParent, current_span, current_trace
from stepwell.errors import CallbackArgumentError

P = ParamSpec("P")
R = TypeVar("R")

_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16


def propagate(function: Callable[P, R]) -> Callable[P, R]:
    """``function``, to be called in any thread, any number of times at once, in a copy of this context.

    All context variables go along, for handlers keep their own there.
    """
    context = contextvars.copy_context()

    @functools.wraps(function)
    def carried(*args: P.args, **kwargs: P.kwargs) -> R:
        # A context can be entered by one thread at a time, so each call has its own copy.
        return context.copy().run(function, *args, **kwargs)

    return carried


class ContextThreadPoolExecutor(ThreadPoolExecutor):
    """A pool of threads in which each call runs in a copy of the context of its submission."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        return super().submit(propagate(fn), *args, **kwargs)


async def run_in_executor(executor: Executor | None, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Like ``loop.run_in_executor``, in a copy of this context; ``None`` is the default executor of the loop."""
    call = functools.partial(contextvars.copy_context().run, function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(executor, call)


def inject(carrier: MutableMapping[str, str] | None = None) -> MutableMapping[str, str]:
    """Write the running event and its trace into ``carrier`` (or a new dictionary) as ``traceparent``, and return it.

    Outside every event and trace nothing is written.
    """
    carrier = {} if carrier is None else carrier
    given: object = carrier
    if isinstance(given, list) or not hasattr(type(given), "__setitem__"):
        raise CallbackArgumentError(argument="carrier", expected="a dictionary to write into", value=carrier)
    span, trace = current_span(), current_trace()
    if span is not None:
        trace = span.trace
    if trace is None or (trace.is_implicit and span is None):
        return carrier
    running = trace if span is None else span
    remote = trace.remote
    is_sampled = remote is None or remote.is_sampled
    carrier["traceparent"] = f"00-{running.trace_id}-{running.span_id}-{int(is_sampled):02x}"
    if remote is not None and remote.state:
        carrier["tracestate"] = remote.state
    return carrier


def extract(carrier: Mapping[str, str]) -> RemoteParent | None:
    """The event of another process that ``carrier`` (headers, in any case) names, for ``as_trace(…, remote=)``.

    ``None`` if there is none, or if its header is malformed: the specification has that ignored.
    """
    if isinstance(carrier, type) or not callable(getattr(carrier, "items", None)):
        raise CallbackArgumentError(argument="carrier", expected="a mapping of header names to values", value=carrier)
    items: Iterable[tuple[object, object]] = carrier.items()
    headers = {name.lower(): value for name, value in items if isinstance(name, str) and isinstance(value, str)}
    match = _TRACEPARENT.fullmatch(headers.get("traceparent", "").strip())
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest) or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return RemoteParent(
        trace_id, span_id, is_sampled=bool(int(flags, 16) & 1), state=headers.get("tracestate", "").strip()
    )
