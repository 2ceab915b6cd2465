"""A run that another run's step waits for: an ordinary run that shows what it shows upwards, and says when it rests."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from stepwell.core import ChildPaused, ChildResumed, Fact, InputAsked, Status
from stepwell.flow import Event, InputRequiredEvent, StartEvent, Wiring
from stepwell.runtime._children import ancestors, close
from stepwell.runtime._observers import Printer
from stepwell.runtime._ports import Link, RunPort
from stepwell.runtime._run import Run, RunSettings
from stepwell.runtime._steps import ReadyStep
from stepwell.runtime._stream import EventStream, Origin


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

    def close(self, last: Event) -> None:
        self.upwards = ()  # the end of a child is not the end of the run above: its step decides what follows
        super().close(last)


class ChildRun(Run):
    """Drives one run for the step that ``link`` names. ``enter`` may keep it in line until ``leave`` of another."""

    __slots__ = ("_enter", "_event", "_leave", "link", "opened_at", "path", "works")

    link: Link

    def __init__(
        self, workflow: Any, wiring: Wiring, steps: tuple[ReadyStep, ...], settings: RunSettings, link: Link
    ) -> None:
        above = link.run
        attempt, ordinal = link.name
        run_id = settings.run_id or f"{above.run_id}.{attempt}.{ordinal}"
        super().__init__(workflow, wiring, steps, replace(settings, run_id=run_id, verbose=False), self._over)
        self.link = link
        self.works = True
        self.offset = above.offset
        self.opened_at = above.now()
        self.path: tuple[Origin, ...] = (
            *(above.path if above.link is not None else ()),
            Origin(link.attempt.step.name, wiring.workflow, run_id),
        )
        self.stream = ForwardingStream(self.loop, settings.stream_buffer)
        self.stream.upwards = tuple(
            (higher.run, self.path[-level:]) for level, higher in enumerate(ancestors(self), start=1)
        )
        self._enter: Callable[[Callable[[], None]], None] | None = None
        self._leave: Callable[[], None] | None = None
        self._event: StartEvent | None = None
        if settings.verbose or above.settings.verbose:
            self.settings.verbose = True
            self.observe(Printer(prefix="".join(f"{one.workflow}." for one in self.path)))

    def prepare(
        self,
        event: StartEvent,
        enter: Callable[[Callable[[], None]], None] | None = None,
        leave: Callable[[], None] | None = None,
    ) -> None:
        """Remember what to begin with, and whom to ask for a place in line."""
        self._event, self._enter, self._leave = event, enter, leave

    def launch(self) -> None:
        """Begin, or take a place in line."""
        if self.link.run.shows_internal:
            self.expose_internal()
        if self._enter is None:
            self._begin()
        else:
            self._enter(self._begin)

    def _begin(self) -> None:
        assert self._event is not None
        self.begin(self._event)

    def _over(self) -> None:
        if self._leave is not None:
            self._leave()
        close(self.link)

    def apply(self, fact: Fact) -> None:
        super().apply(fact)
        state = self.machine.state
        works = state.active > 0 or state.status is not Status.RUNNING
        if works is not self.works and self.outcome.status is Status.RUNNING:
            self.works = works
            above = self.link.run
            told = ChildResumed if works else ChildPaused
            above.apply(told(above.now(), *self.link.name))
