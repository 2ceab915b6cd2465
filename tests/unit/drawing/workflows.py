"""Workflows that the tests of drawings draw and run."""

import itertools

from stepwell import (
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StepFailedEvent,
    StopEvent,
    Workflow,
    catch_error,
    step,
)
from stepwell.retry_policy import retry_policy, stop_after_attempt, wait_fixed


class Doc(Event):
    number: int


class Score(Event):
    number: int


class Question(InputRequiredEvent):
    text: str


class Answer(HumanResponseEvent):
    text: str


class Review(Workflow):
    """Rates documents, asks about the outcome, and starts again when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.failures = 1

    @step
    async def split(self, ev: StartEvent) -> list[Doc]:
        return [Doc(number=number) for number in range(3)]

    @step(num_workers=2, retry_policy=retry_policy(wait=wait_fixed(0), stop=stop_after_attempt(2)))
    async def rate(self, ev: Doc) -> Score:
        if self.failures:
            self.failures -= 1
            raise ValueError("not today")
        return Score(number=ev.number)

    @step
    async def ask(self, evs: list[Score]) -> Question:
        return Question(text="well?")

    @step
    async def decide(self, ev: Answer) -> Question | StopEvent:
        if ev.text == "fail":
            raise RuntimeError("</script> & such")
        return StopEvent(result=ev.text) if ev.text == "done" else Question(text="well?")


class Inner(Workflow):
    @step
    async def look(self, ev: StartEvent) -> StopEvent:
        return StopEvent()


class Outer(Workflow):
    @step(children=[Inner])
    async def delegate(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent()

    @catch_error
    async def recover(self, ev: StepFailedEvent) -> StopEvent:
        return StopEvent()


class Endless(Workflow):
    @step
    async def again(self, ctx: Context, ev: StartEvent) -> StopEvent:
        await ctx.run_child(Endless())
        return StopEvent()


class Twice(Workflow):
    @step(children=[Inner, Endless])
    async def first(self, ctx: Context, ev: StartEvent) -> Doc:
        return Doc(number=1)

    @step(children=[Inner])
    async def second(self, ctx: Context, ev: Doc) -> StopEvent:
        return StopEvent()


NAMES = (
    *("end", "graph", "subgraph", "class", "style", "click", "default", "o", "x", "node", "digraph", "strict", "edge"),
    *("Ünïcødé", "日本語", "a_b", "a_B", "TextContent"),
    *('a"b', "a<b>&amp;", "a\\b", "`x`", "#quot;", "%%{init: {}}%%", "- dash", "1. one", "$$x$$", "{a}|b|", "--> x"),
    *("</script><script>alert(1)</script>", "line\nbreak", "\\N", "📈"),
)


def named_workflow(names: tuple[str, ...] = NAMES) -> type[Workflow]:
    """Return a chain of steps and events with these names, and docstrings that look like markup."""
    made: type[Workflow] = type("end", (Workflow,), {})
    events = [type(name, (Event,), {"__module__": "m", "__qualname__": name}) for name in names]
    chain: list[type[Event]] = [StartEvent, *events, StopEvent]
    for position, (taken, given) in enumerate(itertools.pairwise(chain)):

        def body(ev: Event) -> Event:
            raise AssertionError("only drawn")

        body.__name__ = body.__qualname__ = names[position] if position < len(names) else "last"
        body.__annotations__ = {"ev": taken, "return": given}
        body.__doc__ = "</script><script>window.broken = 1</script><!-- \u2028"
        step(workflow=made)(body)
    return made
