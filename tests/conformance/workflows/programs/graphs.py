"""A workflow as data and as a drawing."""

# mypy: ignore-errors

from typing import Annotated

from engine import (
    Collect,
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    Resource,
    StartEvent,
    StepFailedEvent,
    StopEvent,
    Take,
    Workflow,
    catch_error,
    draw_all_possible_flows_mermaid,
    draw_most_recent_execution_mermaid,
    get_workflow_representation,
    step,
)
from observing import program


class Topic(Event):
    text: str


class Draft(Event):
    text: str


class Item(Event):
    number: int


class Done(Event):
    number: int


def make_client():
    return "client"


class Essay(Workflow):
    @step
    async def plan(self, ctx: Context, ev: StartEvent) -> Topic:
        return Topic(text="t")

    @step
    async def write(self, ev: Topic) -> Draft:
        return Draft(text="d")

    @step
    async def judge(self, ev: Draft) -> Topic | StopEvent:
        return StopEvent(result="essay")


class Squares(Workflow):
    @step
    async def split(self, ev: StartEvent) -> list[Item]:
        return [Item(number=1), Item(number=2)]

    @step
    async def work(self, ev: Item) -> Done:
        return Done(number=ev.number)

    @step
    async def join(self, evs: Annotated[list[Done], Collect(Take(1))]) -> StopEvent:
        return StopEvent()


class Asks(Workflow):
    @step
    async def ask(self, ev: StartEvent) -> InputRequiredEvent:
        return InputRequiredEvent()

    @step
    async def take(self, ev: HumanResponseEvent) -> StopEvent:
        return StopEvent()


class Caught(Workflow):
    @step
    async def begin(self, ev: StartEvent, client: Annotated[str, Resource(make_client)]) -> StopEvent:
        return StopEvent()

    @catch_error
    async def handle(self, ev: StepFailedEvent) -> StopEvent:
        return StopEvent()


def edges(graph):
    names = {node.id: [node.node_type, node.label] for node in graph.nodes}
    return sorted([*names[edge.source], *names[edge.target]] for edge in graph.edges)


def nodes(graph):
    return sorted([node.node_type, node.label] for node in graph.nodes)


@program
async def a_graph_has_the_steps_and_the_events():
    graph = get_workflow_representation(Essay())
    return {"nodes": nodes(graph), "edges": edges(graph), "name": graph.name.rpartition(".")[2]}


@program
async def a_graph_of_a_fan_out():
    graph = get_workflow_representation(Squares())
    return {"nodes": nodes(graph), "edges": edges(graph)}


@program
async def a_graph_of_people():
    graph = get_workflow_representation(Asks())
    return {"nodes": nodes(graph), "edges": edges(graph)}


@program
async def a_graph_with_a_resource_and_an_error_handler():
    graph = get_workflow_representation(Caught())
    kinds = sorted({node.node_type for node in graph.nodes})
    steps = sorted(node.label for node in graph.nodes if node.node_type == "step")
    return {"kinds": kinds, "steps": steps}


@program
async def a_graph_is_filtered_and_made_json():
    graph = get_workflow_representation(Essay())
    only_steps = graph.filter_by_node_type("event")
    data = graph.model_dump()
    return {
        "left": sorted({node.node_type for node in only_steps.nodes}),
        "json": sorted(data)[:3] != [],
        "same": type(graph).model_validate_json(graph.model_dump_json()).name == graph.name,
    }


def facts_of(text, *words):
    return {word: word in text for word in words}


@program
async def a_workflow_is_drawn_as_mermaid():
    of_instance = draw_all_possible_flows_mermaid(Essay(), filename="")
    of_class = draw_all_possible_flows_mermaid(Essay, filename="")
    words = ("flowchart TD", "step_plan", "step_write", "step_judge", "Topic", "Draft", "StopEvent", "stepStyle")
    return [facts_of(of_instance, *words), of_class == of_instance]


@program
async def a_drawing_of_people_has_the_outside_in_it():
    text = draw_all_possible_flows_mermaid(Asks(), filename="")
    return facts_of(text, "step_ask", "step_take", "InputRequiredEvent", "HumanResponseEvent", "external")


@program
async def a_run_is_drawn_as_mermaid():
    handler = Essay().run()
    await handler
    text = draw_most_recent_execution_mermaid(handler, filename="")
    return facts_of(text, "flowchart TD", "plan", "write", "judge", "StartEvent", "StopEvent")


@program
async def nodes_have_ids():
    graph = get_workflow_representation(Essay())
    return sorted(node.id for node in graph.nodes)


@program
async def two_events_of_one_name_in_a_graph():
    def other():
        class Topic(Event):
            pass

        return Topic

    Other = other()

    class Twins(Workflow):
        @step
        async def one(self, ev: StartEvent) -> Topic:
            return Topic(text="")

        @step
        async def two(self, ev: Topic) -> Other:
            return Other()

        @step
        async def three(self, ev: Other) -> StopEvent:
            return StopEvent()

    graph = get_workflow_representation(Twins())
    return sum(node.node_type == "event" for node in graph.nodes)


@program
async def a_graph_of_a_resource():
    class Uses(Workflow):
        @step
        async def begin(self, ev: StartEvent, client: Annotated[str, Resource(make_client)]) -> StopEvent:
            return StopEvent()

    graph = get_workflow_representation(Uses())
    return {"nodes": nodes(graph), "edges": edges(graph)}


@program
async def a_graph_of_an_error_handler():
    class Catches(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> StopEvent:
            return StopEvent()

        @catch_error
        async def handle(self, ev: StepFailedEvent) -> StopEvent:
            return StopEvent()

    graph = get_workflow_representation(Catches())
    return {"nodes": nodes(graph), "edges": edges(graph)}
