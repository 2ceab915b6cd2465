"""What is refused when a workflow is written, made, or first run, and with which words."""

# mypy: ignore-errors

from typing import Annotated

from engine import (
    Collect,
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    Take,
    Workflow,
    WorkflowConfigurationError,
    WorkflowValidationError,
    step,
)
from observing import ending_of, observed, program, refused


class A(Event):
    pass


class B(Event):
    pass


class StartOne(StartEvent):
    pass


class StartTwo(StartEvent):
    pass


class StopOne(StopEvent):
    pass


class StopTwo(StopEvent):
    pass


@program
async def a_step_without_an_event_parameter():
    def decorate():
        @step
        async def begin(self, ctx: Context) -> StopEvent:
            return StopEvent()

    return await refused(
        decorate, WorkflowValidationError, "Step signature must have at least one parameter annotated as type Event"
    )


@program
async def a_step_without_a_return_annotation():
    def decorate():
        class W(Workflow):
            @step
            async def begin(self, ev: StartEvent):
                return StopEvent()

    return await refused(
        decorate, WorkflowValidationError, "Return types of workflows step functions must be annotated with their type"
    )


@program
async def a_number_of_workers_that_is_none():
    def decorate(number):
        def act():
            class W(Workflow):
                @step(num_workers=number)
                async def begin(self, ev: StartEvent) -> StopEvent:
                    return StopEvent()

        return act

    phrase = "num_workers must be an integer greater than 0"
    return [await refused(decorate(number), WorkflowValidationError, phrase) for number in (0, -1, 1.5)]


@program
async def two_list_parameters():
    def decorate():
        class W(Workflow):
            @step
            async def join(self, one: list[A], two: list[B]) -> StopEvent:
                return StopEvent()

    return await refused(
        decorate, WorkflowValidationError, "A step may declare at most one list[E] collection parameter"
    )


@program
async def a_list_parameter_beside_an_event():
    def decorate():
        class W(Workflow):
            @step
            async def join(self, one: list[A], two: B) -> StopEvent:
                return StopEvent()

    return await refused(
        decorate,
        WorkflowValidationError,
        "A list[E] collection parameter cannot be combined with other event parameters",
    )


@program
async def a_join_of_a_union():
    def decorate():
        class W(Workflow):
            @step
            async def join(self, one: A | StartEvent, two: B) -> StopEvent:
                return StopEvent()

    return await refused(
        decorate, WorkflowValidationError, "require each event parameter to declare a single event type"
    )


@program
async def a_cardinality_that_is_none():
    def decorate():
        class W(Workflow):
            @step
            async def join(self, evs: Annotated[list[A], Collect(3)]) -> StopEvent:
                return StopEvent()

    return [
        await refused(decorate, WorkflowValidationError, "Collect cardinality", "must be All() or Take(n)"),
        await refused(lambda: Take(0), Exception),
    ]


@program
async def a_collect_marker_on_a_single_event():
    def decorate():
        class W(Workflow):
            @step
            async def join(self, ev: Annotated[A, Collect()]) -> StopEvent:
                return StopEvent()

    return await refused(decorate, WorkflowValidationError, "carries a Collect marker but is not annotated as list[E]")


@program
async def markers_that_nothing_reads():
    def on_the_result():
        class W(Workflow):
            @step
            async def split(self, ev: StartEvent) -> Annotated[list[A], Collect(Take(1))]:
                return [A(), A()]

    def twice():
        class W(Workflow):
            @step
            async def join(self, evs: Annotated[list[A], Collect(), Collect(Take(1))]) -> StopEvent:
                return StopEvent()

    def without_a_collect():
        class W(Workflow):
            @step
            async def join(self, evs: Annotated[list[A], Take(1)]) -> StopEvent:
                return StopEvent()

    return [await refused(decorate, WorkflowValidationError) for decorate in (on_the_result, twice, without_a_collect)]


@program
async def an_annotation_that_names_nothing():
    def decorate():
        class W(Workflow):
            @step
            async def begin(self, ev: "Nowhere") -> StopEvent:  # noqa: F821  # that it is missing is the point
                return StopEvent()

    return await refused(
        decorate, WorkflowValidationError, "Failed to resolve type annotations for", "Missing name: Nowhere"
    )


@program
async def an_async_generator_is_no_step():
    def decorate():
        class W(Workflow):
            @step
            async def begin(self, ev: StartEvent) -> StopEvent:
                yield StopEvent()

    return await refused(decorate, WorkflowValidationError, "not supported")


@program
async def a_workflow_without_a_start():
    def act():
        class W(Workflow):
            @step
            async def begin(self, ev: A) -> StopEvent:
                return StopEvent()

        return W()

    return await refused(
        act,
        WorkflowConfigurationError,
        "At least one Event of type StartEvent must be received by any step",
        "has no @step that accepts StartEvent",
    )


@program
async def a_workflow_without_an_end():
    def act():
        class W(Workflow):
            @step
            async def begin(self, ev: StartEvent) -> A:
                return A()

            @step
            async def go_on(self, ev: A) -> None:
                pass

        return W()

    return await refused(act, WorkflowConfigurationError, "At least one Event of type StopEvent must be returned")


@program
async def a_workflow_with_two_starts_or_two_ends():
    def starts():
        class W(Workflow):
            @step
            async def one(self, ev: StartOne) -> StopEvent:
                return StopEvent()

            @step
            async def two(self, ev: StartTwo) -> StopEvent:
                return StopEvent()

        return W()

    def ends():
        class W(Workflow):
            @step
            async def one(self, ev: StartEvent) -> StopOne | StopTwo:
                return StopOne()

        return W()

    return [
        await refused(
            starts,
            WorkflowConfigurationError,
            "Only one type of StartEvent is allowed per workflow, found 2",
            "StartOne",
        ),
        await refused(
            ends, WorkflowConfigurationError, "Only one type of StopEvent is allowed per workflow, found 2", "StopTwo"
        ),
    ]


@program
async def a_workflow_without_steps():
    class W(Workflow):
        pass

    return await refused(W, WorkflowConfigurationError)


@program
async def options_of_a_workflow_that_cannot_be():
    class W(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    return [
        await refused(
            lambda: W(num_concurrent_runs=0),
            WorkflowValidationError,
            "num_concurrent_runs must be an integer greater than 0 or None",
        ),
        await refused(
            lambda: W(skip_graph_checks={"nope"}),
            WorkflowValidationError,
            "Unknown graph check names",
            "Valid names are",
        ),
    ]


@program
async def an_event_that_is_consumed_but_never_produced():
    class W(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

        @step
        async def lost(self, ev: A) -> StopEvent:
            return StopEvent()

    workflow = W()
    phrase = "The following events are consumed but never produced: A"
    return [
        await refused(lambda: workflow.run(), WorkflowValidationError, phrase),
        await refused(lambda: workflow.validate(), WorkflowValidationError, phrase),
    ]


@program
async def an_event_that_is_produced_but_never_consumed():
    class W(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> A | StopEvent:
            return StopEvent()

    return await refused(
        lambda: W().run(), WorkflowValidationError, "The following events are produced but never consumed: A"
    )


@program
async def a_step_that_accepts_a_stop_event():
    class W(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

        @step
        async def after(self, ev: StopEvent) -> A | None:
            return None

        @step
        async def more(self, ev: A) -> None:
            return None

    return await refused(
        lambda: W().run(), WorkflowValidationError, "'after' cannot accept StopEvent", "signals the end of the workflow"
    )


@program
async def steps_out_of_reach():
    class W(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

        @step
        async def one(self, ev: A) -> B:
            return B()

        @step
        async def two(self, ev: B) -> A | StopEvent:
            return A()

    return await refused(
        lambda: W().run(), WorkflowValidationError, "Graph validation failed", "[reachability] Unreachable steps", "one"
    )


@program
async def steps_without_a_way_to_the_end():
    class W(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> A | StopEvent:
            return StopEvent()

        @step
        async def circle(self, ev: A) -> B:
            return B()

        @step
        async def back(self, ev: B) -> A:
            return A()

    return await refused(
        lambda: W().run(), WorkflowValidationError, "Graph validation failed", "[dead_end] Dead-end steps", "circle"
    )


@program
async def checks_may_be_left_out():
    class W(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> A | StopEvent:
            return StopEvent(result="ran")

        @step
        async def circle(self, ev: A) -> B:
            return B()

        @step
        async def back(self, ev: B) -> A:
            return A()

    class Marked(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> A | StopEvent:
            return StopEvent(result="ran too")

        @step(skip_graph_checks=["dead_end"])
        async def circle(self, ev: A) -> B:
            return B()

        @step(skip_graph_checks=["dead_end"])
        async def back(self, ev: B) -> A:
            return A()

    return [
        await ending_of(W(skip_graph_checks={"dead_end"}).run()),
        await ending_of(W(disable_validation=True).run()),
        await ending_of(Marked().run()),
    ]


@program
async def a_join_of_a_list_that_nobody_opens():
    class W(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> A:
            return A()

        @step
        async def join(self, evs: list[A]) -> StopEvent:
            return StopEvent()

    return await refused(lambda: W().run(), WorkflowValidationError)


@program
async def two_steps_of_one_name():
    class W(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    def add():
        @step(workflow=W)
        async def begin(ev: StartEvent) -> StopEvent:
            return StopEvent()

    return await refused(
        add, WorkflowValidationError, "A step begin is already part of this workflow, please choose another name"
    )


@program
async def annotations_of_local_classes_as_text():
    class Local(Event):
        word: str

    class W(Workflow):
        @step
        async def begin(self, ctx: "Context", ev: "StartEvent") -> "Local":
            return Local(word="local")

        @step
        async def finish(self, ev: "Local") -> "StopEvent":
            return StopEvent(result=ev.word)

    return await observed(W().run())


@program
async def a_workflow_tells_its_name_and_its_events():
    class W(Workflow):
        @step
        async def begin(self, ev: StartOne) -> A:
            return A()

        @step
        async def ask(self, ev: A) -> InputRequiredEvent:
            return InputRequiredEvent()

        @step
        async def finish(self, ev: HumanResponseEvent) -> StopTwo:
            return StopTwo()

    workflow = W()
    return {
        "name": [workflow.workflow_name.endswith("W"), W(workflow_name="mine").workflow_name],
        "start": workflow.start_event_class.__name__,
        "stop": workflow.stop_event_class.__name__,
        "events": sorted(kind.__name__ for kind in workflow.events),
    }


@program
async def a_constructor_of_ones_own_keeps_fields():
    class W(Workflow):
        def __init__(self, word, **options):
            super().__init__(**options)
            self.word = word

        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result=self.word)

    return await ending_of(W("kept", timeout=3).run())


@program
async def a_parameter_that_nothing_fills():
    def act():
        class W(Workflow):
            @step
            async def begin(self, ev: StartEvent, other: int) -> StopEvent:
                return StopEvent()

        return ending_of(W(timeout=0.5).run(), TypeError)

    return await refused(act, WorkflowValidationError)


@program
async def a_parameter_with_a_default_keeps_it():
    class W(Workflow):
        @step
        async def begin(self, ev: StartEvent, other: int = 4) -> StopEvent:
            return StopEvent(result=other)

    return await ending_of(W(timeout=0.5).run())


@program
async def a_parameter_of_another_class_that_is_called_context():
    seen = []

    def act():
        from programs import lookalike

        class W(Workflow):
            @step
            async def begin(self, ctx: lookalike.Context, ev: StartEvent) -> StopEvent:
                seen.append(isinstance(ctx, Context))
                return StopEvent()

        return ending_of(W().run())

    return [await refused(act, WorkflowValidationError), seen]


@program
async def a_step_called_run():
    class W(Workflow):
        @step
        async def run(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

    return await refused(W, WorkflowValidationError)


@program
async def a_method_without_the_decorator_in_the_place_of_a_step():
    class Base(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result="base")

    class Heir(Base):
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result="heir")

        @step
        async def also(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result="also")

    return await refused(lambda: ending_of(Heir().run()), WorkflowValidationError)


@program
async def a_plain_function_is_added_as_a_step():
    class W(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> A:
            return A()

    async def finish(ev: A) -> StopEvent:
        return StopEvent(result="added")

    def act():
        W.add_step(finish)
        return ending_of(W().run())

    return await refused(act, WorkflowValidationError)


@program
async def a_step_is_added_to_an_instance():
    class Loose(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> A | StopEvent:
            return StopEvent(result="not added") if ev.stop else A()

    class Scrap(Workflow):
        pass

    @step(workflow=Scrap)
    async def finish(ev: A) -> StopEvent:
        return StopEvent(result="added")

    one, other = Loose(), Loose()
    one.add_step(finish)
    return [
        await ending_of(one.run(stop=False)),
        await refused(lambda: ending_of(other.run(stop=True)), WorkflowValidationError, "produced but never consumed"),
    ]


@program
async def a_step_that_returns_a_number():
    def define():
        class Counts(Workflow):
            @step
            async def begin(self, ev: StartEvent) -> StopEvent:
                return StopEvent()

            @step
            async def count(self, ev: StartEvent) -> int:
                return 1

        return Counts()

    return await refused(define, WorkflowValidationError)


@program
async def a_method_without_self():
    def define():
        class Forgetful(Workflow):
            @step
            async def begin(ev: StartEvent) -> StopEvent:
                return StopEvent()

        return Forgetful()

    return await refused(define, WorkflowValidationError)
