"""The graph of a workflow: nodes, edges, settings and problems, from the class alone."""

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from stepwell import (
    Collect,
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    Resource,
    ResourceConfig,
    StartEvent,
    StepFailedEvent,
    StopEvent,
    Take,
    Workflow,
    catch_error,
    step,
)
from stepwell.errors import NotAWorkflowError
from stepwell.flow.graph import (
    WorkflowChildNode,
    WorkflowEventNode,
    WorkflowGenericNode,
    WorkflowGraph,
    WorkflowGraphEdge,
    WorkflowGraphNode,
    WorkflowResourceConfigNode,
    WorkflowResourceNode,
    WorkflowStepNode,
)
from stepwell.representation import get_workflow_representation
from stepwell.retry_policy import retry_policy, stop_after_attempt


class Handle:
    """Something JSON has no word for."""


class Draft(Event):
    """A text on its way."""

    text: str
    owner: Handle | None = None


class Score(Event):
    value: float


class Question(InputRequiredEvent):
    text: str


class Answer(HumanResponseEvent):
    text: str


class Settings(BaseModel):
    password: str


def connect(settings: Annotated[Settings, ResourceConfig("settings.json", path_selector="db")]) -> Handle:
    """Open the connection."""
    raise AssertionError("a graph is made without running anything")


class Inner(Workflow):
    @step
    async def only(self, ev: StartEvent) -> StopEvent:
        return StopEvent()


class Other(Workflow):
    @step
    async def only(self, ev: StartEvent) -> StopEvent:
        return StopEvent()


def node_of(graph: WorkflowGraph, label: str) -> WorkflowGraphNode:
    (found,) = [node for node in graph.nodes if node.label == label]
    return found


def step_of(graph: WorkflowGraph, label: str) -> WorkflowStepNode:
    node = node_of(graph, label)
    assert isinstance(node, WorkflowStepNode)
    return node


def edge_of(graph: WorkflowGraph, source: str, target: str) -> WorkflowGraphEdge:
    names = {node.id: node.label for node in graph.nodes}
    (found,) = [edge for edge in graph.edges if (names[edge.source], names[edge.target]) == (source, target)]
    return found


class Chain(Workflow):
    """Writes."""

    @step(num_workers=2, timeout=3, retry_policy=retry_policy(stop=stop_after_attempt(2)))
    async def begin(self, ctx: Context, ev: StartEvent) -> Draft:
        """Begin to write."""
        ctx.write_event_to_stream(Score(value=1))
        return Draft(text="")

    @step
    def end(self, ev: Draft) -> StopEvent:
        return StopEvent()


def test_steps_and_events_are_nodes_in_the_order_of_the_source() -> None:
    graph = get_workflow_representation(Chain)

    assert [node.label for node in graph.nodes] == ["StartEvent", "begin", "Draft", "end", "StopEvent"]
    assert [edge.kind for edge in graph.edges] == ["event"] * 4


def test_a_step_tells_its_settings() -> None:
    begin = step_of(get_workflow_representation(Chain), "begin")

    assert (begin.num_workers, begin.timeout, begin.is_async) == (2, 3.0, True)
    assert begin.retry_policy is not None
    assert "stop_after_attempt" in begin.retry_policy
    assert begin.description == "Begin to write."
    assert begin.signature == "async def begin(self, ctx: Context, ev: StartEvent) -> Draft"
    assert begin.streams == ("Score",)


def test_a_node_tells_where_it_is_written() -> None:
    begin = step_of(get_workflow_representation(Chain), "begin")

    assert begin.source is not None
    assert begin.source.file == __file__
    with open(__file__, encoding="utf-8") as file:
        assert "@step(num_workers=2" in file.readlines()[begin.source.line - 1]


def test_an_event_tells_its_schema_even_where_json_has_no_word() -> None:
    draft = node_of(get_workflow_representation(Chain), "Draft")

    assert isinstance(draft, WorkflowEventNode)
    assert draft.event_schema["properties"]["text"]["type"] == "string"
    assert "owner" in draft.event_schema["properties"]


def test_start_and_stop_have_their_roles() -> None:
    graph = get_workflow_representation(Chain)

    assert [node.role for node in graph.nodes if isinstance(node, WorkflowEventNode)] == ["start", "plain", "stop"]


def test_a_graph_survives_json() -> None:
    graph = get_workflow_representation(Chain)

    assert WorkflowGraph.model_validate_json(graph.model_dump_json()) == graph


def test_an_instance_is_drawn_with_its_own_steps() -> None:
    workflow = Chain()

    def further(ev: StartEvent) -> None: ...

    workflow.add_step(further)

    assert "further" in [node.label for node in get_workflow_representation(workflow).nodes]
    assert "further" not in [node.label for node in get_workflow_representation(Chain).nodes]


@pytest.mark.parametrize("given", [None, 3, int, Draft, Chain.begin])
def test_what_is_no_workflow_is_refused(given: Any) -> None:
    with pytest.raises(NotAWorkflowError, match="is no workflow"):
        get_workflow_representation(given)


def test_a_fan_out_and_its_joins_have_kinds_and_cardinalities() -> None:
    class Fan(Workflow):
        @step
        async def split(self, ev: StartEvent) -> list[Draft]:
            return []

        @step
        async def rate(self, ev: Draft) -> Score:
            return Score(value=1)

        @step
        async def pick(self, evs: Annotated[list[Score], Collect(Take(3))]) -> StopEvent:
            return StopEvent()

    graph = get_workflow_representation(Fan)

    out = edge_of(graph, "split", "Draft")
    assert (out.kind, out.cardinality) == ("fan_out", "many")
    join = edge_of(graph, "Score", "pick")
    assert (join.kind, join.cardinality, join.count, join.label) == ("join", "first", 3, "evs")


def test_a_join_over_several_parameters_takes_one_of_each() -> None:
    class Pair(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Draft | Score | None:
            return None

        @step
        async def both(self, text: Draft, score: Score) -> StopEvent:
            return StopEvent()

    graph = get_workflow_representation(Pair)

    assert [edge_of(graph, name, "both").cardinality for name in ("Draft", "Score")] == ["each", "each"]
    assert edge_of(graph, "Score", "both").label == "score"


def test_people_stand_between_question_and_answer() -> None:
    class Asks(Workflow):
        @step
        async def ask(self, ev: StartEvent) -> Question:
            return Question(text="?")

        @step
        async def take(self, ev: Answer) -> StopEvent:
            return StopEvent()

    graph = get_workflow_representation(Asks)

    assert edge_of(graph, "Question", "outside").kind == "human"
    assert edge_of(graph, "outside", "Answer").kind == "human"


def test_what_a_step_sends_and_waits_for_is_found_in_its_source() -> None:
    class Sends(Workflow):
        @step
        async def begin(self, ctx: Context, ev: StartEvent) -> StopEvent:
            ctx.send_event(Draft(text=""))
            await ctx.wait_for_event(Answer)
            return StopEvent()

        @step
        async def read(self, ev: Draft) -> None: ...

    graph = get_workflow_representation(Sends)

    assert edge_of(graph, "begin", "Draft").kind == "send"
    assert edge_of(graph, "Answer", "begin").kind == "wait"


def test_error_handlers_say_what_they_cover() -> None:
    class Caught(Workflow):
        @step
        async def one(self, ev: StartEvent) -> Draft:
            return Draft(text="")

        @step
        async def two(self, ev: Draft) -> StopEvent:
            return StopEvent()

        @catch_error(for_steps=["one"])
        async def special(self, ev: StepFailedEvent) -> StopEvent:
            return StopEvent()

        @catch_error(max_recoveries=2)
        async def others(self, ev: StepFailedEvent) -> StopEvent:
            return StopEvent()

    graph = get_workflow_representation(Caught)

    special, others = step_of(graph, "special").handles, step_of(graph, "others").handles
    assert special is not None
    assert others is not None
    assert (special.for_steps, special.covers) == (("one",), ("one",))
    assert (others.for_steps, others.covers, others.max_recoveries) == (None, ("two",), 2)
    assert edge_of(graph, "one", "special").kind == "error"
    assert edge_of(graph, "two", "others").kind == "error"


def test_resources_hang_together_and_keep_configured_values_to_themselves() -> None:
    class Uses(Workflow):
        @step
        async def one(self, ev: StartEvent, client: Annotated[Handle, Resource(connect)]) -> Draft:
            return Draft(text="")

        @step
        async def two(self, ev: Draft, again: Annotated[Handle, Resource(connect)]) -> StopEvent:
            return StopEvent()

    graph = get_workflow_representation(Uses)

    resource = node_of(graph, "connect")
    assert isinstance(resource, WorkflowResourceNode)
    assert (resource.type_name, resource.description) == ("Handle", "Open the connection.")
    assert [edge_of(graph, "connect", name).label for name in ("one", "two")] == ["client", "again"]
    config = node_of(graph, "settings.json db")
    assert isinstance(config, WorkflowResourceConfigNode)
    assert list(config.config_schema["properties"]) == ["password"]
    assert edge_of(graph, config.label, "connect").label == "settings"


def test_two_resources_of_one_name_are_two_nodes() -> None:
    class Uses(Workflow):
        @step
        async def one(
            self,
            ev: StartEvent,
            a: Annotated[int, Resource(lambda: 1)],
            b: Annotated[int, Resource(lambda: 2)],
        ) -> StopEvent:
            return StopEvent()

    graph = get_workflow_representation(Uses)

    assert len([node for node in graph.nodes if node.node_type == "resource"]) == 2


def test_events_of_one_name_are_told_apart() -> None:
    twin = type("Draft", (Event,), {"__module__": "elsewhere.texts"})

    def first(ev: StartEvent) -> Draft:
        return Draft(text="")

    def second(ev: Draft) -> Any:
        return None

    def third(ev: Any) -> StopEvent:
        return StopEvent()

    second.__annotations__["return"] = twin
    third.__annotations__["ev"] = twin
    twins: type[Workflow] = type("Twins", (Workflow,), {})
    functions: list[Callable[[Any], Any]] = [first, second, third]
    for function in functions:
        step(workflow=twins)(function)

    labels = [node.label for node in get_workflow_representation(twins).nodes]

    assert "texts.Draft" in labels
    assert "test_graph.Draft" in labels


def test_children_are_found_by_reading_the_source() -> None:
    class Outer(Workflow):
        helper = Other

        @step
        async def delegate(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.run_child(Inner(), topic="x")
            second = self.helper()
            await ctx.run_child(second)
            return StopEvent()

    graph = get_workflow_representation(Outer)

    assert edge_of(graph, "delegate", "Inner").kind == "child"
    assert edge_of(graph, "delegate", "Other").kind == "child"
    inner = node_of(graph, "Inner")
    assert isinstance(inner, WorkflowChildNode)
    assert [node.label for node in graph.children[inner.workflow].nodes] == ["StartEvent", "only", "StopEvent"]


def test_declared_children_win() -> None:
    class Outer(Workflow):
        @step(children=[Other])
        async def delegate(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.run_child(Inner())
            return StopEvent()

    labels = [node.label for node in get_workflow_representation(Outer).nodes if node.node_type == "child"]

    assert labels == ["Other"]


def test_a_child_that_cannot_be_resolved_is_an_unknown_node() -> None:
    def make() -> Workflow:
        return Inner()

    class Outer(Workflow):
        @step
        async def delegate(self, ctx: Context, ev: StartEvent) -> StopEvent:
            await ctx.run_child(make())
            return StopEvent()

    graph = get_workflow_representation(Outer)

    node = node_of(graph, "make()")
    assert isinstance(node, WorkflowGenericNode)
    assert node.node_type == "unknown"
    assert edge_of(graph, "delegate", "make()").kind == "unresolved"


def make_inner() -> Inner:
    return Inner()


def make_any() -> Workflow:
    return Inner()


class Finds(Workflow):
    """Names its child in every way there is."""

    kept = Inner()
    declared: Inner

    def __init__(self) -> None:
        super().__init__()
        self.own = Inner()

    async def help_out(self, number: int, ctx: Context) -> None:
        await ctx.run_child(Inner())
        await self.help_out(number, ctx)

    @step
    async def by_name(self, ctx: Context, ev: StartEvent) -> StopEvent:
        child = Inner()
        return StopEvent(result=await ctx.run_child(child))

    @step
    async def by_comprehension(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=[await ctx.run_child(Inner(), number=number) for number in range(3)])

    @step
    async def by_loop(self, ctx: Context, ev: StartEvent) -> StopEvent:
        for child in (Inner(), Other()):
            await ctx.run_child(child)
        return StopEvent()

    @step
    async def by_choice(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await ctx.run_child(Inner() if ev.deep else Other()))

    @step
    async def by_walrus(self, ctx: Context, ev: StartEvent) -> StopEvent:
        if child := Inner():
            await ctx.run_child(child)
        return StopEvent()

    @step
    async def by_class_attribute(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await ctx.run_child(self.kept))

    @step
    async def by_annotation(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await ctx.run_child(self.declared))

    @step
    async def by_own_attribute(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await ctx.run_child(self.own))

    @step
    async def by_factory(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await ctx.run_child(make_inner()))

    @step
    async def by_resource(
        self, ctx: Context, ev: StartEvent, child: Annotated[Inner, Resource(make_inner)]
    ) -> StopEvent:
        return StopEvent(result=await ctx.run_child(child))

    @step
    async def by_method(self, ctx: Context, ev: StartEvent) -> StopEvent:
        await self.help_out(3, ctx)
        return StopEvent()

    @step
    async def by_method_by_name(self, ctx: Context, ev: StartEvent) -> StopEvent:
        await self.help_out(ctx=ctx, number=3)
        return StopEvent()

    @step
    def by_call(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=ctx.call(ctx.run_child(Inner())))

    @step
    async def itself(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await ctx.run_child(self))

    @step
    async def by_vague_factory(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await ctx.run_child(make_any()))

    @step
    async def by_event(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await ctx.run_child(ev.child))

    @step
    async def by_nothing(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await ctx.run_child(start_event=ev))  # type: ignore[call-overload]


def children_of(graph: WorkflowGraph, step: str) -> list[str]:
    labels = {node.id: node.label for node in graph.nodes}
    kinds = {"child": "", "unresolved": "? "}
    edges = [edge for edge in graph.edges if edge.source == f"step:{step}" and edge.kind in kinds]
    return [kinds[edge.kind] + labels[edge.target] for edge in edges]


FOUND = {
    "by_name": ["Inner"],
    "by_comprehension": ["Inner"],
    "by_loop": ["Inner", "Other"],
    "by_choice": ["Inner", "Other"],
    "by_walrus": ["Inner"],
    "by_class_attribute": ["Inner"],
    "by_annotation": ["Inner"],
    "by_own_attribute": ["? self.own"],
    "by_factory": ["Inner"],
    "by_resource": ["Inner"],
    "by_method": ["Inner"],
    "by_method_by_name": ["Inner"],
    "by_call": ["Inner"],
    "itself": ["Finds"],
    "by_vague_factory": ["? make_any()"],
    "by_event": ["? ev.child"],
    "by_nothing": [],
}


@pytest.mark.parametrize(("step", "labels"), FOUND.items())
def test_a_child_is_found_by_reading_the_step(step: str, labels: list[str]) -> None:
    assert children_of(get_workflow_representation(Finds), step) == labels


def test_an_instance_tells_what_its_attributes_are() -> None:
    assert children_of(get_workflow_representation(Finds()), "by_own_attribute") == ["Inner"]


class Recursive(Workflow):
    @step
    async def again(self, ctx: Context, ev: StartEvent) -> StopEvent:
        await ctx.run_child(Recursive())
        return StopEvent()


def test_recursion_ends() -> None:
    graph = get_workflow_representation(Recursive)

    assert list(graph.children) == [f"{__name__}.Recursive"]
    assert graph.children[f"{__name__}.Recursive"].children == {}


def test_a_workflow_that_cannot_run_is_drawn_as_far_as_it_goes() -> None:
    class Broken(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Draft:
            return Draft(text="")

        @step
        async def lost(self, ev: Score) -> None: ...

    graph = get_workflow_representation(Broken)

    assert [problem.rule for problem in graph.problems] == ["stop", "never_consumed", "never_produced"]
    assert graph.problems[1].nodes == ("step:begin",)
    assert {node.label for node in graph.nodes} == {"StartEvent", "begin", "Draft", "Score", "lost"}


def test_an_empty_workflow_has_problems_and_no_nodes() -> None:
    class Empty(Workflow):
        pass

    graph = get_workflow_representation(Empty)

    assert graph.nodes == ()
    assert [problem.rule for problem in graph.problems] == ["start", "stop"]


def test_subclasses_that_a_step_lets_in_are_drawn() -> None:
    class Longer(Draft):
        pass

    class Open(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Longer:
            return Longer(text="")

        @step(accept_event_subclasses=True)
        async def read(self, ev: Draft) -> StopEvent:
            return StopEvent()

    assert edge_of(get_workflow_representation(Open), "Longer", "read").label == "as Draft"


def test_filtering_joins_what_a_node_stood_between() -> None:
    steps = get_workflow_representation(Chain).filter_by_node_type("event")

    assert [node.label for node in steps.nodes] == ["begin", "end"]
    assert [(edge.source, edge.target) for edge in steps.edges] == [("step:begin", "step:end")]
