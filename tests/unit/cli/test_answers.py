"""Answering questions: what is shown for one, and that it ends when it is told to."""

import asyncio
import os

import pytest

from stepwell import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent, Workflow, step
from stepwell.cli._answers import Answerer, question_of
from stepwell.cli._reading import LineReader
from stepwell.cli._shown import Ending
from stepwell.runtime import Origin


class Question(InputRequiredEvent):
    prefix: str


class Silent:
    """A view that shows nothing and counts the questions."""

    def __init__(self) -> None:
        self.questions: list[str] = []

    def begin(self, workflow: str, run_id: str, steps: list[str]) -> None: ...

    def show(self, event: Event, origin: tuple[Origin, ...] = ()) -> None: ...

    def ask(self, question: str) -> None:
        self.questions.append(question)

    def answered(self, answer: str) -> None: ...

    def end(self, ending: Ending) -> None: ...


class Ask(Workflow):
    @step
    async def first(self, ev: StartEvent) -> Question:
        return Question(prefix="Name?")

    @step
    async def last(self, ev: HumanResponseEvent) -> StopEvent:
        return StopEvent(result=ev.response)


@pytest.mark.parametrize(
    ("event", "question"),
    [
        (Question(prefix="Name? "), "Name? "),
        (Question(prefix="Name?"), "Name? "),
        (InputRequiredEvent(), "InputRequiredEvent: "),
    ],
)
def test_a_question_is_its_prefix_or_its_class_with_room_for_the_answer(event: Event, question: str) -> None:
    assert question_of(event) == question


async def test_a_question_that_comes_together_with_the_end_is_not_asked() -> None:
    workflow, view = Ask(), Silent()
    handler = workflow.run()
    answerer = Answerer(workflow, handler, view, LineReader(None))
    asking = asyncio.create_task(answerer.answer_all())
    await asyncio.sleep(0)

    answerer.put(Question(prefix="Name?"))
    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    assert view.questions == []
    await handler.cancel_run()


async def test_lines_come_one_by_one_and_then_the_end_of_input() -> None:
    reading, writing = os.pipe()
    os.write(writing, "Ada\r\nBj\u00f6rn\nlast".encode())
    os.close(writing)
    reader = LineReader(reading)

    lines = [await reader.line() for _ in range(4)]

    os.close(reading)
    assert lines == ["Ada", "Bj\u00f6rn", "last", None]


async def test_closed_standard_input_is_at_its_end() -> None:
    reader = LineReader(None)

    assert await reader.line() is None
    assert not reader.is_terminal
