"""One simulated run: a world that holds up, breaks, cancels, and talks from outside, as its choices have it.

Rule 1. Nothing here does what could not happen: bodies are held up and fail where they begin, and where they
        await something outside; never between two lines, and never inside a wait of the engine.
Rule 2. What comes from outside comes between two facts. When there are no more facts it comes one by one.
"""

import asyncio
from collections.abc import Callable, Coroutine
from copy import deepcopy
from typing import Any

from stepwell.core import Fact, Plan, StartStep
from stepwell.errors import RunOverError, TooManyHeldEventsError
from stepwell.flow import Event, InputRequiredEvent
from stepwell.runtime import WorkflowHandler
from stepwell.runtime.worlds import Caller, ReadyStep, RunView, Takeover, current_attempt
from stepwell.testing._choices import Choices
from stepwell.testing._faults import Faults, Outside
from stepwell.testing._guided import Guided
from stepwell.testing._record import Record, RecordingMachine
from stepwell.testing._simulated_loop import SimulatedLoop
from stepwell.testing._simulated_threads import current_thread

EPOCH = 1_700_000_000.0
"""What the wall clock shows when a world begins, less the loop's own time."""

SLOW_WAYS = 4


class World:
    """Drives one run. ``span`` is about how many facts it will have, so that moments can be chosen among them."""

    def __init__(self, choices: Choices, faults: Faults, outside: Outside, span: int) -> None:
        self.choices = choices
        self.faults = faults.thinned(choices)
        self.outside = outside
        self.span = span
        self.records: list[Record] = []
        self.runs: list[RunView] = []
        self.bodies: list[int] = []
        self.injected: list[BaseException] = []
        self.events: list[Event] = []
        self.is_cancelled = False
        self.was_slow = False
        self.handler: WorkflowHandler[Any] | None = None
        self._moments: dict[int, list[Callable[[], object]]] = {}
        self._facts = 0
        self.lost: list[BaseException] = []
        self.left: list[str] = []
        self.waited_for: tuple[str, ...] = ()
        self.loop = SimulatedLoop(choices, self, self.at_standstill)
        self.loop.set_exception_handler(self._take_lost)

    # Taking runs over.

    def adopt(self, run: Any) -> None:
        """Take over a run that is about to begin in this world's loop."""
        number = len(self.runs) + 1
        view = RunView(run)
        self.runs.append(view)
        if view.timeout is not None:
            self.loop.late_budget = min(self.loop.late_budget, view.timeout / 4)
        Takeover(f"simulated-{self.choices.seed}-{number}", EPOCH, self._machine, self._guide).of(run)

    def _machine(self, plan: Plan) -> RecordingMachine:
        machine = RecordingMachine(plan, self._heard)
        self.records.append(machine.record)
        return machine

    def _guide(self, step: ReadyStep) -> Caller:
        call = step.call
        if not step.is_async:

            def guided_in_thread(workflow: Any, context: Any, event: Any, resources: Any) -> Any:
                self._meddle_in_thread(f"{self.choices.name(step.name)} begins", step)
                return call(workflow, context, event, resources)

            return guided_in_thread

        def guided(workflow: Any, context: Any, event: Any, resources: Any) -> Coroutine[Any, Any, Any]:
            return self._live(step, call(workflow, context, event, resources))

        return guided

    async def _live(self, step: ReadyStep, body: Coroutine[Any, Any, Any]) -> Any:
        self.bodies.append(current_attempt()[0])
        name = self.choices.name(step.name)
        try:
            await self._meddle(f"{name} begins", step)
        except BaseException:
            body.close()
            raise
        return await Guided(body, lambda place, fails: self._meddle(f"{name}, await {place}", step, fails=fails))

    async def _meddle(self, place: str, step: ReadyStep, *, fails: bool = True) -> None:
        """Hold a body up, or let it fail."""
        late = self.loop.lateness(f"{place}: late")
        if late:
            await self.loop.nap(late)
        slow = self._slowness(place, step)
        if slow:
            await self.loop.nap(slow)
        if fails:
            self._maybe_fail(place)

    def _meddle_in_thread(self, place: str, step: ReadyStep) -> None:
        thread = current_thread()
        slow = self._slowness(place, step)
        if slow and thread is not None:
            thread.sleep(slow)
        self._maybe_fail(place)

    def _slowness(self, place: str, step: ReadyStep) -> float:
        """Choose for how many seconds a body is held up: just to the end of its time limit, or quite long."""
        slow = self.choices.draw(f"{place}: slow", SLOW_WAYS, self.faults.slow_step)
        if not slow:
            return 0.0
        self.was_slow = True
        if slow == 1 and step.timeout is not None:
            return step.timeout
        return self.faults.slow_seconds * slow / SLOW_WAYS

    def _maybe_fail(self, place: str) -> None:
        if self.choices.draw(f"{place}: fails", 1, self.faults.step_failure):
            error = self.faults.error(place)
            self.injected.append(error)
            raise error

    def _take_lost(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Note what a callback of the loop raised: there is nobody else to tell."""
        if "handle" in context and context.get("exception") is not None:
            self.lost.append(context["exception"])
        else:
            loop.default_exception_handler(context)

    # Outside.

    def attend(self, handler: WorkflowHandler[Any]) -> None:
        """Choose what will come from outside, and when."""
        self.handler = handler
        if self.choices.draw("the run is cancelled", 1, self.faults.cancel):
            self._plan_moment("when the run is cancelled", self._cancel)
        for number, event in enumerate(self.outside.events, 1):
            self._plan_event(f"outside event {number} ({type(event).__name__})", event)

    def _plan_event(self, name: str, event: Event) -> None:
        copies = 2 if self.choices.draw(f"{name}: twice", 1, self.faults.duplicate) else 1
        if self.choices.draw(f"{name}: lost", 1, self.faults.lost):
            return
        for place in range(copies):
            self._plan_moment(f"{name}: when{' again' * place}", lambda: self.send(deepcopy(event)))

    def _plan_moment(self, name: str, happen: Callable[[], object]) -> None:
        moment = self.choices.draw(name, max(1, self.span), 1.0)

        def soon() -> None:
            self.loop.call_late(0.0, f"{name}, late", happen)

        if moment > 1:
            self._moments.setdefault(self._facts + moment - 1, []).append(soon)
        else:
            self.loop.call_soon(soon)

    def _cancel(self) -> None:
        assert self.handler is not None
        self.is_cancelled = self.handler.cancel() or self.is_cancelled

    def send(self, event: Event) -> None:
        """Send an event from outside; the run may be over, or have too many that nobody takes."""
        assert self.handler is not None
        try:
            self.handler.ctx.send_event(event)
        except (RunOverError, TooManyHeldEventsError):
            return

    def _heard(self, fact: Fact) -> None:
        self._facts += 1
        for happen in self._moments.pop(self._facts, ()):
            self.loop.call_soon(happen)

    def at_standstill(self) -> bool:
        """Let the next thing come from outside, if there is any: there may be no more facts otherwise."""
        self.waited_for = self.runs[0].waits_for if self.runs else ()
        if not self._moments:
            return False
        earliest = min(self._moments)
        happen, *others = self._moments.pop(earliest)
        if others:
            self._moments[earliest] = others
        self.loop.call_soon(happen)
        return True

    async def listen(self, handler: WorkflowHandler[Any]) -> None:
        """Keep what the run shows, and answer its questions."""
        async for event in handler.stream_events():
            self.events.append(event)
            if isinstance(event, InputRequiredEvent) and self.outside.answer is not None:
                answer = self.outside.answer(event)
                if answer is not None:
                    self._plan_event(self.choices.name(f"answer to {type(event).__name__}"), answer)

    def starts(self) -> list[StartStep]:
        """Return all attempts that the machines started."""
        return [
            effect
            for record in self.records
            for _, effects in record.entries
            for effect in effects
            if isinstance(effect, StartStep)
        ]
