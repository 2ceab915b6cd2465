"""``send_event`` and ``collect_events``: fan-in by hand; workers; steps that are plain functions."""

# mypy: ignore-errors

import asyncio
import threading

from engine import Context, Event, StartEvent, StopEvent, Workflow, WorkflowRuntimeError, WorkflowValidationError, step
from observing import ending_of, observed, program, refused


class Red(Event):
    number: int


class Blue(Event):
    number: int


@program
async def collected_events_come_when_all_are_there_in_the_order_asked_for():
    calls = []

    class Gather(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Red | Blue | None:
            for number in range(2):
                ctx.send_event(Blue(number=number))
            ctx.send_event(Red(number=10))

        @step(num_workers=1)
        async def gather(self, ctx: Context, ev: Red | Blue) -> StopEvent | None:
            together = ctx.collect_events(ev, [Red, Blue, Blue])
            calls.append(together is None)
            if together is None:
                return None
            return StopEvent(result=[[type(one).__name__, one.number] for one in together])

    return {**await observed(Gather().run()), "calls": calls}


@program
async def collect_events_of_nothing_gives_an_empty_list():
    class Gather(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
            return StopEvent(result=ctx.collect_events(ev, []))

    return await observed(Gather().run())


@program
async def collect_events_begins_anew_after_each_full_set():
    sums = []

    class Pairs(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Red | None:
            for number in range(6):
                ctx.send_event(Red(number=number))

        @step(num_workers=1)
        async def pair(self, ctx: Context, ev: Red) -> StopEvent | None:
            pair = ctx.collect_events(ev, [Red, Red])
            if pair is not None:
                sums.append([one.number for one in pair])
            return StopEvent(result=sums) if len(sums) == 3 else None

    return await observed(Pairs().run())


@program
async def buffers_of_collect_events_do_not_mix():
    full = {}

    class Sorted(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Red | None:
            for number in range(4):
                ctx.send_event(Red(number=number))

        @step(num_workers=1)
        async def sort(self, ctx: Context, ev: Red) -> StopEvent | None:
            name = "odd" if ev.number % 2 else "even"
            pair = ctx.collect_events(ev, [Red, Red], buffer_id=name)
            if pair is not None:
                full[name] = [one.number for one in pair]
            return StopEvent(result=full) if len(full) == 2 else None

    return await observed(Sorted().run())


@program
async def collecting_goes_on_across_concurrent_workers():
    class Gather(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Red | None:
            for number in range(8):
                ctx.send_event(Red(number=number))

        @step(num_workers=4)
        async def work(self, ev: Red) -> Blue:
            await asyncio.sleep(0.005 * (ev.number % 3))
            return Blue(number=ev.number)

        @step
        async def gather(self, ctx: Context, ev: Blue) -> StopEvent | None:
            together = ctx.collect_events(ev, [Blue] * 8)
            return None if together is None else StopEvent(result=sorted(one.number for one in together))

    return await observed(Gather().run())


@program
async def a_step_runs_on_at_most_four_workers_unless_told_otherwise():
    most = {"one": 0, "four": 0, "six": 0}
    now = {"one": 0, "four": 0, "six": 0}
    gate = asyncio.Event()

    async def busy(name):
        now[name] += 1
        most[name] = max(most[name], now[name])
        await gate.wait()
        now[name] -= 1

    class Crowd(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Red | None:
            for number in range(7):
                ctx.send_event(Red(number=number))
            asyncio.get_running_loop().call_later(0.2, gate.set)

        @step(num_workers=1)
        async def one(self, ev: Red) -> None:
            await busy("one")

        @step
        async def four(self, ev: Red) -> None:
            await busy("four")

        @step(num_workers=6)
        async def six(self, ctx: Context, ev: Red) -> StopEvent | None:
            await busy("six")
            if ctx.collect_events(ev, [Red] * 7) is None:
                return None
            await asyncio.sleep(0.1)
            return StopEvent()

    await Crowd().run()
    return most


@program
async def one_worker_takes_events_in_the_order_sent():
    seen = []

    class Line(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Red | None:
            for number in (3, 1, 2, 5, 4):
                ctx.send_event(Red(number=number))

        @step(num_workers=1)
        async def take(self, ev: Red) -> StopEvent | None:
            await asyncio.sleep(0.001 * ev.number)
            seen.append(ev.number)
            return StopEvent(result=seen) if len(seen) == 5 else None

    return await observed(Line().run())


@program
async def a_plain_function_step_runs_in_a_thread():
    seen = []

    class Threads(Workflow):
        @step
        def begin(self, ev: StartEvent) -> Red:
            seen.append(threading.current_thread() is threading.main_thread())
            return Red(number=ev.number + 1)

        @step
        async def finish(self, ev: Red) -> StopEvent:
            seen.append(threading.current_thread() is threading.main_thread())
            return StopEvent(result=ev.number)

    return {**await observed(Threads().run(number=1)), "in_main_thread": seen}


@program
async def a_plain_function_step_that_raises_fails_the_run():
    class Threads(Workflow):
        @step
        def begin(self, ev: StartEvent) -> StopEvent:
            raise LookupError("not there")

    return await observed(Threads().run())


@program
async def a_plain_function_step_uses_its_context():
    class Threads(Workflow):
        @step
        def begin(self, ctx: Context, ev: StartEvent) -> Red | None:
            ctx.write_event_to_stream(Blue(number=1))
            ctx.send_event(Red(number=2))

        @step
        async def finish(self, ev: Red) -> StopEvent:
            return StopEvent(result=ev.number)

    return await observed(Threads(timeout=0.5).run(), RuntimeError, "no running event loop")


@program
async def a_free_function_becomes_a_step_of_the_class_it_names():
    class Loose(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Red:
            return Red(number=4)

    @step(workflow=Loose)
    async def finish(ctx: Context, ev: Red) -> StopEvent:
        ctx.write_event_to_stream(Blue(number=0))
        return StopEvent(result=ev.number)

    return await observed(Loose().run())


@program
async def add_step_gives_a_decorated_function_to_the_class():
    class Loose(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Red:
            return Red(number=4)

    async def finish(ev: Red) -> StopEvent:
        return StopEvent(result=ev.number * 2)

    decorated = step(workflow=Loose)(finish)
    return {
        "same_function": decorated is finish,
        "run": await observed(Loose().run()),
        "again": await refused(
            lambda: Loose.add_step(finish), WorkflowValidationError, "already part of this workflow"
        ),
    }


@program
async def a_free_function_without_a_workflow_is_refused():
    def decorate():
        @step
        async def loose(ev: StartEvent) -> StopEvent:
            return StopEvent()

    return await refused(decorate, WorkflowValidationError, "please pass a workflow class to the @step decorator")


@program
async def a_step_that_returns_no_event_fails():
    class Number(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return 5

    return await ending_of(
        Number(timeout=0.5).run(), WorkflowRuntimeError, "begin", "returned int instead of an Event instance"
    )


@program
async def an_event_is_sent_from_outside_to_a_running_step():
    class Outside(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Red | Blue | None:
            await asyncio.sleep(0.05)

        @step
        async def take(self, ev: Red) -> StopEvent:
            return StopEvent(result=ev.number)

        @step
        async def turn(self, ev: Blue) -> Red:
            return Red(number=ev.number)

    handler = Outside(timeout=1).run()
    await asyncio.sleep(0.01)
    handler.ctx.send_event(Red(number=3))
    refusal = await refused(
        lambda: handler.ctx.send_event(Blue(number=1), step="take"),
        WorkflowRuntimeError,
        "does not accept event of type",
    )
    return {**await observed(handler), "refusal": refusal}
