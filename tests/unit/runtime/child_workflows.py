"""Workflows that tests run as children, and one that runs whatever it is given."""

from typing import Any

from stepwell import Context, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent, Workflow, step


class Question(InputRequiredEvent):
    about: str = ""


class Answer(HumanResponseEvent):
    text: str = ""
    number: int = 0


class Ask(Workflow):
    """Asks a person, and waits for the answer."""

    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        answer = await ctx.wait_for_event(Answer, waiter_event=Question(about=ev.get("about", "")))
        return StopEvent(answer.text)


class Runs(Workflow):
    """Runs whatever workflow it is given, in one step."""

    def __init__(self, child: Any, fields: dict[str, Any] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.child = child
        self.fields = fields or {}

    @step
    async def outer(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(await ctx.run_child(self.child, **self.fields))
