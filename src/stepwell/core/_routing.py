"""Where an event goes: to steps, into joins, to waits, to the run itself, or on hold.

Rule 1. An event goes to every step that accepts its type, or only to the step it was sent to.
Rule 2. An event that answers waits also goes to the steps that accept it.
Rule 3. The first StopEvent ends the run.
Rule 4. An event that nothing takes is held: a wait that opens later may take it.
Rule 5. What a cancelled branch sends is dropped, but for a StopEvent.
"""

from stepwell.core._effects import Effect, EndRun, Lineage, Publish, StartStep, Status
from stepwell.core._endings import end_run
from stepwell.core._lanes import enqueue, launch, new_attempt
from stepwell.core._plan import Kind, Plan
from stepwell.core._scopes import fill_slot, gather
from stepwell.core._state import Gathered, Held, State, is_cut_off, scope_of


def deliver(
    state: State,
    plan: Plan,
    effects: list[Effect],
    key: str,
    event: object,
    cause: int | None,
    lineage: Lineage | None,
) -> None:
    """Take an event to all that its type leads to. ``cause`` is the attempt it comes from."""
    route = plan.routes[key]
    scope = None if lineage is None else scope_of(state, lineage)
    if lineage is not None and route.kind is not Kind.STOP and is_cut_off(lineage, scope):
        return
    if route.simple:
        for step in route.triggers:
            state.counter += 1
            start = StartStep(state.counter, step, key, event, 1, cause, lineage, state.now)
            launch(state, plan, effects, start, scope)
        return
    if route.kind is not Kind.PLAIN and _tell_run(state, effects, route.kind, event, cause):
        return
    for step in route.triggers:
        enqueue(state, plan, effects, new_attempt(state, step, key, event, cause, lineage))
    for place in route.slots:
        fill_slot(state, plan, effects, place, _item(event, (cause, lineage)), (key, lineage))
    if route.joins and scope is not None:
        for join in route.joins:
            gather(state, plan, effects, join, _item(event, (cause, lineage)), scope)
    elif not route.triggers and not route.slots and route.kind is not Kind.ASK:
        hold(state, key, event)


def _item(event: object, origin: tuple[int | None, Lineage | None]) -> Gathered:
    cause, lineage = origin
    return (lineage.index if lineage is not None else 0, event, cause)


def hold(state: State, key: str, event: object) -> None:
    """Keep an event for a wait that may open later."""
    state.counter += 1
    state.held = state.held or {}
    state.held[state.counter] = Held(key, event)


def _tell_run(state: State, effects: list[Effect], kind: Kind, event: object, cause: int | None) -> bool:
    """Take what an event means to the run as a whole; return whether that was all."""
    if kind is Kind.STOP:
        end_run(state, effects, EndRun(Status.COMPLETED, event, attempt=cause))
        return True
    if kind is Kind.ASK:
        ask(state)
        effects.append(Publish(event))
    else:
        note_answer(state)
    return False


def note_answer(state: State) -> None:
    """Note that one question fewer is open."""
    state.unprompted = False
    state.questions = max(0, state.questions - 1)


def ask(state: State) -> None:
    """Note that an answer from outside is possible once more."""
    state.unprompted = False
    state.questions += 1


def deliver_to_step(
    state: State,
    plan: Plan,
    effects: list[Effect],
    step: int,
    what: tuple[str, object],
    origin: tuple[int | None, Lineage | None],
) -> None:
    """Take an event to one step only, whichever way that step takes it."""
    key, event = what
    cause, lineage = origin
    route = plan.routes[key]
    if route.kind is not Kind.STOP and is_cut_off(lineage, scope_of(state, lineage)):
        return
    if route.kind is not Kind.PLAIN and _tell_run(state, effects, route.kind, event, cause):
        return
    places = [place for place in route.slots if place[0] == step]
    scope = scope_of(state, lineage)
    if places:
        fill_slot(state, plan, effects, places[0], _item(event, origin), (key, lineage))
    elif step in route.joins and scope is not None:
        gather(state, plan, effects, step, _item(event, origin), scope)
    elif step in route.triggers:
        enqueue(state, plan, effects, new_attempt(state, step, key, event, cause, lineage))
    else:
        hold(state, key, event)
