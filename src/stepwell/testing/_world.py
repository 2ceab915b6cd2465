"""One simulated run: a world that holds up, breaks, cancels, puts away, and talks from outside, as is chosen.

Rule 1. Nothing here does what could not happen: bodies are held up and fail where they begin, and where they
        await something outside; never between two lines, and never inside a wait of the engine.
Rule 2. What comes from outside comes between two facts.
Rule 3. A run that is put away is over in its loop, and what it then still does counts for nothing. It is taken up in
        another loop, by a workflow made anew, from what JSON holds of it.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine
from copy import deepcopy
from functools import partial
from typing import Any

from stepwell.core import Fact, Plan
from stepwell.errors import RunOverError, TooManyHeldEventsError
from stepwell.flow import Event, InputRequiredEvent
from stepwell.runtime import WorkflowHandler
from stepwell.runtime.worlds import Caller, ReadyStep, RunView, Takeover, current_attempt
from stepwell.testing._choices import Choices
from stepwell.testing._faults import Faults, Outside
from stepwell.testing._guided import Guided
from stepwell.testing._moments import Moments
from stepwell.testing._record import Record, RecordingMachine
from stepwell.testing._simulated_loop import SimulatedLoop
from stepwell.testing._simulated_threads import current_thread

SLOW_WAYS = 4
DOWNTIMES = (0.0, 1.0, 3_600.0)
"""How many seconds a run stays put away."""


class World:
    """Drives one run, in one loop after another. ``span`` is about how many facts it will have."""

    def __init__(self, choices: Choices, faults: Faults, outside: Outside, span: int) -> None:
        self.choices = choices
        self.faults = faults.thinned(choices)
        self.outside = outside
        self.moments = Moments(choices, span)
        self.records: list[Record] = []
        self.top_records: list[Record] = []
        self.runs: list[RunView] = []
        self.bodies: list[int] = []
        self.injected: list[BaseException] = []
        self.lost: list[BaseException] = []
        self.left: list[str] = []
        self.events: list[Event] = []
        self.is_cancelled = False
        self.was_slow = False
        self.waited_for: tuple[str, ...] = ()
        self.lives = 0
        self.document: dict[str, Any] | None = None
        self.handler: WorkflowHandler[Any] | None = None
        self.loop: SimulatedLoop
        self._unsent: list[Event] = []
        self._seen_until = 0
        self._until: int | None = None
        self._top = 0

    # Lives.

    def begin_life(self) -> dict[str, Any] | None:
        """Make the loop of the next life; return what is to be taken up in it, if anything."""
        began = None
        self.choices.is_over = False
        if self.lives:
            down = DOWNTIMES[self.choices.draw(f"put away #{self.lives}: for how long", len(DOWNTIMES) - 1, 0.5)]
            began = self.loop.time() + down
        self.loop = SimulatedLoop(self.choices, self, self.at_standstill, began)
        self.loop.set_exception_handler(self._take_lost)
        self.moments.move_to(self.loop)
        self.lives += 1
        self._top = len(self.runs)
        document, self.document = self.document, None
        self._seen_until, self._until = self._until or 0, None
        return document

    @property
    def top(self) -> RunView:
        """The run of this life itself, not a child."""
        return self.runs[self._top]

    def attend(self, handler: WorkflowHandler[Any]) -> None:
        """Choose what will come from outside, and when; in a later life, send what the one before did not take."""
        self.handler = handler
        if self.lives > 1:
            unsent, self._unsent = self._unsent, []
            for event in unsent:
                self.send(event)
        else:
            if self.choices.draw("the run is cancelled", 1, self.faults.cancel):
                self.moments.plan("the run is cancelled", self._cancel)
            for number, event in enumerate(self.outside.events, 1):
                self._plan_event(f"outside event {number} ({type(event).__name__})", event)
        if self.choices.draw(f"the run is put away #{self.lives}", 1, self.faults.restore):
            self.moments.plan(f"the run is put away #{self.lives}", self._put_away)

    def _cancel(self) -> None:
        assert self.handler is not None
        if self.document is None:
            self.is_cancelled = self.handler.cancel() or self.is_cancelled
        else:
            self.moments.plan("the run is cancelled, again", self._cancel)

    def _put_away(self) -> None:
        """Write the run down and end it; what it does from now on is lost."""
        assert self.handler is not None
        if not self.handler.ctx.is_running or self.top.ending is not None:
            return
        self.document = json.loads(json.dumps(self.handler.ctx.to_dict()))
        assert self.document is not None
        self._until = self.document["run"]["stream"]["end"]
        self.handler.cancel()

    # Taking runs over.

    def adopt(self, run: Any) -> None:
        """Take over a run that is about to begin in this world's loop."""
        view = RunView(run)
        self.runs.append(view)
        if view.timeout is not None:
            self.loop.late_budget = min(self.loop.late_budget, view.timeout / 4)
        Takeover(f"simulated-{self.choices.seed}-{len(self.runs)}", self._machine, self._guide).of(run)
        self.records[-1].limits = view.limits

    def _machine(self, plan: Plan) -> RecordingMachine:
        machine = RecordingMachine(plan, self._heard)
        if len(self.runs) == self._top + 1:
            self.top_records.append(machine.record)
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
            return self._live(step, partial(call, workflow, context, event, resources))

        return guided

    async def _live(self, step: ReadyStep, call: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        self.bodies.append(current_attempt()[0])
        name = self.choices.name(step.name)
        await self._meddle(f"{name} begins", step)
        return await Guided(call(), lambda place, fails: self._meddle(f"{name}, await {place}", step, fails=fails))

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

    def _plan_event(self, name: str, event: Event) -> None:
        copies = 2 if self.choices.draw(f"{name}: twice", 1, self.faults.duplicate) else 1
        if self.choices.draw(f"{name}: lost", 1, self.faults.lost):
            return
        for place in range(copies):
            self.moments.plan(f"{name}{', again' * place}", lambda: self.send(deepcopy(event)))

    def send(self, event: Event) -> None:
        """Send an event from outside; the run may be over, put away, or have too many that nobody takes."""
        assert self.handler is not None
        if self.document is not None:
            self._unsent.append(event)
            return
        try:
            self.handler.ctx.send_event(event)
        except (RunOverError, TooManyHeldEventsError):
            return

    def _heard(self, fact: Fact) -> None:
        if self.document is None:
            self.moments.count_fact()

    def at_standstill(self) -> bool:
        """Let the next thing come from outside, if there is any: there may be no more facts otherwise."""
        self.waited_for = self.top.waits_for if len(self.runs) > self._top else ()
        return self.moments.hurry()

    async def listen(self, handler: WorkflowHandler[Any]) -> None:
        """Keep what the run shows, and answer its questions; not what was seen in a life before, or will be lost."""
        async for item in handler.stream():
            is_lost = self._until is not None and item.cursor >= self._until
            if is_lost or item.cursor < self._seen_until:
                continue
            self.events.append(item.event)
            if isinstance(item.event, InputRequiredEvent) and self.outside.answer is not None:
                answer = self.outside.answer(item.event)
                if answer is not None:
                    self._plan_event(self.choices.name(f"answer to {type(item.event).__name__}"), answer)
