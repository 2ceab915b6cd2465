"""Decorators that make an event, or a trace, of each call of a function; and of each consumption of a generator.

A generator's event is current while its body runs, and not while its consumer does: what the consumer does between two
items does not hang under the generator.
"""

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from typing import Any, Final, Protocol, TypeVar, overload

from stepwell.callbacks._dispatch import logger
from stepwell.callbacks._event import EventContext, TraceContext
from stepwell.callbacks._manager import CallbackManager
from stepwell.callbacks._schema import CBEventType, EventPayload
from stepwell.callbacks._settings import settings
from stepwell.callbacks._span import Frame, current, current_trace
from stepwell.errors import CallbackArgumentError

F = TypeVar("F", bound=Callable[..., Any])

_RECEIVERS: Final = frozenset({"self", "cls"})


def current_manager() -> CallbackManager:
    """The manager of the trace or event around the running code; outside all, the global one."""
    trace = current_trace()
    manager = trace.manager() if trace is not None else None
    return manager if isinstance(manager, CallbackManager) else settings.callback_manager


class _Around(Protocol):
    """What is done around a call."""

    def begin(self) -> None: ...
    def piece(self, item: object) -> None: ...
    def end(self, result: object) -> None: ...
    def fail(self, error: BaseException) -> None: ...


_Maker = Callable[[tuple[Any, ...], dict[str, Any]], _Around]


class _EventAround:
    def __init__(self, event: EventContext, *, is_model: bool, captures: bool) -> None:
        self._event = event
        self._is_model = is_model
        self._captures = captures

    def begin(self) -> None:
        self._event.__enter__()

    def piece(self, item: object) -> None:
        self._event.on_chunk(item if self._is_model and isinstance(item, str) else None)

    def end(self, result: object) -> None:
        self._event.on_end({EventPayload.FUNCTION_OUTPUT: result} if self._captures else None)

    def fail(self, error: BaseException) -> None:
        self._event.fail(error)


class _TraceAround:
    def __init__(self, trace: TraceContext) -> None:
        self._trace = trace

    def begin(self) -> None:
        self._trace.__enter__()

    def piece(self, item: object) -> None:
        return

    def end(self, result: object) -> None:
        self._trace.__exit__(None, None, None)

    def fail(self, error: BaseException) -> None:
        self._trace.__exit__(type(error), error, error.__traceback__)


class _Nothing:
    def begin(self) -> None:
        return

    def piece(self, item: object) -> None:
        return

    def end(self, result: object) -> None:
        return

    def fail(self, error: BaseException) -> None:
        return


class _Inside:
    """The place of a generator's body in the trace, taken while the body runs and left while the consumer does."""

    def __init__(self) -> None:
        self._inside: Frame | None = current.get()
        self._outside: Frame | None = None

    def __enter__(self) -> None:
        self._outside = current.get()
        current.set(self._inside)

    def __exit__(self, *exception: object) -> None:
        self._inside = current.get()
        current.set(self._outside)


def _wrap(function: F, make: _Maker) -> F:
    if inspect.isasyncgenfunction(function):
        wrapper = _wrap_async_generator(function, make)
    elif inspect.isgeneratorfunction(function):
        wrapper = _wrap_generator(function, make)
    elif inspect.iscoroutinefunction(function):
        wrapper = _wrap_coroutine(function, make)
    else:
        wrapper = _wrap_function(function, make)
    return functools.wraps(function)(wrapper)  # type: ignore[return-value] # each wrapper is called as what it wraps


def _wrap_function(function: Callable[..., Any], make: _Maker) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        around = make(args, kwargs)
        around.begin()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            around.fail(error)
            raise
        around.end(result)
        return result

    return call


def _wrap_coroutine(function: Callable[..., Any], make: _Maker) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        around = make(args, kwargs)
        around.begin()
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            around.fail(error)
            raise
        around.end(result)
        return result

    return call


def _wrap_generator(function: Callable[..., Any], make: _Maker) -> Callable[..., Any]:
    def generate(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        inside = _Inside()
        around = make(args, kwargs)
        with inside:
            around.begin()
        body = function(*args, **kwargs)
        step = functools.partial(body.send, None)
        while True:
            try:
                with inside:
                    item = step()
            except StopIteration as end:
                with inside:
                    around.end(end.value)
                return end.value
            except BaseException as error:
                with inside:
                    around.fail(error)
                raise
            around.piece(item)
            try:
                step = functools.partial(body.send, (yield item))
            except BaseException as error:  # noqa: BLE001 - what the consumer throws in, the body gets
                step = functools.partial(body.throw, error)

    return generate


def _wrap_async_generator(function: Callable[..., Any], make: _Maker) -> Callable[..., Any]:
    async def generate(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        inside = _Inside()
        around = make(args, kwargs)
        with inside:
            around.begin()
        body = function(*args, **kwargs)
        step = functools.partial(body.asend, None)  # codespell:ignore asend
        while True:
            try:
                with inside:
                    item = await step()
            except StopAsyncIteration:
                with inside:
                    around.end(None)
                return
            except BaseException as error:
                with inside:
                    around.fail(error)
                raise
            around.piece(item)
            try:
                step = functools.partial(body.asend, (yield item))  # codespell:ignore asend
            except BaseException as error:  # noqa: BLE001 - what the consumer throws in, the body gets
                step = functools.partial(body.athrow, error)

    return generate


@overload
def traced(function: F, /) -> F: ...


@overload
def traced(
    name: str | None = None,
    /,
    *,
    event_type: CBEventType = CBEventType.FUNCTION_CALL,
    capture_args: bool = False,
    capture_result: bool = False,
    manager: CallbackManager | None = None,
) -> Callable[[F], F]: ...


def traced(
    name: Any = None,
    /,
    *,
    event_type: CBEventType = CBEventType.FUNCTION_CALL,
    capture_args: bool = False,
    capture_result: bool = False,
    manager: CallbackManager | None = None,
) -> Any:
    """Make an event of each call of a function, a coroutine function or a generator function of either kind.

    The event of a generator lasts from the first item asked for to the end; closed early, it ends as cancelled. It is
    told to ``manager``, or to the manager of the code that calls. Arguments and results, which may be private, go
    into the payload only if asked for.
    """
    if manager is not None and not isinstance(manager, CallbackManager):
        raise CallbackArgumentError(argument="manager", expected="a CallbackManager", value=manager)

    def decorate(function: F) -> F:
        label = name if isinstance(name, str) else function.__qualname__
        signature = inspect.signature(function) if capture_args else None

        def make(args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Around:
            payload: dict[str, Any] = {"name": label}
            if signature is not None:
                payload[EventPayload.FUNCTION_CALL] = _arguments(signature, args, kwargs)
            event = (manager or current_manager()).event(event_type, payload)
            return _EventAround(event, is_model=event_type is CBEventType.LLM, captures=capture_result)

        return _wrap(function, make)

    return decorate(name) if callable(name) else decorate


def _arguments(signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    try:
        bound = signature.bind(*args, **kwargs).arguments
    except TypeError:
        return {"args": args, "kwargs": dict(kwargs)}  # the call itself will say what is wrong
    return {name: value for name, value in bound.items() if name not in _RECEIVERS}


def trace_method(trace_id: str, callback_manager_attr: str = "callback_manager") -> Callable[[F], F]:
    """Run each call of a method under a trace of the manager in the attribute of this name of its object.

    Works for functions, coroutine functions and generator functions of either kind. Without a manager there, a log
    record says so and the method runs without a trace.
    """
    if not isinstance(callback_manager_attr, str):
        raise CallbackArgumentError(
            argument="callback_manager_attr", expected="the name of an attribute", value=callback_manager_attr
        )

    def decorate(function: F) -> F:
        def make(args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Around:
            manager = getattr(args[0], callback_manager_attr, None) if args else None
            if isinstance(manager, CallbackManager):
                return _TraceAround(manager.as_trace(trace_id))
            logger.warning(
                "Could not find attribute %s on %s, or it is no CallbackManager: %s runs without a trace",
                callback_manager_attr,
                type(args[0]) if args else None,
                function.__qualname__,
            )
            return _Nothing()

        return _wrap(function, make)

    return decorate
