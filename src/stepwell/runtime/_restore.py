"""Taking a run up where a snapshot was made: the machine as it stood, its timers, and bodies that run again.

Rule 1. The machine's state is what it was. What nobody is there any more to report (a body that was told to
        stop, a task that was given up) is reported at once.
Rule 2. Every attempt that was under way runs its body from the top, through a ``Replay``. Its step's time limit
        begins anew; the run's goes on with what was left of it.
Rule 3. A body that was over and had left background tasks runs again for their sake; what it returns is passed over.
"""

import asyncio
import logging
from typing import Any

from stepwell.core import RUN_TIMER, ChildClosed, Point, Settlement, StartStep, StepCancelled, TaskClosed, TurnPassed
from stepwell.runtime._attempts import Attempt, BackgroundTask
from stepwell.runtime._context import LiveContext
from stepwell.runtime._points import end_replay
from stepwell.runtime._replay import Replay
from stepwell.runtime._restored import RestoredBody, RestoredRun
from stepwell.runtime._timers import own_timers
from stepwell.runtime._verdicts import note_attempt
from stepwell.runtime._waits import ChildWait, OpenWait, own_waits

logger = logging.getLogger("stepwell.runtime")


def adopt(run: Any, restored: RestoredRun) -> None:
    """Give a run that has not begun what the snapshot holds. Nothing runs yet."""
    if run.link is None:  # a child has the time of the run above
        run.offset = max(run.host.wall_clock(), restored.state.now, restored.taken_at) - run.clock()
    run.buffers = restored.buffers
    run.stream.restore(restored.stream_end, restored.questions)


def take_up(run: Any, restored: RestoredRun) -> None:
    """Set everything going again."""
    state = run.machine.state = restored.state
    now = state.now = run.now()
    if restored.time_left is not None:
        deadline = state.deadline = now + restored.time_left
        own_timers(run).start(RUN_TIMER, deadline)
    for timer, at in restored.timers.items():
        own_timers(run).start(timer, at)
    for name, wait in restored.waits.items():
        future: asyncio.Future[Any] = run.loop.create_future()
        wait.future = future
        kind = ChildWait if wait.is_child else OpenWait
        own_waits(run).add(name, kind(future, wait.event_type, wait.requirements, wait.type_name))
    for number, start in state.running.items():
        attempt: Attempt = run.crew.start(start)
        _prepare(run, attempt, restored.bodies[number], restored)
    for number, start in state.lingering.items():
        _play_again(run, start, restored.bodies[number], restored)
    run.history.restore(restored.produced, restored.consumed, restored.answered, restored.ended)
    _report_absent(run, restored)
    state.checking = False
    run.apply(TurnPassed(run.now()))  # a run that has nothing left to do must notice that


def _prepare(run: Any, attempt: Attempt, body: RestoredBody, restored: RestoredRun) -> None:
    """Give an attempt, whose body has not begun, what is known of the time before."""
    state, number = restored.state, attempt.start.attempt
    points, suspension = state.points.get(number), state.suspended.get(number)
    open_points: dict[int, Point] = {}
    outcomes: dict[int, tuple[bool, Any]] = {}
    if suspension is not None:
        open_points = {wait: one.point for wait, one in suspension.open.items() if one.point is not None}
        open_points.update((wait, point) for wait, _, _, point in suspension.ready if point is not None)
        outcomes = {wait: (how is Settlement.FAILED, value) for wait, value, how, _ in suspension.ready}
    attempt.needs_care = True
    attempt.replay = Replay(attempt.step.name, points.settled if points is not None else (), open_points, body.branches)
    attempt.replay.tasks_opened = body.tasks_opened
    attempt.replay.outcomes = outcomes
    for name, child in restored.children.items():
        if name[0] == number:
            attempt.replay.children[name[1]] = child
            if child.outcome is not None:
                attempt.replay.outcomes[name[1]] = child.outcome
    attempt.replay.open_waits({wait: restored.waits[number, wait].future for wait in open_points})
    attempt.careful = True
    attempt.started = body.started
    attempt.made_before = body.branches[()][1]
    attempt.recollected = body.collected
    attempt.tasks_closed = set(body.tasks_closed)
    attempt.wait_count = attempt.start.waits
    for _ in open_points:
        run.crew.count_wait(attempt, 1)


def _report_absent(run: Any, restored: RestoredRun) -> None:
    """Tell the machine what became of whoever is not there any more."""
    state = restored.state
    for number, body in restored.bodies.items():
        if body.timed_out:
            run.crew.cancel(number, "timed out")
    for name, child in restored.children.items():
        if child.outcome is not None:
            run.apply(ChildClosed(run.now(), *name, *child.outcome))
    for number in list(state.cancelling):
        run.apply(StepCancelled(run.now(), number))
    for number, count in list(state.tasks.items()):
        if number not in state.running and number not in state.lingering:
            for _ in range(count):
                run.apply(TaskClosed(run.now(), number))


def _play_again(run: Any, start: StartStep, body: RestoredBody, restored: RestoredRun) -> None:
    """Run the body of an attempt that was over; nothing of it counts but its background tasks."""
    attempt = Attempt(run.crew, start, run.crew.steps[start.step], body.started)
    if attempt.step.wants_context:
        attempt.context = LiveContext(run, attempt)
    _prepare(run, attempt, body, restored)

    async def play() -> None:
        error = None
        attempt.caller = asyncio.current_task()
        try:
            await run.crew.call_with_care(attempt)
        except Exception as raised:  # what its tasks lack because of it is reported with it
            error = raised
            note_attempt(raised, attempt)
            run.crew.failed_last = attempt
            logger.error("step %r had ended, and failed when it ran again", attempt.step.name, exc_info=raised)
        except asyncio.CancelledError:  # its branch was cut off: its tasks are not wanted any more
            assert attempt.replay is not None
            attempt.replay.was_stopped = True
            raise
        finally:
            end_replay(run, attempt, error)

    name = f"{attempt.step.name} (again, for its background tasks)"
    task = BackgroundTask(play(), loop=run.loop, name=name, context=run.variables.copy())
    task.attempt, task.owner = start.attempt, attempt
    if run.background is None:
        run.background = set()
    run.background.add(task)

    def ended(_: object) -> None:
        if run.background is not None:
            run.background.discard(task)
        run.conclude_if_quiet()

    task.add_done_callback(ended)
