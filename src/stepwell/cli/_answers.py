"""Answers to what a run asks: which class of event it takes, and which fields that event still needs."""

import asyncio
import contextlib
from collections import deque
from typing import Any

from pydantic import ValidationError

from stepwell.cli._fields import from_word
from stepwell.cli._reading import LineReader
from stepwell.cli._views import View
from stepwell.errors import AnswerMissingError, RunOverError
from stepwell.flow import Event, InputRequiredEvent, close_names
from stepwell.runtime import Workflow, WorkflowHandler
from stepwell.runtime.records import answer_types

QUIET_SECONDS = 0.1
"""How often it is looked whether a run waits for an answer to a question that it never showed."""


def question_of(event: Event) -> str:
    """Return what to show for a question: its ``prefix``, else its class and fields."""
    prefix = event.get("prefix")
    text = prefix if isinstance(prefix, str) and prefix else f"{type(event).__name__}:"
    return text if text[-1:].isspace() else text + " "


class Answerer:
    """Asks a person, or standard input, one question after the other, and sends the answers to the run."""

    def __init__(
        self, workflow: Workflow[Any, Any], handler: WorkflowHandler[Any], view: View, reader: LineReader
    ) -> None:
        self._workflow = workflow
        self._handler = handler
        self._view = view
        self._reader = reader
        self._questions: deque[InputRequiredEvent] = deque()
        self._came = asyncio.Event()

    def put(self, question: InputRequiredEvent) -> None:
        """Take a question of the run; it is asked when those before it are answered."""
        self._questions.append(question)
        self._came.set()

    async def answer_all(self) -> None:
        """Ask and answer until cancelled. Raises ``AnswerMissingError`` at the end of input."""
        while True:
            await self._next_turn()
            if self._questions:
                await self._answer(question_of(self._questions.popleft()))
            elif self._handler.ctx.waits_for_outside:
                kinds = self._kinds()
                if kinds:
                    await self._answer(f"{self._name} waits for {' or '.join(one.__name__ for one in kinds)}: ")

    @property
    def _name(self) -> str:
        return type(self._workflow).__name__

    async def _next_turn(self) -> None:
        """Return when a question came, or after a while in which a run may have come to wait without one."""
        if not self._questions:
            self._came.clear()
            # Not wait_for: before Python 3.12 it swallows a cancellation that comes together with a question.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(QUIET_SECONDS):
                    await self._came.wait()

    def _kinds(self) -> list[type[Event]]:
        """Return the classes that an answer can have: what waits ask for, then what steps accept."""
        return list(answer_types(self._handler))

    async def _answer(self, question: str) -> None:
        kinds = self._kinds()
        if not kinds:
            # Nobody takes an answer: the question is information, and the run goes on or says why not.
            return
        kind = kinds[0] if len(kinds) == 1 else await self._choose(question, kinds)
        event = await self._fill(question, kind)
        try:
            self._handler.ctx.send_event(event)
        except RunOverError:
            return  # the run ended while somebody typed; its end is what counts

    async def _ask(self, question: str) -> str:
        self._view.ask(question)
        answer = await self._reader.line()
        self._view.answered(answer or "")
        if answer is None:
            raise AnswerMissingError(workflow=self._name, question=question.strip())
        return answer

    async def _choose(self, question: str, kinds: list[type[Event]]) -> type[Event]:
        names = [kind.__name__ for kind in kinds]
        offer = ", ".join(f"{number} {name}" for number, name in enumerate(names, 1))
        hint = ""
        while True:
            word = (await self._ask(f"{question.strip()} [answer with: {offer}]{hint} ")).strip()
            if word.isdecimal() and 1 <= int(word) <= len(kinds):
                return kinds[int(word) - 1]
            if word in names:
                return kinds[names.index(word)]
            close = close_names(word, names)
            hint = f" ({word!r} is none of them" + (f"; did you mean {close[0]}?)" if close else ")")

    async def _fill(self, question: str, kind: type[Event]) -> Event:
        """Ask for the required fields of an answer; a class without any has ``response``."""
        required = [name for name, info in kind.model_fields.items() if info.is_required()]
        declared = "response" in kind.model_fields
        names = required if required or declared else ["response"]
        if not required and declared:
            names = ["response"]
        hint = ""
        while True:
            values: dict[str, Any] = {}
            for name in names:
                values[name] = await self._value(question + hint if name == names[0] else "", kind, name, names)
            try:
                return kind(**values)
            except ValidationError as error:
                hint = f"({error.errors()[0]['msg']}) "

    async def _value(self, question: str, kind: type[Event], name: str, names: list[str]) -> Any:
        prompt = f"{question}{name}: " if len(names) > 1 else question
        info = kind.model_fields.get(name)
        hint = ""
        while True:
            word = await self._ask(prompt + hint)
            if info is None:
                return word
            try:
                return from_word(info, word)
            except ValueError as error:
                hint = f"({error}) "
