"""The questions of a run: which of them are open, and who is told when one is not any more.

Rule 1. The question of a wait is open as long as the wait, and while a failed attempt leaves it to the next one.
Rule 2. Any other question (one that a step returned or wrote to the stream) is open until it is answered. Answers do
        not say to what: as many of the newest are open as the machine counts.
Rule 3. A question of a child is one of every run above it.
"""

from collections import Counter
from collections.abc import Iterator

from stepwell.core import InputAsked, InputWithdrawn, Points, Settled, Settlement, State
from stepwell.flow import Event, HumanResponseEvent, InputRequiredEvent
from stepwell.runtime._children import ancestors
from stepwell.runtime._kept_events import StreamItem
from stepwell.runtime._ports import RunPort


def asked_again(run: RunPort) -> None:
    """Tell the machines that a question is open once more which an earlier attempt had shown."""
    run.apply(InputAsked(run.now()))
    for link in ancestors(run):
        link.run.apply(InputAsked(run.now()))


def asked_no_more(run: RunPort, question: object, answer: Event | None) -> None:
    """Take note that a wait is over, if it asked; the machines see for themselves when a person answers."""
    if question is None:
        return
    if isinstance(question, InputRequiredEvent):  # the stream never drops it: its id stays its own
        run.stream.concluded = run.stream.concluded or set()
        run.stream.concluded.add(id(question))
    if isinstance(answer, HumanResponseEvent):
        return
    run.apply(InputWithdrawn(run.now()))
    for link in ancestors(run):
        link.run.apply(InputWithdrawn(run.now()))


def open_questions(run: RunPort) -> list[StreamItem[Event]]:
    """Return the open questions on the stream, in their order: who listens after a restore must see them.

    Those of waits are known by identity. Those of a child that was taken up are equal to what is shown here, not the
    same; those of one to which its step has not come again are all that are there.
    """
    asked = list(asked_by_waits(run.machine.state))
    wanted = Counter(map(id, (*asked, *left_to_the_next(run.machine.state))))
    children = run.children.open.values() if run.children is not None else ()
    below = [item.event for child in children for item in open_questions(child)]
    to_come = set(children_to_come(run))
    others = run.machine.state.questions - len(asked) - len(below)
    concluded = run.stream.concluded or ()
    found: list[StreamItem[Event]] = []
    for item in run.stream.newest_first() if wanted or below or to_come or others > 0 else ():
        event = item.event
        if item.origin:
            if event in below:
                below.remove(event)
            elif not (item.origin[0].run_id in to_come and isinstance(event, InputRequiredEvent)):
                continue
        elif wanted[id(event)]:
            wanted[id(event)] -= 1
        elif others > 0 and isinstance(event, InputRequiredEvent) and id(event) not in concluded:
            others -= 1
        else:
            continue
        found.append(item)
        if not (wanted.total() or below or to_come or others > 0):
            break
    return found[::-1]


def asked_by_waits(state: State) -> Iterator[object]:
    """Yield what the open waits of a run asked."""
    for suspension in state.suspended.values():
        for wait in suspension.open.values():
            if wait.point is not None and wait.point.asks is not None:
                yield wait.point.asks


def left_to_the_next(state: State) -> Iterator[object]:
    """Yield what failed attempts asked, and those that follow have not come to."""
    for attempt, points in state.points.items():
        for one in left_of(state, attempt, points):
            if one.settlement is Settlement.ASKED:
                yield one.point.asks


def left_of(state: State, attempt: int, points: Points) -> Iterator[Settled]:
    """Yield what an attempt was left by those before it, and has not come to."""
    suspension = state.suspended.get(attempt)
    waits = suspension.open.values() if suspension is not None else ()
    ready = suspension.ready if suspension is not None else ()
    reached = [*(one.point for one in points.settled), *(wait.point for wait in waits), *(one[3] for one in ready)]
    calls = {(point.kind, point.name, point.nth) for point in reached if point is not None}
    for one in points.kept:
        if (one.point.kind, one.point.name, one.point.nth) not in calls:
            yield one


def children_to_come(run: RunPort) -> Iterator[str]:
    """Yield the ids of children that a snapshot held, and whose steps have not come to them again."""
    for attempt in run.crew.attempts.values():
        for child in attempt.replay.children.values() if attempt.replay is not None else ():
            if child.document is not None:
                yield child.document["run_id"]
