"""The stacks of ids that older clients read and set: thin views of the context, which keeps no lists."""

from contextvars import Token

from stepwell.callbacks._schema import BASE_TRACE_EVENT
from stepwell.callbacks._span import ENDED, NAMED, Frame, Scope, Span, current, enclosing_scope, find_span, standing

empty_trace_ids: list[str] = []


class EventStack:
    """The ids of the open events around the running code, outermost first, under ``"root"``."""

    def get(self) -> list[str]:
        """A new list; changing it changes nothing."""
        ids: list[str] = []
        frame = standing(current.get())
        while isinstance(frame, (Span, Scope)):
            if isinstance(frame, Scope) and frame.state != NAMED:
                break
            if frame.state < ENDED:
                ids.append(frame.id)
            frame = frame.up
        return [BASE_TRACE_EVENT, *reversed(ids)]

    def set(self, ids: list[str]) -> Token[Frame | None]:
        """Stand under the last of ``ids`` that is an open event, wherever it runs; under none, outside all."""
        return current.set(next(filter(None, map(find_span, reversed(ids))), None))

    def reset(self, token: Token[Frame | None]) -> None:
        """Stand where `set` was called."""
        current.reset(token)


class TraceNameStack:
    """The names of the traces around the running code, outermost first."""

    def get(self) -> list[str]:
        """A new list; changing it changes nothing."""
        names: list[str] = []
        scope = enclosing_scope(standing(current.get()))
        while scope is not None and not scope.trace.is_implicit:
            if scope.state != ENDED:
                names.append(scope.name)
            scope = scope.outer
        return names[::-1]


global_stack_trace = EventStack()
global_stack_trace_ids = TraceNameStack()
