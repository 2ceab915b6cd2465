"""From where a run can be talked to but its own loop, and how each such place makes a call."""

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from tests.fuzz.nonsense import Ping, Tally
from tests.fuzz.stages import Call, Host, use

from stepwell import Context, HumanResponseEvent, StartEvent, StopEvent, Workflow, WorkflowHandler, step

LONGEST = 20.0


class Waits(Workflow):
    """Shows one event and waits for a person; without ``is_open`` it ends at once."""

    def __init__(self, *, is_open: bool = True) -> None:
        super().__init__(timeout=None, disable_validation=True)
        self.is_open = is_open

    @step
    async def begin(self, ctx: Context[Tally], ev: StartEvent) -> Ping | StopEvent | None:
        ctx.write_event_to_stream(Ping())
        return None if self.is_open else StopEvent("the result")

    @step
    async def pinged(self, ev: Ping) -> None: ...

    @step
    async def answered(self, ev: HumanResponseEvent) -> StopEvent:
        return StopEvent("the answer")


class LoopInThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="a loop of the test")
        self.thread.start()

    def do(self, call: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(timeout=LONGEST)

    def stop(self) -> None:
        if self.loop.is_running():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join(timeout=LONGEST)

    def close(self) -> None:
        """End as ``asyncio.run`` does."""
        self.stop()
        if not self.loop.is_closed():
            self.loop.run_until_complete(_end_all())
            self.loop.close()


async def _end_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def begun(*, is_open: bool = True) -> WorkflowHandler[Any]:
    handler = Waits(is_open=is_open).run()
    async for _ in handler.stream_events():
        break
    if not is_open:
        await handler
    return handler


async def used(call: Call, subject: Any) -> None:
    await asyncio.wait_for(use(call(subject)), LONGEST)


def in_a_loop(call: Call, handler: Any) -> None:
    asyncio.run(used(call, handler))


def without_a_loop(call: Call, handler: Any) -> None:
    """Call in a thread where nothing can be awaited."""
    result = call(handler)
    if inspect.iscoroutine(result):
        result.close()


# Places from which a handler is used: ``enter`` gets the call and makes it with a handler.


def beside_its_loop(call: Call) -> None:
    """While the run waits in its loop, in another thread."""
    loop = LoopInThread()
    try:
        in_a_loop(call, loop.do(begun))
    finally:
        loop.close()


def in_a_bare_thread(call: Call) -> None:
    """The same, in a thread without a loop."""
    loop = LoopInThread()
    try:
        without_a_loop(call, loop.do(begun))
    finally:
        loop.close()


def where_its_loop_stands_still(call: Call) -> None:
    loop = LoopInThread()
    try:
        handler = loop.do(begun)
        loop.stop()
        in_a_loop(call, handler)
    finally:
        loop.close()


def after_its_loop(call: Call) -> None:
    """The loop was closed by hand, and the run had not ended."""
    loop = asyncio.new_event_loop()
    handler = loop.run_until_complete(begun())
    loop.close()
    in_a_loop(call, handler)


def after_its_loop_and_its_end(call: Call) -> None:
    async def whole() -> WorkflowHandler[Any]:
        return await begun(is_open=False)

    in_a_loop(call, asyncio.run(whole()))


# Places from which the context of a step is used.


def by_a_step(hook: Callable[[Any], Any]) -> None:
    async def main() -> None:
        await asyncio.wait_for(_awaited(Host(hook).run()), LONGEST)

    asyncio.run(main())


async def _awaited(handler: WorkflowHandler[Any]) -> Any:
    return await handler


def in_a_loop_of_the_steps_own(call: Call) -> None:
    """A step starts a thread with an event loop, and the call is made there."""
    by_a_step(lambda ctx: asyncio.to_thread(in_a_loop, call, ctx))


def in_a_task_of_the_steps_own(call: Call) -> None:
    by_a_step(lambda ctx: asyncio.create_task(used(call, ctx)))


def in_the_step_of_another_run(call: Call) -> None:
    async def main() -> None:
        found: list[Any] = []
        owner = Host(lambda ctx: _lend(ctx, found)).run()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        try:
            await asyncio.wait_for(_awaited(Host(lambda _: used(call, found[0])).run()), LONGEST)
        finally:
            await owner.cancel_run()

    asyncio.run(main())


async def _lend(ctx: Any, found: list[Any]) -> None:
    found.append(ctx)
    await asyncio.sleep(LONGEST)


def after_the_step(call: Call) -> None:
    """The context was kept, and its run is over."""

    async def main() -> None:
        found: list[Any] = []
        await Host(found.append).run()
        await used(call, found[0])

    asyncio.run(main())


def after_the_step_in_another_loop(call: Call) -> None:
    found: list[Any] = []

    async def main() -> None:
        await Host(found.append).run()

    asyncio.run(main())
    in_a_loop(call, found[0])
