"""The moments at which a call can be made: outside any run, in a step, in its thread, beside a run, after its end."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from tests.fuzz.nonsense import Ping, Tally

from stepwell import Context, HumanResponseEvent, StartEvent, StopEvent, Workflow, step
from stepwell.testing import run_virtual

Call = Callable[..., Any]
LONGEST = 100.0


async def use(result: Any) -> None:
    """Do with a result what its kind asks for."""
    if inspect.isawaitable(result):
        await asyncio.wait_for(asyncio.ensure_future(result), LONGEST)  # in a task of its own, on any Python
    elif hasattr(result, "__anext__"):
        async for _ in result:
            break
        await result.aclose()
    elif hasattr(result, "__aenter__"):
        async with result:
            pass
    elif hasattr(result, "__enter__"):
        with result:
            pass


class Host(Workflow):
    """Lets a hook run inside of a step."""

    def __init__(self, hook: Callable[[Context[Tally]], Any] | None = None) -> None:
        super().__init__(timeout=None, disable_validation=True)
        self.hook = hook

    @step
    async def begin(self, ctx: Context[Tally], ev: StartEvent) -> Ping | StopEvent:
        if self.hook is not None:
            await use(self.hook(ctx))
        return StopEvent()

    @step
    async def pinged(self, ev: Ping) -> None: ...

    @step
    def answered(self, ev: HumanResponseEvent) -> None: ...


class ThreadHost(Workflow):
    """Lets a hook run in the thread of a def step."""

    def __init__(self, hook: Callable[[Context[Tally]], Any]) -> None:
        super().__init__(timeout=None, disable_validation=True)
        self.hook = hook

    @step
    def begin(self, ctx: Context[Tally], ev: StartEvent) -> StopEvent:
        result = self.hook(ctx)
        if inspect.isawaitable(result):
            ctx.call(asyncio.wait_for(result, LONGEST))
        return StopEvent()

    @step
    async def pinged(self, ev: Ping) -> None: ...


def plainly(call: Call, arguments: dict[str, Any]) -> None:
    """Call outside of any run; what is asynchronous is awaited."""
    result = call(**arguments)

    async def main() -> None:
        await use(result)

    if any(hasattr(result, name) for name in ("__await__", "__anext__", "__aenter__")):
        run_virtual(main())
    elif hasattr(result, "__enter__"):
        with result:
            pass


def in_a_step(call: Call, arguments: dict[str, Any]) -> None:
    async def main() -> None:
        await Host(lambda ctx: call(ctx, **arguments)).run()

    run_virtual(main())


def in_a_thread(call: Call, arguments: dict[str, Any]) -> None:
    async def main() -> None:
        await ThreadHost(lambda ctx: call(ctx, **arguments)).run()

    run_virtual(main())


def beside_a_run(call: Call, arguments: dict[str, Any]) -> None:
    """Call with the handler of a run that sleeps."""

    async def main() -> None:
        handler = Host(lambda ctx: ctx.sleep(10)).run()
        await asyncio.sleep(1)
        try:
            await use(call(handler, **arguments))
        finally:
            await handler.cancel_run()
            handler.exception()

    run_virtual(main())


def after_a_run(call: Call, arguments: dict[str, Any]) -> None:
    async def main() -> None:
        handler = Host().run()
        await handler
        await use(call(handler, **arguments))

    run_virtual(main())
