"""Timeouts, cancellation, failures; the handler; what a stream shows."""

# mypy: ignore-errors

import asyncio
import contextlib
import io

from engine import (
    Context,
    Event,
    StartEvent,
    StepState,
    StepStateChanged,
    StopEvent,
    UnhandledEvent,
    Workflow,
    WorkflowCancelledByUser,
    WorkflowCancelledEvent,
    WorkflowFailedEvent,
    WorkflowHandler,
    WorkflowRuntimeError,
    WorkflowTestRunner,
    WorkflowTimedOutEvent,
    WorkflowTimeoutError,
    step,
)
from observing import ending_of, error_seen, observed, plain, program, refused, shown, stream_of


class Topic(Event):
    text: str


class Tick(Event):
    number: int


class Final(StopEvent):
    text: str


class Ticking(Workflow):
    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> Topic:
        for number in range(ev.count):
            ctx.write_event_to_stream(Tick(number=number))
            await asyncio.sleep(0)
        return Topic(text="done")

    @step
    async def finish(self, ctx: Context, ev: Topic) -> StopEvent:
        ctx.write_event_to_stream(Tick(number=-1))
        return StopEvent(result=ev.text)


class Slow(Workflow):
    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
        ctx.write_event_to_stream(Tick(number=1))
        await asyncio.sleep(ev.get("seconds", 5))
        return StopEvent(result="late")


@program
async def a_run_that_takes_too_long_is_timed_out():
    handler = Slow(timeout=0.1).run()
    return await observed(handler, WorkflowTimeoutError, "timed out after 0.1 seconds", "begin")


@program
async def a_run_without_a_limit_goes_on():
    return await observed(Slow(timeout=None).run(seconds=0.05))


@program
async def a_run_is_cancelled():
    seen = []

    class Waiting(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.store.set("began", True)
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise
            return StopEvent()

    handler = Waiting().run()
    await asyncio.sleep(0.05)
    await handler.cancel_run()
    return {**await observed(handler, WorkflowCancelledByUser), "seen": seen, "done": handler.is_done()}


@program
async def cancelling_a_run_that_is_over_changes_nothing():
    handler = Slow().run(seconds=0)
    result = await handler
    await handler.cancel_run()
    return [result, await ending_of(handler), handler.is_done()]


@program
async def a_failed_run_shows_why_and_raises_the_steps_own_error():
    class Custom(Exception):
        def __init__(self, code):
            self.code = code
            super().__init__(f"code {code}")

    raised = Custom(7)

    class Broken(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
            ctx.write_event_to_stream(Tick(number=1))
            raise raised

    handler = Broken().run()
    stream = [event async for event in handler.stream_events()]
    try:
        await handler
        same = False
    except Custom as error:
        same = error is raised
    return [
        [type(event).__name__ for event in stream],
        isinstance(stream[-1], WorkflowFailedEvent)
        and [stream[-1].step_name, stream[-1].attempts, stream[-1].exception.code],
        same,
    ]


@program
async def a_handler_tells_how_its_run_stands():
    handler = Ticking().run(count=2)
    before = [handler.is_done(), handler.get_stop_event(), isinstance(handler.run_id, str), len(handler.run_id) > 0]
    result = await handler
    after = [handler.is_done(), shown(handler.get_stop_event()), shown(await handler.stop_event_result())]
    return {
        "handler": isinstance(handler, WorkflowHandler),
        "before": before,
        "result": result,
        "again": await handler,
        "after": after,
    }


@program
async def a_run_id_may_be_given():
    handler = Ticking().run(count=0, run_id="mine")
    await handler
    return handler.run_id


@program
async def a_stream_can_be_read_after_the_run():
    handler = Ticking().run(count=3)
    await handler
    return await stream_of(handler)


@program
async def a_stream_is_read_while_the_run_goes_on():
    order = []

    class Two(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Topic:
            ctx.write_event_to_stream(Tick(number=1))
            await asyncio.sleep(0.05)
            order.append("step goes on")
            return Topic(text="x")

        @step
        async def finish(self, ev: Topic) -> StopEvent:
            return StopEvent()

    handler = Two().run()
    async for event in handler.stream_events():
        order.append(type(event).__name__)  # noqa: PERF401  # in the order in which things happen
    await handler
    return order


@program
async def a_stream_is_read_by_two():
    handler = Ticking().run(count=3)
    first = await stream_of(handler)
    try:
        second = await stream_of(handler)
    except Exception as error:  # noqa: BLE001  # the observation is the error
        second = error_seen(error, WorkflowRuntimeError, "already been consumed")
    return [first, second]


@program
async def a_stream_is_left_and_read_again():
    handler = Ticking().run(count=4)
    first = []
    async for event in handler.stream_events():
        first.append(shown(event))
        if len(first) == 2:
            break
    await handler
    return [first, await stream_of(handler)]


@program
async def nothing_written_to_the_stream_is_passed_over():
    class Quiet(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
            ctx.write_event_to_stream(None)
            ctx.write_event_to_stream(Tick(number=1))
            return StopEvent()

    return await observed(Quiet().run())


@program
async def a_stop_event_written_to_the_stream():
    class Early(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
            ctx.write_event_to_stream(StopEvent(result="shown"))
            await asyncio.sleep(0.02)
            ctx.write_event_to_stream(Tick(number=1))
            return StopEvent(result="true end")

    return await observed(Early().run())


@program
async def a_stop_event_that_a_step_sends():
    class Sent(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent | None:
            ctx.send_event(StopEvent(result="sent"))

    return await observed(Sent(timeout=0.3).run(), WorkflowTimeoutError)


@program
async def a_stop_event_of_an_own_class_ends_the_stream():
    class Own(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Final:
            ctx.write_event_to_stream(Tick(number=1))
            return Final(text="the end")

    return await observed(Own().run())


@program
async def internal_events_tell_of_steps_that_begin_and_end():
    handler = Ticking().run(count=1)
    events = [event async for event in handler.stream_events(expose_internal=True)]
    states = [
        [event.name, event.step_state.name, event.input_event_name]
        for event in events
        if isinstance(event, StepStateChanged) and event.step_state is StepState.RUNNING
    ]
    ended = [
        [event.name, event.output_event_name is not None]
        for event in events
        if isinstance(event, StepStateChanged) and event.step_state is StepState.NOT_RUNNING
    ]
    rest = [shown(event) for event in events if not isinstance(event, StepStateChanged)]
    return {"running": states, "ended": ended, "rest": rest}


@program
async def names_in_internal_events():
    handler = Ticking().run(count=0)
    return [
        [event.name, event.step_state.name, event.input_event_name, event.output_event_name]
        async for event in handler.stream_events(expose_internal=True)
        if isinstance(event, StepStateChanged) and event.step_state is not StepState.PREPARING
    ]


@program
async def an_event_that_nobody_takes_is_told_internally():
    class Deaf(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
            ctx.send_event(Tick(number=1))
            await asyncio.sleep(0.05)
            return StopEvent()

    events = [event async for event in Deaf().run().stream_events(expose_internal=True)]
    return [
        [event.event_type, event.qualified_name.endswith("endings.Tick"), event.step_name]
        for event in events
        if isinstance(event, UnhandledEvent)
    ]


@program
async def a_run_that_can_make_no_progress():
    class Lost(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Topic | None:
            return None

        @step
        async def finish(self, ev: Topic) -> StopEvent:
            return StopEvent()

    loop = asyncio.get_running_loop()
    begun = loop.time()
    ending = await ending_of(Lost(timeout=0.4).run(), WorkflowTimeoutError)
    return [ending, loop.time() - begun > 0.3]


@program
async def a_step_that_returns_an_undeclared_event():
    class Undeclared(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Topic:
            return Tick(number=1)

        @step
        async def finish(self, ev: Topic) -> StopEvent:
            return StopEvent()

    return await ending_of(Undeclared(timeout=0.3).run(), WorkflowTimeoutError)


@program
async def an_event_sent_after_the_end():
    handler = Ticking().run(count=0)
    await handler
    return await refused(lambda: handler.ctx.send_event(Topic(text="late")), WorkflowRuntimeError)


@program
async def a_step_that_blocks_the_loop_beyond_the_limit():
    import time

    class Blocking(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            time.sleep(0.3)  # noqa: ASYNC251  # that it blocks is the point
            return StopEvent(result="late")

    return await ending_of(Blocking(timeout=0.1).run(), WorkflowTimeoutError, "timed out after 0.1 seconds")


@program
async def a_run_waits_for_its_turn():
    now, most = [0], [0]

    class Counted(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            now[0] += 1
            most[0] = max(most[0], now[0])
            await asyncio.sleep(0.02)
            now[0] -= 1
            return StopEvent(result=ev.number)

    workflow = Counted(num_concurrent_runs=2)
    results = await asyncio.gather(*[workflow.run(number=number) for number in range(5)])
    return [results, most[0]]


@program
async def runs_of_one_workflow_do_not_mix():
    class Counted(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Topic:
            await ctx.store.set("number", ev.number)
            ctx.write_event_to_stream(Tick(number=ev.number))
            await asyncio.sleep(0.01)
            return Topic(text="x")

        @step
        async def finish(self, ctx: Context, ev: Topic) -> StopEvent:
            return StopEvent(result=await ctx.store.get("number"))

    workflow = Counted()
    return await asyncio.gather(*[observed(workflow.run(number=number)) for number in range(4)])


@program
async def a_run_outside_of_a_loop_is_refused():
    workflow = Ticking()
    return await asyncio.to_thread(lambda: asyncio.run(asyncio.sleep(0)) or _refusal(workflow))


def _refusal(workflow):
    try:
        workflow.run(count=0)
    except RuntimeError as error:
        return error_seen(error, RuntimeError, "no running event loop")
    return "ran"


@program
async def cancelling_who_awaits_a_run():
    handler = Slow().run(seconds=0.1)

    async def wait():
        return await handler

    task = asyncio.create_task(wait())
    await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return await ending_of(handler)


@program
async def the_test_runner_collects_the_stream():
    result = await WorkflowTestRunner(Ticking()).run(start_event=StartEvent(count=2), expose_internal=False)
    left_out = await WorkflowTestRunner(Ticking()).run(
        StartEvent(count=2), expose_internal=False, exclude_events=[Tick]
    )
    internal = await WorkflowTestRunner(Ticking()).run(StartEvent(count=0))
    return {
        "collected": [shown(event) for event in result.collected],
        "types": {kind.__name__: count for kind, count in result.event_types.items()},
        "result": plain(result.result),
        "left_out": [shown(event) for event in left_out.collected],
        "internal": StepStateChanged in internal.event_types,
    }


@program
async def the_last_event_says_how_a_run_ended():
    class Fails(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            raise ValueError("no")

    async def last_of(handler):
        events = [event async for event in handler.stream_events()]
        await asyncio.gather(handler, return_exceptions=True)
        return events[-1]

    cancelled = Slow().run()
    await asyncio.sleep(0.02)
    await cancelled.cancel_run()
    timed_out = await last_of(Slow(timeout=0.05).run())
    return [
        isinstance(await last_of(Fails().run()), WorkflowFailedEvent),
        isinstance(await last_of(cancelled), WorkflowCancelledEvent),
        [isinstance(timed_out, WorkflowTimedOutEvent), timed_out.timeout, timed_out.active_steps],
        all(
            issubclass(kind, StopEvent) for kind in (WorkflowFailedEvent, WorkflowCancelledEvent, WorkflowTimedOutEvent)
        ),
    ]


@program
async def where_verbose_prints():
    class Two(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        await Two(verbose=True).run()
    return {
        name: ["[begin:0] started from StartEvent" in lines, "[begin:0] complete with StopEvent" in lines]
        for name, lines in (("output", output.getvalue()), ("errors", errors.getvalue()))
    }


@program
async def an_event_that_comes_late_from_outside():
    class Fed(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Topic | None:
            return None

        @step
        async def finish(self, ev: Topic) -> StopEvent:
            return StopEvent(result=ev.text)

    handler = Fed(timeout=1).run()
    await asyncio.sleep(0.1)
    if not handler.is_done():
        handler.ctx.send_event(Topic(text="from outside"))
    return await ending_of(handler)


@program
async def an_error_of_a_step_says_where_it_was_raised():
    class Fails(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            raise ValueError("no")

    try:
        await Fails().run()
    except ValueError as error:
        return [str(error), any("begin" in note for note in getattr(error, "__notes__", ()))]


@program
async def a_loser_that_takes_its_time_to_end():
    seen = []

    class Race(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Topic | Tick | None:
            ctx.send_event(Topic(text="slow"))
            ctx.send_event(Tick(number=1))

        @step
        async def slow(self, ev: Topic) -> StopEvent:
            try:
                await asyncio.sleep(9)
            finally:
                await asyncio.sleep(0.8)
                seen.append("cleaned up")

        @step
        async def fast(self, ev: Tick) -> StopEvent:
            return StopEvent(result="fast")

    result = await Race().run()
    return [result, list(seen)]


@program
async def fields_beside_a_start_event():
    return await refused(
        lambda: ending_of(Ticking().run(start_event=StartEvent(count=0), count=5)), WorkflowRuntimeError
    )


@program
async def writing_to_the_stream_from_outside():
    handler = Slow().run(seconds=0.1)
    await asyncio.sleep(0.02)
    refusal = await refused(lambda: handler.ctx.write_event_to_stream(Tick(number=9)), Exception)
    return [refusal, await stream_of(handler)]


@program
async def a_second_reader_while_the_first_reads():
    handler = Slow().run(seconds=0.05)

    async def read():
        try:
            return await stream_of(handler)
        except Exception as error:  # noqa: BLE001  # the observation is the error
            return error_seen(error, WorkflowRuntimeError, "already consumed")

    return await asyncio.gather(read(), read())


@program
async def an_attempt_that_waits_for_a_worker_is_announced():
    class Line(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Topic | None:
            for number in range(3):
                ctx.send_event(Topic(text=str(number)))

        @step(num_workers=1)
        async def take(self, ctx: Context, ev: Topic) -> StopEvent | None:
            await asyncio.sleep(0.02)
            return None if ctx.collect_events(ev, [Topic] * 3) is None else StopEvent()

    events = [event async for event in Line().run().stream_events(expose_internal=True)]
    return sum(isinstance(event, StepStateChanged) and event.step_state is StepState.PREPARING for event in events)
