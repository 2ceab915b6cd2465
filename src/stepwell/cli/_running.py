"""One run in one process: shows its stream, answers its questions, and ends it when the user says so."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, TextIO

from stepwell.cli._answers import Answerer
from stepwell.cli._exits import Exit
from stepwell.cli._failures import explain
from stepwell.cli._reading import LineReader, standard_input
from stepwell.cli._shown import Ending
from stepwell.cli._views import JsonView, PlainView, View
from stepwell.errors import AnswerMissingError
from stepwell.flow import Event, InputRequiredEvent, StartEvent, StopEvent, WorkflowFailedEvent
from stepwell.runtime import Workflow, WorkflowHandler, collect_steps

EXITS = {"completed": Exit.OK, "cancelled": Exit.CANCELLED}


@contextlib.contextmanager
def sole_output() -> Iterator[TextIO]:
    """Provide standard output for one writer alone; whatever else is printed goes to standard error meanwhile."""
    sys.stdout.flush()
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", newline="\n") as own:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        try:
            yield own
        finally:
            sys.stdout.flush()
            os.dup2(own.fileno(), sys.stdout.fileno())


def choose_view(reader: LineReader, as_json: TextIO | None) -> View:
    """Return the view that fits: JSON lines where asked for, live in a terminal, plain lines otherwise."""
    prompt = sys.stderr if reader.is_terminal else None
    if as_json is not None:
        return JsonView(as_json, prompt)
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        from stepwell.cli._live import LiveView  # noqa: PLC0415  # start-up time: rich only in a terminal

        return LiveView()
    return PlainView(sys.stdout, prompt)


def run_to_end(
    workflow: Workflow[Any, Any], event: StartEvent, *, as_json: TextIO | None = None, with_traceback: bool = False
) -> Exit:
    """Run a workflow in an event loop of its own, show it, and return the exit code.

    Raises ``AnswerMissingError`` when it asks and nobody answers, after its steps' ``finally`` ran.
    """
    reader = standard_input()
    view = choose_view(reader, as_json)
    ending = asyncio.run(_run(workflow, event, view, reader))
    if ending.error is not None:
        explain(ending, workflow, with_traceback=with_traceback)
    return EXITS.get(ending.status, Exit.FAILED)


async def _run(workflow: Workflow[Any, Any], event: StartEvent, view: View, reader: LineReader) -> Ending:
    began = time.monotonic()
    handler = workflow.run(start_event=event)
    answerer = Answerer(workflow, handler, view, reader)
    name = type(workflow).__name__
    with _interrupts(handler):
        asking = asyncio.create_task(answerer.answer_all())
        # Nobody answers any more: the run can only be ended.
        asking.add_done_callback(lambda task: None if task.cancelled() else handler.cancel())
        shown: Event | None = None
        try:
            view.begin(name, handler.run_id, [step.name for step in collect_steps(type(workflow))])
            async for item in handler.stream(expose_internal=True):
                shown = item.event
                view.show(shown, item.origin)
                if isinstance(shown, InputRequiredEvent):
                    answerer.put(shown)
        finally:
            asking.cancel()
            await handler.cancel_run()
        step = shown.step_name if isinstance(shown, WorkflowFailedEvent) else ""
        missing = await _failure_of(asking)
        error = missing or handler.exception()
        status = "waiting_for_input" if missing else handler.status
        ending = Ending(
            workflow=name,
            run_id=handler.run_id,
            status=status,
            seconds=time.monotonic() - began,
            result=None if error is not None else _result(handler),
            error=error,
            step=step,
        )
        view.end(ending)
    if missing is not None:
        raise missing
    return ending


def _result(handler: WorkflowHandler[Any]) -> Any:
    event = handler.get_stop_event()
    return event.result if type(event) is StopEvent else event


async def _failure_of(asking: "asyncio.Task[None]") -> AnswerMissingError | None:
    with contextlib.suppress(asyncio.CancelledError):
        try:
            await asking
        except AnswerMissingError as error:
            return error
    return None


@contextlib.contextmanager
def _interrupts(handler: WorkflowHandler[Any]) -> Iterator[None]:
    """Let Ctrl-C (and a polite kill) cancel the run; a second one does not wait for its steps."""
    loop = asyncio.get_running_loop()
    count = 0

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count > 1:
            raise KeyboardInterrupt
        loop.call_soon_threadsafe(handler.cancel)

    before: dict[signal.Signals, Callable[..., Any] | int | None] = {
        number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
