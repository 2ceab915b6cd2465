"""``Workflow``: the class that users write their steps in, and run."""

import asyncio
import functools
import logging
import sys
from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic

from pydantic import ValidationError
from typing_extensions import TypeVar

from stepwell import errors
from stepwell.errors import (
    NoRunningLoopError,
    ReservedStepNameError,
    StartEventTypeError,
    StartFieldsError,
    StepOptionError,
    nearest,
)
from stepwell.flow import (
    Event,
    StartEvent,
    StepDefinition,
    StopEvent,
    Wiring,
    check_graph_names,
    class_location,
)
from stepwell.runtime._blocking import blocking
from stepwell.runtime._checks import LONGEST_SECONDS, check_flag, check_text
from stepwell.runtime._child_run import ChildRun
from stepwell.runtime._children import RunsAsChild, ancestors
from stepwell.runtime._compiled import AddStep, Compiled, collect_steps
from stepwell.runtime._context import Context, LiveContext
from stepwell.runtime._handler import WorkflowHandler
from stepwell.runtime._ports import ChildPort, Link, RunPort, Serializer
from stepwell.runtime._restored import RestoredRun
from stepwell.runtime._run import CALLBACKS, Beginning, Run, Settings
from stepwell.runtime._run_to_come import RunToCome

if TYPE_CHECKING:  # only for the annotations; see ADR 13
    from stepwell.callbacks import CallbackManager
    from stepwell.runtime._resources import ResourceManager

StartT = TypeVar("StartT", bound=StartEvent, default=StartEvent)
StopT = TypeVar("StopT", bound=StopEvent, default=StopEvent)

logging.getLogger("stepwell").addHandler(logging.NullHandler())


class Workflow(RunsAsChild[StartT, StopT], Generic[StartT, StopT]):
    """A program of steps: subclass it, and write methods with ``@step`` that take and return events.

    ``timeout`` limits a run (seconds; ``None``: no limit). ``verbose`` prints each step's start and end to
    standard error. ``num_concurrent_runs`` lets further runs in the same event loop wait for their turn.
    ``stream_buffer`` is how many events a run keeps for its readers (``None``: all). ``skip_graph_checks`` leaves out
    checks of the graph by name; ``disable_validation`` all that happen at the first run. ``callback_manager`` is
    told of every run; without one that of a trace around ``run()``, else the global one.

    Raises a ``WorkflowConfigurationError`` when the steps have no start or no end, or several.
    """

    _settings: Settings = Settings()
    _stepwell_version: object = object()
    _stepwell_added: tuple[StepDefinition, ...] = ()
    _stepwell_compiled: Compiled | None = None
    add_step = AddStep()

    def __init__(  # noqa: PLR0913  # the signature people know
        self,
        timeout: float | None = 45.0,
        disable_validation: bool = False,
        verbose: bool = False,
        resource_manager: "ResourceManager | None" = None,
        num_concurrent_runs: int | None = None,
        workflow_name: str | None = None,
        skip_graph_checks: Iterable[str] | None = None,
        *,
        callback_manager: "CallbackManager | None" = None,
        stream_buffer: int | None = 65_536,
        serializer: Serializer | None = None,
    ) -> None:
        if callback_manager is not None:
            _check_manager(callback_manager)
        _check_names(resource_manager, workflow_name)
        _check_seconds("timeout", timeout)
        _check_count("num_concurrent_runs", num_concurrent_runs)
        _check_count("stream_buffer", stream_buffer)
        self._settings = Settings(
            timeout=timeout,
            disable_validation=disable_validation,
            verbose=verbose,
            num_concurrent_runs=num_concurrent_runs,
            workflow_name=workflow_name,
            skip_graph_checks=check_graph_names(skip_graph_checks or ()),
            stream_buffer=stream_buffer,
            callback_manager=callback_manager,
            resource_manager=resource_manager,
            serializer=serializer,
        )
        self._compiled()

    def _compiled(self) -> Compiled:
        cls = type(self)
        known = self._stepwell_compiled  # this instance's or its class's; a base's does not count
        if known is not None and known.of is cls and known.version is cls._stepwell_version:
            return known
        own = self.__dict__.get("_stepwell_added", ())
        steps = [*collect_steps(cls), *own]
        for taken in (one for one in steps if one.name in _RESERVED):
            raise ReservedStepNameError(step=taken.name, workflow=cls.__name__, location=str(taken.location))
        wiring = Wiring(workflow=cls.__name__, location=class_location(cls), steps=steps)
        holder: Any = self if own else cls
        holder._stepwell_compiled = made = Compiled(cls, wiring, cls._stepwell_version)  # noqa: SLF001
        return made

    @property
    def workflow_name(self) -> str:
        """The name it was given, or its module and class."""
        cls = type(self)
        return self._settings.workflow_name or f"{cls.__module__}.{cls.__qualname__}"

    @property
    def serializer(self) -> Serializer | None:
        """What writes values into snapshots; ``None`` for a ``JsonSerializer``."""
        return self._settings.serializer

    @property
    def resource_manager(self) -> "ResourceManager":
        """What makes the resources of this instance's steps, and keeps those that live as long as it does."""
        manager = self._settings.resource_manager or self.__dict__.get("_stepwell_resources")
        if manager is None:
            from stepwell.runtime._resources import ResourceManager  # noqa: PLC0415  # start-up time

            manager = self._stepwell_resources = ResourceManager()
        return manager

    async def aclose(self) -> None:
        """Tear down the resources that live as long as this workflow."""
        await self.resource_manager.aclose()

    @property
    def start_event_class(self) -> type[StartEvent]:
        """The class of the event that runs begin with."""
        return self._compiled().wiring.start_event

    @property
    def stop_event_class(self) -> type[StopEvent]:
        """The class of the event that runs end with."""
        return self._compiled().wiring.stop_event

    @property
    def events(self) -> list[type[Event]]:
        """The event classes that the steps declare."""
        return list(self._compiled().wiring.events)

    def validate(self, *, validate_resource_configs: bool = True, validate_resources: bool = False) -> bool:
        """Return whether people take part in it. Needs no event loop, and works inside a running one.

        ``validate_resource_configs`` reads the configuration files that steps ask for. ``validate_resources`` makes
        every resource once and tears it down, in an event loop of its own; this call blocks meanwhile.

        Raises ``WorkflowGraphError``, ``ConfigValidationError`` or ``ResourceValidationError``, which list all that
        is wrong.
        """
        check_flag("validate", "validate_resource_configs", validate_resource_configs)
        check_flag("validate", "validate_resources", validate_resources)
        compiled = self._compiled()
        skipped = self._settings.skip_graph_checks
        steps, name = compiled.wiring.steps, compiled.wiring.workflow
        with_people = compiled.wiring.validate(skipped)
        if not compiled.has_resources:
            compiled.validated[skipped] = with_people
            return with_people
        from stepwell.runtime import _resource_checks as checks  # noqa: PLC0415  # start-up time

        if validate_resource_configs:
            checks.check_configs(name, steps, self.resource_manager)
        compiled.validated[skipped] = with_people
        if validate_resources:
            checks.check_resources(name, steps, self.resource_manager)
        return with_people

    def run(
        self,
        /,
        ctx: Context[Any] | None = None,
        start_event: StartEvent | None = None,
        *,
        external_events: bool = False,
        **fields: Any,
    ) -> WorkflowHandler[StopT]:
        """Start a run in the background of the running event loop, and return its handler at once.

        ``fields`` make the start event, unless ``start_event`` is given. With ``external_events`` a run that has
        nothing left to do waits for ``handler.ctx.send_event`` instead of failing as stalled. ``run_id=`` names
        the run, unless the start event has a field of that name. With the ``ctx`` of an earlier run of this
        workflow, which must be over, the new run goes on with its store.

        Raises ``ContextStateError`` for a context that cannot be gone on with, ``WorkflowValidationError`` when the
        steps do not fit together, ``StartFieldsError`` for fields that do not make the start event,
        ``NoRunningLoopError`` outside of an event loop.
        """
        settings = self._settings
        earlier = None if ctx is None else self._earlier_run(ctx)
        begin: Beginning
        run_id: str | None
        if earlier is not None and isinstance(earlier, RunToCome) and earlier.is_running:
            compiled = self._validated()
            begin, run_id = _taken_up(earlier, compiled.wiring, start_event, fields)
        else:
            compiled, begin, run_id = self._prepared(start_event, fields)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError as error:
            raise NoRunningLoopError(workflow=type(self).__name__) from error
        run = Run(self, compiled.wiring, compiled.ready, settings, loop)
        run.external_events = external_events
        run.named = run_id
        run.state_store = None if earlier is None else earlier.store()
        if settings.num_concurrent_runs is None:
            run.begin(begin)
        else:
            self._gate(loop, settings.num_concurrent_runs).enter(run, begin)
        return WorkflowHandler(run) if ctx is None else WorkflowHandler(run, _bound_to(run, ctx))

    def _validated(self) -> Compiled:
        compiled = self._compiled()
        settings = self._settings
        if settings.skip_graph_checks not in compiled.validated and not settings.disable_validation:
            self.validate()
        return compiled

    def _prepared(
        self, start_event: StartEvent | None, fields: dict[str, Any]
    ) -> tuple[Compiled, StartEvent, str | None]:
        """Return what a run begins with, and its id if it was given. Raises what is wrong with the steps or fields."""
        compiled = self._validated()
        run_id = fields.pop("run_id", None) if fields and not compiled.has_run_id else None
        if run_id is not None:
            check_text("run", "run_id", run_id)
        kind = compiled.wiring.start_event
        if fields or type(start_event) is not kind:
            return compiled, _start_event(kind, start_event, fields), run_id
        assert start_event is not None
        return compiled, start_event, run_id

    def as_child_run(self, link: Link, start_event: StartEvent | None, fields: dict[str, Any]) -> ChildPort:
        """Return a run for ``ctx.run_child``, which begins it; raises what ``run`` raises.

        A workflow that is among the runs above needs no place of its own under ``num_concurrent_runs``: it would
        wait for itself.
        """
        settings = self._settings
        compiled, event, run_id = self._prepared(start_event, fields)
        run = ChildRun(self, compiled.wiring, compiled.ready, settings, link, run_id)
        limit = settings.num_concurrent_runs
        if limit is None or any(one.run.workflow is self for one in ancestors(run)):
            run.start = functools.partial(run.begin, event)
        else:
            run.start = functools.partial(self._gate(run.loop, limit).enter, run, event)
        return run

    def _earlier_run(self, ctx: Context[Any]) -> RunPort | RunToCome:
        if not isinstance(ctx, Context):
            raise errors.NotAContextError(given=ctx)
        run: RunPort | RunToCome = ctx.of_run()
        if type(run.workflow) is not type(self):
            raise errors.ForeignContextError(workflow=type(self).__name__, other=type(run.workflow).__name__)
        if not isinstance(run, RunToCome) and run.ending is None:
            raise errors.RunningContextError(workflow=type(self).__name__)
        return run

    def _gate(self, loop: asyncio.AbstractEventLoop, limit: int) -> "_Gate":
        gate: _Gate | None = vars(self).get("_stepwell_gate")
        if gate is None or gate.loop is not loop:
            gate = self._stepwell_gate = _Gate(loop, limit)
        return gate

    def run_sync(self, **arguments: Any) -> Any:
        """Run to the end and return the result; takes what ``run`` takes, and needs no event loop.

        Inside a running loop (a notebook) the run gets a thread and a loop of its own, and this call blocks.
        Resources of the workflow are torn down with that loop.
        """

        async def main() -> Any:
            try:
                return await self.run(**arguments)
            finally:
                await self.resource_manager.leave(asyncio.get_running_loop())

        return blocking(main)


_RESERVED = frozenset(name for name in dir(Workflow) if not name.startswith("__"))


class _Gate:
    """Lets at most ``limit`` runs of one workflow go on at once; the others wait their turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int) -> None:
        self.loop = loop
        self._free = limit
        self._waiting: OrderedDict[Run, Beginning] = OrderedDict()

    def enter(self, run: Run, event: Beginning) -> None:
        run.on_end = self.leave
        if self._free:
            self._free -= 1
            run.begin(event)
        else:
            self._waiting[run] = event
            run.host.runs.add(run)  # under way for everybody: who ends the loop's runs ends it too

    def leave(self, run: Run) -> None:
        """Give the place to the next in line; a run that ended while it stood in line had none."""
        if self._waiting.pop(run, None) is not None:
            return
        if self._waiting:
            following, event = self._waiting.popitem(last=False)
            following.variables.copy().run(following.begin, event)  # not in the context of whoever leaves
        else:
            self._free += 1


def _taken_up(
    earlier: RunToCome, wiring: Wiring, start_event: StartEvent | None, fields: dict[str, Any]
) -> tuple[RestoredRun, str]:
    """Return the run under way that a snapshot holds, and its id."""
    if fields or start_event is not None:
        raise StartFieldsError(
            event=wiring.start_event.__name__,
            given=list(fields),
            problems=["the run of this context is under way and has its start event; pass run(ctx=…) alone"],
            suggestions=[],
        )
    restored = earlier.take(wiring)
    assert restored.run is not None
    return restored.run, restored.run_id


def _bound_to(run: Run, ctx: Context[Any]) -> Context[Any] | None:
    """Let a context that the caller made be that of the run from now on, and of the next one that is given it."""
    if isinstance(ctx, LiveContext):
        return None
    ctx.belong_to(run)
    return ctx


def _start_event(kind: type[StartEvent], given: StartEvent | None, fields: dict[str, Any]) -> StartEvent:
    if given is not None:
        if not isinstance(given, kind):
            raise StartEventTypeError(expected=kind.__name__, given=given)
        if fields:
            raise StartFieldsError(
                event=kind.__name__,
                given=list(fields),
                problems=["run() got a start_event and fields as well; pass one of the two"],
                suggestions=[],
            )
        return given
    try:
        return kind(**fields)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, one['loc'])) or 'event'}: {one['msg']}" for one in error.errors()]
        missing = [str(one["loc"][0]) for one in error.errors() if one["type"] == "missing"]
        close = {near for name in missing for near in nearest(name, fields)}
        suggestions = [f"{name!r} where you wrote {near!r}" for name in missing for near in sorted(close)]
        raise StartFieldsError(
            event=kind.__name__, given=list(fields), problems=problems, suggestions=suggestions
        ) from error
    except Exception as error:  # what the event's own __init__ or validators raise
        problems = [f"{type(error).__name__}: {error}"]
        raise StartFieldsError(event=kind.__name__, given=list(fields), problems=problems, suggestions=[]) from error


def _check_manager(value: object) -> None:
    # Whoever has a manager has imported the room; for all others it would only make the import longer.
    callbacks = sys.modules.get(CALLBACKS)
    if callbacks is None or not isinstance(value, callbacks.CallbackManager):
        raise StepOptionError(option="callback_manager", value=value, accepted="a CallbackManager or None")


def _check_names(resource_manager: object, workflow_name: object) -> None:
    if resource_manager is not None:
        from stepwell.runtime._resources import ResourceManager  # noqa: PLC0415  # start-up time

        if not isinstance(resource_manager, ResourceManager):
            accepted = "a ResourceManager or None"
            raise StepOptionError(option="resource_manager", value=resource_manager, accepted=accepted)
    if workflow_name is not None and not isinstance(workflow_name, str):
        raise StepOptionError(option="workflow_name", value=workflow_name, accepted="text or None")


def _check_seconds(option: str, value: float | None) -> None:
    if value is None:
        return
    if type(value) not in (int, float) or not 0 < value <= LONGEST_SECONDS:
        raise StepOptionError(option=option, value=value, accepted="a number of seconds greater than 0 or None")


def _check_count(option: str, value: int | None) -> None:
    if value is not None and (type(value) is not int or value < 1):
        raise StepOptionError(option=option, value=value, accepted="an integer greater than 0 or None")
