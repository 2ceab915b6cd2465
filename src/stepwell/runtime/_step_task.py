"""The task that an attempt is: asyncio's ``Task`` in all that a body can see, but it may begin without a loop's turn.

Rule 1. A body's first stretch runs when ``advance`` is first called, as the current task and in its own context
        variables; only a body that suspends itself costs the loop anything. (A task of asyncio's costs a turn.)
Rule 2. Whoever asks asyncio gets true answers: ``current_task``, ``all_tasks``, ``cancel``, ``uncancel``, stacks.
        The interface for that is asyncio's own for other makers of tasks ("Extending" in its documentation).
Rule 3. How a body ended is told once, outside of its context. The task's own result is always ``None``.
Rule 4. A body is run by a runner, which says ``ENDED`` instead of raising ``StopIteration``. One that is free again
        is kept for the next body: a few for each loop.
"""

import asyncio
import contextvars
import linecache
from asyncio import _enter_task, _leave_task, _register_task
from collections.abc import Callable, Coroutine, Generator
from types import FrameType
from typing import Any, Final, Protocol, TextIO, TypeAlias

from stepwell.runtime._turns import Soon

Runner: TypeAlias = Callable[[Any], object]
"""Begins the body of a task that is sent to it, and then sends into that body; gives what the body waits for.

When the body has returned it leaves the result in the task's ``value``, gives ``ENDED``, and is free for another.
"""

ENDED: Final = object()

FREE_RUNNERS = 32
"""How many are kept of those that had to wait with their body."""


class Keeper(Protocol):
    """Whose tasks they are: told how each body ended, by exactly one of ``returned`` and ``raised``, once.

    ``broke`` is told what those let out, which is an error of the engine's, or of a class that it came to look at.
    """

    soon: Soon
    runners: list[Runner]

    def returned(self, attempt: Any, result: object) -> None: ...

    def raised(self, attempt: Any, error: BaseException) -> None: ...

    def broke(self, attempt: Any, error: Exception) -> None: ...


class StepTask:
    """Drives one coroutine. It is awaited, cancelled and asked like a task of asyncio's."""

    # Defaults on the class and no slots: most tasks never set these, and creation is half the price.
    # The names that begin with ``_`` are asyncio's own: anyio and asyncio's task groups look at them.
    _asyncio_future_blocking = False
    _fut_waiter: "asyncio.Future[Any] | None" = None
    _must_cancel = False
    _cancel_message: Any = None
    body: "Coroutine[Any, Any, Any] | None" = None
    runner: Runner
    value: Any = None
    crew: Any  # a ``Keeper``; heirs know more of it
    loop: asyncio.AbstractEventLoop
    variables: contextvars.Context
    _over = False
    _registered = False
    _cancels = 0
    _callbacks: "list[tuple[Callable[[Any], object], contextvars.Context | None]] | None" = None

    def advance(self, stretch: Callable[[Any], object], value: Any) -> bool:
        """Let the body run until it waits for something, and return whether its runner is free again.

        ``stretch`` sends ``value`` into the body, or raises it there. To be called while no task is the current one.
        """
        loop = self.loop
        _enter_task(loop, self)  # type: ignore[arg-type]  # the documented way for tasks that are not asyncio's
        try:
            awaited = self.variables.run(stretch, value)
        except BaseException as error:
            _leave_task(loop, self)  # type: ignore[arg-type]
            self.settle()
            try:
                self.crew.raised(self, error)
            except Exception as flaw:  # noqa: BLE001  # nobody else would hear of it
                self.crew.broke(self, flaw)
            if issubclass(type(error), (KeyboardInterrupt, SystemExit)):
                raise
            return False
        _leave_task(loop, self)  # type: ignore[arg-type]
        if awaited is not ENDED:
            if awaited is None:  # nothing but the loop's next turn
                soon = self.crew.soon  # a function that an object holds is called faster by a name of its own
                soon(self.go_on)
            else:
                self._suspend(awaited)
            if not self._registered:
                self._registered = True
                _register_task(self)  # type: ignore[arg-type]
            return False
        self._over = True
        self.body = None
        result, self.value = self.value, None
        if self._callbacks is not None:
            self.settle()
        try:
            self.crew.returned(self, result)
        except Exception as flaw:  # noqa: BLE001  # nobody else would hear of it
            self.crew.broke(self, flaw)
        return True

    def settle(self) -> None:
        """Be done, and tell those who wait for that."""
        self._over = True
        self.body = None
        callbacks, self._callbacks = self._callbacks, None
        for callback, context in callbacks or ():
            self.loop.call_soon(callback, self, context=context)

    def _suspend(self, awaited: Any) -> None:
        """Wait for the future that the body yielded; what else it may have yielded is an error, raised in it."""
        problem = self._wait_for(awaited)
        if problem is not None:
            self.loop.call_soon(self.go_on, RuntimeError(problem))

    def _wait_for(self, awaited: Any) -> str | None:
        blocking = getattr(awaited, "_asyncio_future_blocking", None)
        if blocking is None:
            return f"{self!r} got bad yield: {awaited!r}"
        if not blocking:
            return f"yield was used instead of yield from in {self!r} with {awaited!r}"
        if awaited.get_loop() is not self.loop:
            return f"{self!r} got {awaited!r}, which belongs to another event loop"
        if awaited is self:
            return f"{self!r} cannot await itself"
        awaited._asyncio_future_blocking = False  # noqa: SLF001  # the protocol of futures
        awaited.add_done_callback(self._wake_up)
        self._fut_waiter = awaited
        if self._must_cancel and awaited.cancel(msg=self._cancel_message):
            self._must_cancel = False
        return None

    def _wake_up(self, awaited: "asyncio.Future[Any]") -> None:
        self._fut_waiter = None
        raised = None
        try:
            awaited.result()
        except BaseException as error:  # noqa: BLE001  # the body's to see, and not as one that is being handled
            raised = error
        self.go_on(raised)
        del raised

    def go_on(self, error: BaseException | None = None) -> None:
        """Let the body go on where it waits, or raise ``error`` there."""
        runner = self.runner
        if self._must_cancel:
            self._must_cancel = False
            if not isinstance(error, asyncio.CancelledError):
                error = self._make_cancelled_error()
        if self.advance(runner, None) if error is None else self._go_on_raising(error):
            del self.runner  # it is with another body next
            runners = self.crew.runners
            if len(runners) < FREE_RUNNERS:
                runners.append(runner)

    def _go_on_raising(self, error: BaseException) -> bool:
        if isinstance(error, GeneratorExit):  # would close the body, which is the runner's
            self.advance(self._exit, error)
            return False
        runner: Any = self.runner  # the ``send`` of a generator
        return self.advance(runner.__self__.throw, error)

    def _exit(self, error: GeneratorExit) -> object:
        """Raise ``error`` in the body; its runner has to do with it again only if it goes on."""
        assert self.body is not None
        try:
            return self.body.throw(error)
        except StopIteration as stop:
            self.value = stop.value
            return ENDED

    # What a task of asyncio's can be asked.

    def cancel(self, msg: Any | None = None) -> bool:
        """Ask the body to stop, by a ``CancelledError`` where it waits."""
        if self._over:
            return False
        self._cancels += 1
        if self._fut_waiter is not None and self._fut_waiter.cancel(msg=msg):
            return True
        self._must_cancel = True
        self._cancel_message = msg
        return True

    def _make_cancelled_error(self) -> asyncio.CancelledError:
        """Return what a cancelled ``asyncio.gather`` raises: it asks the last of its tasks for that."""
        message = self._cancel_message
        return asyncio.CancelledError() if message is None else asyncio.CancelledError(message)

    def cancelling(self) -> int:
        """Return how often the body was asked to stop, less how often that was taken back."""
        return self._cancels

    def uncancel(self) -> int:
        """Take one request to stop back, and return how many are left."""
        if self._cancels > 0:
            self._cancels -= 1
        return self._cancels

    def done(self) -> bool:
        """Return whether the body is over."""
        return self._over

    def cancelled(self) -> bool:
        """Return ``False``: how the body ended is its run's to tell."""
        return False

    def result(self) -> None:
        """Return ``None`` once the body is over."""
        if not self.done():
            raise asyncio.InvalidStateError("Result is not set.")

    def exception(self) -> None:
        """Return ``None`` once the body is over."""
        if not self.done():
            raise asyncio.InvalidStateError("Exception is not set.")

    def add_done_callback(
        self, callback: Callable[[Any], object], *, context: contextvars.Context | None = None
    ) -> None:
        """Call ``callback`` with this task, soon after the body is over."""
        if self.done():
            self.loop.call_soon(callback, self, context=context)
        else:
            self._callbacks = self._callbacks or []
            self._callbacks.append((callback, context))

    def remove_done_callback(self, callback: Callable[[Any], object]) -> int:
        """Forget a callback, and return how often it was there."""
        kept = [one for one in self._callbacks or () if one[0] != callback]
        removed = len(self._callbacks or ()) - len(kept)
        self._callbacks = kept or None
        return removed

    def __await__(self) -> Generator[Any, None, None]:
        if not self.done():
            self._asyncio_future_blocking = True
            yield self
        self.result()

    __iter__ = __await__

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop that it runs in."""
        return self.loop

    def get_coro(self) -> "Coroutine[Any, Any, Any] | None":
        """Return the coroutine, ``None`` before its beginning and after its end."""
        return self.body

    def get_context(self) -> contextvars.Context:
        """Return the context variables of the body."""
        return self.variables

    def get_stack(self, *, limit: int | None = None) -> list[FrameType]:
        """Return the frames in which the body is suspended, outermost first; no more than the ``limit`` newest."""
        frames: list[FrameType] = []
        at: Any = self.body
        while at is not None:
            frame = getattr(at, "cr_frame", None)
            if frame is not None:
                frames.append(frame)
            at = getattr(at, "cr_await", None)
        return frames if limit is None else frames[-limit:] if limit > 0 else []

    def print_stack(self, *, limit: int | None = None, file: TextIO | None = None) -> None:
        """Print those frames."""
        print(f"Stack for {self!r} (most recent call last):", file=file)
        for frame in self.get_stack(limit=limit):
            code = frame.f_code
            print(f'  File "{code.co_filename}", line {frame.f_lineno}, in {code.co_name}', file=file)
            print(f"    {linecache.getline(code.co_filename, frame.f_lineno).strip()}", file=file)
