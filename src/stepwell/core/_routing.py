"""Where an event goes: to steps, into joins, to waits, to the run itself, or on hold.

Rule 1. An event goes to every step that accepts its type, or only to the step it was sent to.
Rule 2. An event that answers waits also goes to the steps that accept it.
Rule 3. The first StopEvent ends the run.
Rule 4. An event that nothing takes is held: a wait that opens later may take it.
Rule 5. What a cancelled branch sends is dropped, but for a StopEvent.
"""

from stepwell.core._effects import COMPLETED, Effect, EndRun, Lineage, Publish, StartStep
from stepwell.core._endings import end_run
from stepwell.core._facts import StepFannedOut
from stepwell.core._lanes import enqueue, launch, new_attempt
from stepwell.core._plan import Plan, Route
from stepwell.core._scopes import fill_slot, gather
from stepwell.core._state import Gathered, Held, Scope, State, is_cut_off, scope_of


def deliver(  # noqa: PLR0913  # once for each event: a record of the last two costs more than the call
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
    scope = None
    if lineage is not None and lineage.scope is not None:
        scope = state.scopes.get(lineage.scope)
        if (scope is None or scope.cancelled) and not route.ends_run:  # ``is_cut_off``, without the call
            return
        if scope is not None and route.only_joins:
            kept = scope.gathered.get(route.collector)
            if kept is not None:  # what ``gather`` does for a join that has some, and wants all
                kept.append((lineage.index, event, cause))
            else:
                gather(state, plan, effects, route.joins, (lineage.index, event, cause), scope)
            return
    if route.simple:
        if not route.is_plain:
            note_answer(state)
        for step in route.triggers:
            state.counter = number = state.counter + 1
            launch(state, plan, effects, StartStep(number, step, key, event, 1, cause, lineage, state.now), scope)
        return
    if route.ends_run:
        end_run(state, effects, EndRun(COMPLETED, event, cause))
    elif route.only_asks:
        ask(state)
        effects.append(Publish(event))
    else:
        _deliver_widely(state, plan, effects, key, event, (cause, lineage), scope)


def _deliver_widely(  # noqa: PLR0913  # the rest of ``deliver``
    state: State,
    plan: Plan,
    effects: list[Effect],
    key: str,
    event: object,
    origin: tuple[int | None, Lineage | None],
    scope: Scope | None,
) -> None:
    """Take an event that means something to the run, or that joins wait for, wherever it leads."""
    route = plan.routes[key]
    cause, lineage = origin
    if not route.is_plain:
        _tell_run(state, effects, route, event)
    for step in route.triggers:
        enqueue(state, plan, effects, new_attempt(state, step, key, event, cause, lineage))
    for step, places in route.places:
        fill_slot(state, plan, effects, (step, places), _item(event, origin), (key, lineage))
    if route.joins and scope is not None:
        gather(state, plan, effects, route.joins, _item(event, origin), scope)
    elif not route.triggers and not route.slots and not route.asks:
        hold(state, key, event, cause)


def deliver_branches(
    state: State, plan: Plan, effects: list[Effect], fact: StepFannedOut, scope: Scope, recoveries: tuple[int, ...]
) -> None:
    """Take the events of a fan-out each to the step that its type triggers: ``deliver``, for thousands at once."""
    lanes, routes, now, opener = state.lanes, plan.routes, state.now, fact.attempt
    number, attempts, attempt = scope.number, scope.attempts, state.counter
    waiting, step, known = 0, -1, ""
    for index, (key, event) in enumerate(zip(fact.keys, fact.events, strict=True)):
        if key is not known:
            step, known = routes[key].triggers[0], key
        attempt += 1
        start = StartStep(attempt, step, key, event, 1, opener, Lineage(number, index, recoveries), now)
        lane = lanes[step]
        if lane is None or not lane.queue:
            launch(state, plan, effects, start, scope)
        else:
            lane.queue.append(start)
            attempts.append(attempt)
            waiting += 1
    state.counter = attempt
    state.active += waiting
    scope.tokens += waiting
    scope.queued += waiting


def _item(event: object, origin: tuple[int | None, Lineage | None]) -> Gathered:
    cause, lineage = origin
    return (lineage.index if lineage is not None else 0, event, cause)


def hold(state: State, key: str, event: object, sender: int | None) -> None:
    """Keep an event for a wait that may open later."""
    state.counter += 1
    state.held = state.held or {}
    state.held[state.counter] = Held(key, event, sender)


def _tell_run(state: State, effects: list[Effect], route: Route, event: object) -> None:
    """Take note of a question, or of an answer; one that nobody takes, as when it comes twice, leaves them open."""
    if route.asks:
        ask(state)
        effects.append(Publish(event))
    elif route.leads:
        note_answer(state)


def note_answer(state: State) -> None:
    """Note that one question fewer is open."""
    state.unprompted = False
    if state.questions:
        state.questions -= 1


def withdraw(state: State) -> None:
    """Note that one question fewer is open, though nobody answered it: whoever saw it may still."""
    state.unprompted = True
    if state.questions:
        state.questions -= 1


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
    if route.ends_run:
        end_run(state, effects, EndRun(COMPLETED, event, cause))
        return
    if is_cut_off(lineage, scope_of(state, lineage)):
        return
    if not route.is_plain:
        _tell_run(state, effects, route, event)
    places = dict(route.places).get(step)
    scope = scope_of(state, lineage)
    if places:
        fill_slot(state, plan, effects, (step, places), _item(event, origin), (key, lineage))
    elif step in route.joins and scope is not None:
        gather(state, plan, effects, (step,), _item(event, origin), scope)
    elif step in route.triggers:
        enqueue(state, plan, effects, new_attempt(state, step, key, event, cause, lineage))
    else:
        hold(state, key, event, cause)
