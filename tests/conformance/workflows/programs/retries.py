"""Retry policies, inside runs and by themselves, and what handlers of errors make of failures."""

# mypy: ignore-errors

import asyncio

from engine import (
    ConstantDelayRetryPolicy,
    Context,
    Event,
    ExponentialBackoffRetryPolicy,
    StartEvent,
    StepFailedEvent,
    StopEvent,
    Workflow,
    WorkflowValidationError,
    catch_error,
    retry_all,
    retry_always,
    retry_any,
    retry_if_exception,
    retry_if_exception_cause_type,
    retry_if_exception_message,
    retry_if_exception_type,
    retry_if_not_exception_message,
    retry_if_not_exception_type,
    retry_never,
    retry_policy,
    retry_unless_exception_type,
    step,
    stop_after_attempt,
    stop_after_delay,
    stop_all,
    stop_any,
    stop_before_delay,
    stop_never,
    wait_chain,
    wait_combine,
    wait_exponential,
    wait_exponential_jitter,
    wait_fixed,
    wait_full_jitter,
    wait_incrementing,
    wait_none,
    wait_random,
    wait_random_exponential,
)
from observing import ending_of, observed, program, refused

QUICK = wait_fixed(0.001)


class Job(Event):
    number: int


class Report(Event):
    text: str


def failing(policy, failures, error=ValueError):
    """A workflow whose step fails a few times, and a list of the attempts it made."""
    attempts = []

    class Failing(Workflow):
        @step(retry_policy=policy)
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            attempts.append(ctx.retry_info().retry_number)
            if len(attempts) <= failures:
                raise error(f"failure {len(attempts)}")
            return StopEvent(result=len(attempts))

    return Failing(), attempts


async def tried(policy, failures, error=ValueError):
    workflow, attempts = failing(policy, failures, error)
    return {**await observed(workflow.run()), "attempts": attempts}


@program
async def a_step_without_a_policy_is_not_tried_again():
    return await tried(None, 1)


@program
async def a_step_is_tried_again_until_it_succeeds():
    return await tried(retry_policy(wait=QUICK, stop=stop_after_attempt(5)), 2)


@program
async def a_step_is_given_up_after_its_last_attempt():
    return await tried(retry_policy(wait=QUICK, stop=stop_after_attempt(3)), 10)


@program
async def a_policy_without_a_stop_allows_three_attempts():
    return await tried(retry_policy(wait=QUICK), 10)


@program
async def only_errors_of_the_right_type_are_tried_again():
    policy = retry_policy(retry=retry_if_exception_type(KeyError), wait=QUICK, stop=stop_after_attempt(4))
    return [await tried(policy, 2, KeyError), await tried(policy, 2, ValueError), await tried(policy, 2, LookupError)]


@program
async def constant_and_exponential_policies_are_kept():
    return [
        await tried(ConstantDelayRetryPolicy(maximum_attempts=3, delay=0.001), 2),
        await tried(ConstantDelayRetryPolicy(maximum_attempts=2, delay=0.001), 5),
        await tried(
            ExponentialBackoffRetryPolicy(
                initial_delay=0.001, multiplier=2, max_delay=0.004, maximum_attempts=4, jitter=False
            ),
            3,
        ),
    ]


@program
async def retry_info_tells_of_the_attempts_before():
    told = []

    class Failing(Workflow):
        @step(retry_policy=retry_policy(wait=QUICK, stop=stop_after_attempt(4)))
        async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
            info = ctx.retry_info()
            last = info.last_exception
            told.append(
                [
                    info.retry_number,
                    info.elapsed_seconds >= 0,
                    None if last is None else [type(last).__name__, str(last)],
                    info.last_failed_at is not None,
                ]
            )
            if info.retry_number < 2:
                raise ValueError(f"number {info.retry_number}")
            return StopEvent()

    return {**await observed(Failing().run()), "told": told}


@program
async def a_policy_of_ones_own_is_asked():
    asked = []

    class Twice:
        def next(self, elapsed_time, attempts, error, *, seed=None):
            asked.append([elapsed_time >= 0, attempts, str(error)])
            return 0.001 if attempts < 3 else None

    return {**await tried(Twice(), 9), "asked": asked}


@program
async def a_policy_that_raises_stops_the_attempts():
    class Broken:
        def next(self, elapsed_time, attempts, error, *, seed=None):
            raise RuntimeError("the policy is broken")

    return await tried(Broken(), 3)


@program
async def a_retried_branch_is_still_part_of_its_join():
    failed = []

    class Joined(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Job]:
            return [Job(number=number) for number in range(4)]

        @step(retry_policy=retry_policy(wait=QUICK, stop=stop_after_attempt(2)))
        async def work(self, ctx: Context, ev: Job) -> Report:
            if ev.number % 2 and ev.number not in failed:
                failed.append(ev.number)
                raise OSError("disk")
            return Report(text=f"{ev.number} after {ctx.retry_info().retry_number}")

        @step
        async def join(self, evs: list[Report]) -> StopEvent:
            return StopEvent(result=sorted(ev.text for ev in evs))

    return await observed(Joined().run())


@program
async def a_delayed_attempt_does_not_hold_its_worker():
    seen = []

    class Line(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> Job | None:
            for number in range(2):
                ctx.send_event(Job(number=number))

        @step(num_workers=1, retry_policy=retry_policy(wait=wait_fixed(0.05), stop=stop_after_attempt(2)))
        async def work(self, ev: Job) -> StopEvent | None:
            seen.append(ev.number)
            if seen == [0]:
                raise ValueError("first")
            return StopEvent(result=seen) if len(seen) == 3 else None

    return await observed(Line().run())


def answers(policy, errors, elapsed=0.0, attempts=5):
    """What a policy says of errors, and of attempts."""
    return {
        "errors": [policy.next(elapsed, 1, error) is not None for error in errors],
        "attempts": [policy.next(elapsed, attempt, ValueError("v")) for attempt in range(1, attempts + 1)],
    }


@program
async def conditions_choose_the_errors():
    caused = RuntimeError("outer")
    caused.__cause__ = KeyError("inner")
    errors = [ValueError("bad value"), KeyError("bad key"), caused, OSError("disk full"), RuntimeError("alone")]
    conditions = {
        "always": retry_always(),
        "never": retry_never(),
        "type": retry_if_exception_type((ValueError, OSError)),
        "not_type": retry_if_not_exception_type(ValueError),
        "unless_type": retry_unless_exception_type(OSError),
        "predicate": retry_if_exception(lambda error: "full" in str(error)),
        "message": retry_if_exception_message(message="bad value"),
        "match": retry_if_exception_message(match="bad.*"),
        "not_message": retry_if_not_exception_message(message="bad value"),
        "not_match": retry_if_not_exception_message(match=".*full"),
        "cause": retry_if_exception_cause_type(KeyError),
        "any": retry_any(retry_if_exception_type(OSError), retry_if_exception_message(match="bad.*")),
        "all": retry_all(retry_if_exception_type(ValueError), retry_if_exception_message(match="bad.*")),
        "or": retry_if_exception_type(OSError) | retry_if_exception_type(ValueError),
        "and": retry_if_exception_type(OSError) & retry_if_exception_message(match="nothing"),
    }
    return {
        name: answers(retry_policy(retry=condition, wait=wait_fixed(1)), errors)["errors"]
        for name, condition in conditions.items()
    }


@program
async def waits_that_leave_nothing_to_chance_give_the_same_delays():
    waits = {
        "none": wait_none(),
        "fixed": wait_fixed(2.5),
        "incrementing": wait_incrementing(start=1, increment=2, max=6),
        "exponential": wait_exponential(multiplier=0.5, exp_base=2, max=5, min=0),
        "exponential_with_a_minimum": wait_exponential(multiplier=1, exp_base=3, max=20, min=4),
        "exponential_as_it_is": wait_exponential(),
        "chain": wait_chain(wait_fixed(1), wait_fixed(2), wait_fixed(7)),
        "combine": wait_combine(wait_fixed(1), wait_incrementing(start=0, increment=1)),
        "sum": wait_fixed(1) + wait_fixed(0.25),
    }
    never = stop_never()
    return {
        name: answers(retry_policy(retry=retry_always(), wait=wait, stop=never), [])["attempts"]
        for name, wait in waits.items()
    }


@program
async def random_waits_stay_in_their_bounds_and_repeat_for_a_seed():
    waits = {
        "random": (wait_random(min=1, max=3), 1, 3),
        "exponential_jitter": (wait_exponential_jitter(initial=1, max=8, exp_base=2, jitter=0.5), 1, 8.5),
        "random_exponential": (wait_random_exponential(multiplier=1, max=6), 0, 6),
        "full_jitter": (wait_full_jitter(multiplier=1, max=6), 0, 6),
    }
    told = {}
    for name, (wait, low, high) in waits.items():
        policy = retry_policy(retry=retry_always(), wait=wait, stop=stop_never())
        delays = [policy.next(0, 3, ValueError(), seed=seed) for seed in range(50)]
        again = [policy.next(0, 3, ValueError(), seed=seed) for seed in range(50)]
        told[name] = [all(low <= delay <= high for delay in delays), delays == again, len(set(delays)) > 1]
    return told


@program
async def stops_give_up_at_the_same_moment():
    stops = {
        "attempt": stop_after_attempt(3),
        "never": stop_never(),
        "any": stop_any(stop_after_attempt(4), stop_after_delay(100)),
        "all": stop_all(stop_after_attempt(2), stop_after_delay(10)),
        "or": stop_after_attempt(2) | stop_after_attempt(4),
        "and": stop_after_attempt(2) & stop_after_attempt(4),
        "after_delay": stop_after_delay(10),
        "before_delay": stop_before_delay(10),
    }
    told = {}
    for name, stop in stops.items():
        policy = retry_policy(retry=retry_always(), wait=wait_fixed(3), stop=stop)
        told[name] = [
            [policy.next(elapsed, attempt, ValueError()) is not None for attempt in range(1, 6)]
            for elapsed in (0, 6.5, 7, 9.9, 10, 11)
        ]
    return told


@program
async def a_handler_takes_the_failure_of_the_step_it_names():
    seen = []

    class Caught(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Job:
            return Job(number=3)

        @step(retry_policy=retry_policy(wait=QUICK, stop=stop_after_attempt(2)))
        async def work(self, ev: Job) -> StopEvent:
            raise ValueError("broken")

        @catch_error(for_steps=["work"])
        async def handle(self, ctx: Context, ev: StepFailedEvent) -> StopEvent:
            seen.append([ev.step_name, type(ev.input_event).__name__, ev.input_event.number])
            seen.append([type(ev.exception).__name__, str(ev.exception), ev.attempts])
            seen.append([ev.elapsed_seconds >= 0, ev.failed_at.tzinfo is not None])
            return StopEvent(result="mended")

    return {**await observed(Caught().run()), "seen": seen}


@program
async def a_wildcard_handler_takes_what_no_other_does():
    class Caught(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Job:
            if ev.where == "begin":
                raise ValueError("begin")
            return Job(number=1)

        @step
        async def work(self, ev: Job) -> StopEvent:
            raise ValueError("work")

        @catch_error(for_steps=["work"])
        async def special(self, ev: StepFailedEvent) -> StopEvent:
            return StopEvent(result=f"special: {ev.step_name}")

        @catch_error
        async def general(self, ev: StepFailedEvent) -> StopEvent:
            return StopEvent(result=f"general: {ev.step_name}")

    return [await ending_of(Caught().run(where="begin")), await ending_of(Caught().run(where="work"))]


@program
async def a_handler_may_lead_the_run_back_within_its_budget():
    seen = []

    class Again(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Job:
            return Job(number=0)

        @step
        async def work(self, ev: Job) -> StopEvent:
            seen.append(ev.number)
            if ev.number < 2:
                raise ValueError(f"number {ev.number}")
            return StopEvent(result=ev.number)

        @catch_error(for_steps=["work"], max_recoveries=2)
        async def handle(self, ev: StepFailedEvent) -> Job:
            return Job(number=ev.input_event.number + 1)

    return {**await observed(Again().run()), "seen": seen}


@program
async def a_handler_beyond_its_budget_lets_the_run_fail():
    seen = []

    class Again(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Job:
            return Job(number=0)

        @step
        async def work(self, ev: Job) -> StopEvent:
            seen.append(ev.number)
            raise ValueError(f"number {ev.number}")

        @catch_error(for_steps=["work"], max_recoveries=2)
        async def handle(self, ev: StepFailedEvent) -> Job:
            return Job(number=ev.input_event.number + 1)

    return {**await observed(Again().run()), "seen": seen}


@program
async def a_handler_that_raises_fails_the_run_with_its_own_error():
    class Worse(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            raise ValueError("first")

        @catch_error
        async def handle(self, ev: StepFailedEvent) -> StopEvent:
            raise KeyError("second")

    return await observed(Worse().run())


@program
async def a_handled_branch_takes_part_in_its_join():
    class Joined(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Job]:
            return [Job(number=number) for number in range(4)]

        @step
        async def work(self, ev: Job) -> Report:
            if ev.number == 2:
                raise ValueError("two")
            return Report(text=str(ev.number))

        @catch_error(for_steps=["work"])
        async def handle(self, ev: StepFailedEvent) -> Report:
            return Report(text=f"mended {ev.exception}")

        @step
        async def join(self, evs: list[Report]) -> StopEvent:
            return StopEvent(result=sorted(ev.text for ev in evs))

    return await observed(Joined().run())


@program
async def handlers_that_cannot_work_are_refused():  # noqa: C901  # one function for each way to be wrong
    def unknown():
        class W(Workflow):
            @step
            async def begin(self, ev: StartEvent) -> StopEvent:
                return StopEvent()

            @catch_error(for_steps=["nope"])
            async def handle(self, ev: StepFailedEvent) -> StopEvent:
                return StopEvent()

        return W().run()

    def two_wildcards():
        class W(Workflow):
            @step
            async def begin(self, ev: StartEvent) -> StopEvent:
                return StopEvent()

            @catch_error
            async def one(self, ev: StepFailedEvent) -> StopEvent:
                return StopEvent()

            @catch_error
            async def two(self, ev: StepFailedEvent) -> StopEvent:
                return StopEvent()

        return W().run()

    def claimed_twice():
        class W(Workflow):
            @step
            async def begin(self, ev: StartEvent) -> StopEvent:
                return StopEvent()

            @catch_error(for_steps=["begin"])
            async def one(self, ev: StepFailedEvent) -> StopEvent:
                return StopEvent()

            @catch_error(for_steps=["begin"])
            async def two(self, ev: StepFailedEvent) -> StopEvent:
                return StopEvent()

        return W().run()

    def covers_a_handler():
        class W(Workflow):
            @step
            async def begin(self, ev: StartEvent) -> StopEvent:
                return StopEvent()

            @catch_error(for_steps=["begin"])
            async def one(self, ev: StepFailedEvent) -> StopEvent:
                return StopEvent()

            @catch_error(for_steps=["one"])
            async def two(self, ev: StepFailedEvent) -> StopEvent:
                return StopEvent()

        return W().run()

    def budget():
        @catch_error(max_recoveries=0)
        async def handle(self, ev: StepFailedEvent) -> StopEvent:
            return StopEvent()

    def names():
        @catch_error(for_steps="begin")
        async def handle(self, ev: StepFailedEvent) -> StopEvent:
            return StopEvent()

    def wrong_event():
        @catch_error
        async def handle(self, ev: Job) -> StopEvent:
            return StopEvent()

    cases = [
        (unknown, ["lists unknown step 'nope' in for_steps"]),
        (two_wildcards, ["Only one wildcard @catch_error handler is allowed per workflow"]),
        (claimed_twice, ["Step 'begin' is claimed by two @catch_error handlers", "one", "two"]),
        (covers_a_handler, ["cannot cover another handler step 'one'"]),
        (budget, ["@catch_error max_recoveries must be an integer >= 1"]),
        (names, ["@catch_error for_steps must be None or a list of step name strings"]),
        (wrong_event, ["must accept StepFailedEvent as its event parameter"]),
    ]
    return {act.__name__: await refused(act, WorkflowValidationError, *phrases) for act, phrases in cases}


@program
async def a_step_that_raises_a_cancelled_error():
    class Cancels(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            raise asyncio.CancelledError

    return await ending_of(Cancels(timeout=0.3).run())


@program
async def strategies_with_arguments_that_cannot_be():
    return [
        await refused(lambda: stop_after_attempt(0), ValueError),
        await refused(lambda: wait_fixed(-1), ValueError),
        await refused(lambda: retry_if_exception_message(), TypeError),
        await refused(lambda: retry_if_exception_message(message="a", match="b"), TypeError),
    ]


@program
async def random_waits_of_one_seed_for_several_attempts():
    policy = retry_policy(retry=retry_always(), wait=wait_random(min=0, max=1), stop=stop_never())
    return len({policy.next(0, attempt, ValueError(), seed=7) for attempt in range(1, 6)})


@program
async def a_policy_that_answers_no_delay():
    def answering(delay):
        class Answers:
            def next(self, elapsed_time, attempts, error, *, seed=None):
                return delay if attempts == 1 else None

        return Answers()

    async def ending(delay):
        workflow, _ = failing(answering(delay), 1)
        workflow_with_limit = type(workflow)(timeout=0.3)
        return await ending_of(workflow_with_limit.run())

    return {str(delay): await ending(delay) for delay in (-1.0, float("nan"), "soon")}
