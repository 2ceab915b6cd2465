"""Suspending a body: until an event comes, until a time, or not at all when that is recorded already."""

import asyncio
from collections.abc import Mapping
from typing import Any

from stepwell.core import Point, Settlement, WaitDropped, WaitId, WaitStarted
from stepwell.errors import EventWaitTimeout
from stepwell.flow import Event
from stepwell.runtime._afar import check_here
from stepwell.runtime._attempts import Attempt
from stepwell.runtime._children import claim_held
from stepwell.runtime._history import note_wait
from stepwell.runtime._intents import check_open
from stepwell.runtime._points import SLEEP, WAIT, kept_of, note, open_point, recall, reopened
from stepwell.runtime._ports import RunPort
from stepwell.runtime._questions import asked_again, asked_no_more
from stepwell.runtime._waits import OpenWait, held_answer, meets, own_waits


async def wait(
    run: RunPort,
    attempt: Attempt,
    listener: OpenWait,
    *,
    name: str = "",
    ask: Event | None = None,
    seconds: float | None = None,
) -> Event | None:
    """Suspend the calling body until an event comes, or the time is up (an ``EventWaitTimeout``, if for an event)."""
    kind = SLEEP if listener.event_type is None else WAIT
    check_open(run, attempt, kind)
    check_here(run, f"ctx.{kind}")
    point, entry = open_point(attempt, kind, name, asks=ask)
    if entry is not None and entry.wait is None:
        return _in_time((await recall(attempt, entry))[0], listener, seconds)
    if entry is not None:
        point = entry.point
        wait_id, listener.future = reopened(run, attempt, entry, listener.event_type)
    else:
        if attempt.start.retry is not None:
            kept = kept_of(run, attempt, point)
            if kept is not None and kept.settlement is Settlement.ASKED:
                ask, point.asks = None, kept.point.asks
                asked_again(run)
            elif kept is not None and _answers(kept.value, listener):
                note(run, attempt, point, Settlement.DONE, kept.value)
                return kept.value  # type: ignore[return-value]  # it was looked at
        wait_id = _begin(run, attempt, listener, ask, seconds, point)
    noted = note_wait(attempt, listener.event_type or seconds, run.now())
    outcome, event = "cancelled", None
    try:
        if entry is not None and attempt.replay is not None:
            await attempt.replay.catch_up(listener.future)
        event = await listener.future
        outcome = "timed out" if event is None and kind == WAIT else "ok"
        if event is not None:
            run.history.answer(attempt.step.number, run.wiring.learn(type(event)))
    finally:
        noted[-1] = run.now()
        if run.waits.remove(wait_id) is not None:
            run.crew.count_wait(attempt, -1)
            run.apply(WaitDropped(noted[-1], *wait_id))
        asked_no_more(run, point.asks, event)
        if run.observers is not None:
            run.observers.wait_ended(attempt, wait_id[1], outcome)
    return _in_time(event, listener, seconds)


def _answers(event: Any, listener: OpenWait) -> bool:
    return type(event) is listener.event_type and meets(event, listener.requirements)


def _begin(
    run: RunPort, attempt: Attempt, listener: OpenWait, ask: Event | None, seconds: float | None, point: Point
) -> WaitId:
    name = (attempt.start.attempt, attempt.wait_count)
    attempt.wait_count += 1
    event_type = listener.event_type
    own_waits(run).add(name, listener)
    run.crew.count_wait(attempt, 1)
    now = run.now()
    run.apply(
        WaitStarted(
            now,
            *name,
            key=run.wiring.learn(event_type) if event_type is not None else None,
            deadline=None if seconds is None else now + seconds,
            ask=ask,
            takes=(
                held_answer(run.machine.state.held, event_type, listener.requirements)
                if event_type is not None
                else None
            ),
            point=point,
        )
    )
    if run.link is not None and event_type is not None and not listener.future.done():
        claim_held(run, name, event_type, listener.requirements)
    if run.observers is not None:
        what = event_type.__name__ if event_type is not None else f"{seconds:g} seconds"
        run.observers.wait_started(attempt, name[1], what, ask)
    return name


def _in_time(event: Event | None, listener: OpenWait, seconds: float | None) -> Event | None:
    """Return what came, ``None`` for a sleep, or raise the error of a wait whose time is up."""
    if event is None and listener.event_type is not None:
        raise EventWaitTimeout(event=listener.event_type.__name__, timeout=seconds or 0.0)
    return event


def listener_for(
    run: RunPort, event_type: type[Event] | None, requirements: Mapping[str, Any] | None = None
) -> OpenWait:
    """Return what waits for an event of a class that has the required values, or only for time."""
    future: asyncio.Future[Event | None] = run.loop.create_future()
    return OpenWait(future, event_type, requirements or NOTHING_REQUIRED)


NOTHING_REQUIRED: dict[str, Any] = {}
