"""``Context.get_step_context``: for wrappers of steps, which are not handed the context."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from stepwell import Context, Event, StartEvent, StopEvent, Workflow, step
from stepwell.errors import NoAttemptError, WorkflowRuntimeError


class Note(Event):
    text: str


def noting(function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Show which step begins, as a wrapper would."""

    @functools.wraps(function)
    async def wrapper(*args: Any) -> Any:
        Context.get_step_context().write_event_to_stream(Note(text=function.__name__))
        return await function(*args)

    return wrapper


async def test_a_wrapper_of_a_step_has_its_context_though_the_step_asks_for_none() -> None:
    class Wrapped(Workflow):
        @step
        @noting
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    handler = Wrapped().run()

    assert [event.text async for event in handler.stream_events() if isinstance(event, Note)] == ["begin"]


async def test_it_is_the_very_context_that_the_step_was_handed_also_after_a_wait() -> None:
    class Same(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
            first = Context.get_step_context() is ctx
            await asyncio.sleep(0)
            return StopEvent(result=(first, Context.get_step_context() is ctx))

    assert await Same().run() == (True, True)


async def test_parallel_attempts_have_each_their_own() -> None:
    class Several(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(0)
            return StopEvent(result=Context.get_step_context() is ctx)

    workflow = Several()

    assert await asyncio.gather(*(workflow.run() for _ in range(3))) == [True, True, True]


async def test_a_def_step_has_it_in_its_thread() -> None:
    class Sync(Workflow):
        @step
        def begin(self, ev: StartEvent) -> StopEvent:
            ctx = Context.get_step_context()
            ctx.write_event_to_stream(Note(text=ctx.run_id))
            return StopEvent(result=ctx.run_id)

    handler = Sync().run()

    assert await handler == handler.run_id


async def test_outside_of_steps_there_is_none() -> None:
    with pytest.raises(NoAttemptError, match=r"^Context\.get_step_context\(\) is only available from within step"):
        Context.get_step_context()


async def test_in_a_task_that_a_step_made_there_is_none() -> None:
    class Nested(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            async def inside() -> object:
                return Context.get_step_context()

            return StopEvent(result=await asyncio.gather(inside(), return_exceptions=True))

    (error,) = await Nested().run()

    assert isinstance(error, WorkflowRuntimeError)


def test_where_no_loop_runs_there_is_none() -> None:
    with pytest.raises(NoAttemptError):
        Context.get_step_context()
