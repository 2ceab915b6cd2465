"""A run that another run's step waits for: an ordinary run that shows what it shows upwards, and says when it rests."""

import functools
from typing import Any

from stepwell.core import RUNNING, ChildPaused, ChildResumed, EndRun, Fact, InputAsked, changed
from stepwell.flow import Event, InputRequiredEvent, InternalDispatchEvent, Wiring
from stepwell.runtime._children import ancestors, close
from stepwell.runtime._observers import Printer
from stepwell.runtime._origins import Origin
from stepwell.runtime._ports import Link, RunPort
from stepwell.runtime._restored import Restored
from stepwell.runtime._run import Run, Settings
from stepwell.runtime._steps import ReadyStep
from stepwell.runtime._stream import EventStream


class ForwardingStream(EventStream):
    """The stream of a child: the runs above show what is written to it too, but for its end."""

    __slots__ = ("upwards",)

    upwards: tuple[tuple[RunPort, tuple[Origin, ...]], ...]

    def write(self, event: Event) -> None:
        if self.closed:
            return
        super().write(event)
        is_question = isinstance(event, InputRequiredEvent)
        for run, origin in self.upwards:
            if run.stream.write_from(event, origin):
                self.woke = True
            if is_question:
                run.apply(InputAsked(run.now()))

    def write_internal(self, event: InternalDispatchEvent, origin: tuple[Origin, ...] = ()) -> bool:
        if self.closed:
            return False
        is_awaited = super().write_internal(event, origin)
        if not origin:  # else it comes from below, and whoever sent it told the runs above too
            for run, way in self.upwards:
                if run.stream.write_internal(event, way):
                    self.woke = True
        return is_awaited

    def close(self, last: Event) -> None:
        self.upwards = ()  # the end of a child is not the end of the run above: its step decides what follows
        super().close(last)


class ChildRun(Run):
    """Drives one run for the step that ``link`` names. ``start`` begins it, or puts it in line to begin."""

    __slots__ = ("link", "opened_at", "path", "start", "works")

    link: Link
    start: functools.partial[None]

    def __init__(
        self,
        workflow: Any,
        wiring: Wiring,
        steps: tuple[ReadyStep, ...],
        settings: Settings,
        link: Link,
        run_id: str | None,
    ) -> None:
        above = link.run
        prints = settings.verbose or above.settings.verbose
        super().__init__(workflow, wiring, steps, changed(settings, verbose=False) if prints else settings, above.loop)
        attempt, ordinal = link.name
        self.named = run_id or f"{above.run_id}.{attempt}.{ordinal}"
        self.external_events = above.external_events
        self.crew.is_below = True
        self.link = link  # pyright: ignore[reportIncompatibleVariableOverride]  # a child always has one
        self.works = True
        self.offset = above.offset
        self.opened_at = above.now()
        self.path: tuple[Origin, ...] = (
            *above.path,
            Origin(link.attempt.step.name, wiring.workflow, self.named),
        )
        stream = ForwardingStream(self.loop, settings.stream_buffer)
        self.stream: EventStream = stream
        stream.upwards = tuple(
            (higher.run, self.path[-level:]) for level, higher in enumerate(ancestors(self), start=1)
        )
        if prints:
            self.settings = changed(settings, verbose=True)
            self.observe(Printer(prefix="".join(f"{one.workflow}." for one in self.path)))

    def launch(self) -> None:
        """Begin, or take a place in line."""
        if self.link.run.shows_internal:
            self.expose_internal()
        start = self.start
        del self.start  # it holds the run
        start()

    def go_on_from(self, restored: Restored) -> None:
        """Let ``launch`` take up a snapshot, in place of a beginning."""
        assert restored.run is not None
        self.state_store = restored.store
        self.start = functools.partial(self.start.func, *self.start.args[:-1], restored.run)

    def apply(self, fact: Fact) -> None:
        super().apply(fact)
        self.tell_above()

    def tell_above(self) -> None:
        """Tell the run above when this one comes to rest, and when it is at work again."""
        state = self.machine.state
        works = state.active > 0 or state.status is not RUNNING
        if works is not self.works and self.outcome.status is RUNNING:
            self.works = works
            above = self.link.run
            told = ChildResumed if works else ChildPaused
            above.apply(told(above.now(), *self.link.name))

    def conclude(self, ending: EndRun) -> None:
        super().conclude(ending)
        close(self.link)
