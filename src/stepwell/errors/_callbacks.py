"""What can be wrong about a call to the callbacks, and the two ways in which a handler says no."""

from collections.abc import Iterable

from stepwell.errors._roots import UsageError
from stepwell.errors._shown import nearest, shown


class CallbackArgumentError(UsageError, TypeError, ValueError):
    """An argument of a callback call has a type or value that it cannot have."""

    def __init__(self, *, argument: str, expected: str, value: object) -> None:
        self.argument = argument
        self.expected = expected
        self.value = value
        super().__init__(
            f"{argument} is {shown(value)}, a {type(value).__name__}; {expected} would have been fine. "
            f"Pass {argument} as {expected}, or leave it out."
        )


class UnknownEventTypeError(UsageError, ValueError):
    """An event type that is none of the members of CBEventType."""

    def __init__(self, *, event_type: object, known: Iterable[str]) -> None:
        self.event_type = event_type
        self.known = tuple(known)
        near = nearest(shown(event_type), self.known)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(
            f"{shown(event_type)} is no callback event type; the types are {', '.join(self.known)}.{hint} "
            f"Pass a member of CBEventType, and put a kind of your own into the payload."
        )


class NotAHandlerError(UsageError, TypeError):
    """Something was given as a callback handler that lacks a handler's methods."""

    def __init__(self, *, value: object, missing: Iterable[str]) -> None:
        self.value_type = type(value).__name__
        self.is_class = isinstance(value, type)
        self.missing = tuple(missing)
        if isinstance(value, type):
            problem = f"the class {value.__name__} itself was given as a callback handler"
            remedy = f"Pass an instance: {value.__name__}(...)."
        else:
            problem = f"a {self.value_type} is no callback handler: it lacks {', '.join(self.missing)}"
            remedy = "Subclass BaseCallbackHandler and pass an instance."
        super().__init__(f"{problem}. {remedy}")


class DuplicateHandlerError(UsageError, ValueError):
    """A manager was given a handler of the very type of the global handler."""

    def __init__(self, *, handler_type: type) -> None:
        self.handler_type = handler_type
        super().__init__(
            f"Cannot add two handlers of the same type {handler_type} to the callback manager: "
            f"the global handler is one, and takes part in every manager. "
            f"Leave {handler_type.__name__} out of handlers, or clear the global handler."
        )


class UnknownEvalModeError(UsageError, ValueError):
    """A global handler was asked for by a name that stands for none."""

    def __init__(self, *, mode: str, known: Iterable[str]) -> None:
        self.mode = mode
        self.known = tuple(known)
        super().__init__(
            f"Eval mode {mode} not supported. The modes are {', '.join(self.known)}; "
            f"for a handler of your own, set stepwell.callbacks.settings.global_handler."
        )


class HandlerNotInstalledError(UsageError, ImportError):
    """The package behind the name of a global handler cannot be imported."""

    def __init__(self, *, mode: str, package: str) -> None:
        self.mode = mode
        self.package = package
        super().__init__(
            f"eval mode {mode!r} needs the package {package}, which is not installed. "
            f"Please install it using `pip install {package}`."
        )


class CallbackVeto(UsageError):
    """Raised by a handler to stop the program that it watches; always reaches the program.

    Every other handler is told first, and the event is ended before the veto is raised.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class TokenBudgetError(CallbackVeto, ValueError):
    """The token budget of a TokenCountingHandler is used up."""

    def __init__(self, *, limit: int, current: int) -> None:
        self.limit = limit
        self.current = current
        super().__init__(
            f"Token budget exceeded! Limit: {limit}, Current: {current}. "
            f"Raise token_budget, or call reset_counts() on the handler to start anew."
        )


class CallbackShutdownError(UsageError, RuntimeError):
    """shutdown() was called where it would have to block the event loop that does the work."""

    def __init__(self) -> None:
        super().__init__(
            "shutdown() was called inside a running event loop, which it would block for ever; "
            "outside a loop it is fine. Here, use `await manager.aflush()`."
        )
