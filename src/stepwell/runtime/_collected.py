"""What ``ctx.collect_events`` told an attempt, for a body that runs again and for further attempts."""

from collections.abc import Sequence
from typing import Any

from stepwell.flow import Event
from stepwell.runtime._attempts import Attempt


def told_before(attempt: Attempt, name: str) -> Sequence[list[Event] | None]:
    """Return what this body, or an earlier attempt at the same event, was told already."""
    restored = attempt.recollected.get(name, []) if attempt.recollected is not None else []
    retry = attempt.start.retry
    collected: Any = retry.collected if retry is not None else None
    earlier = collected.get(name, []) if collected is not None else []
    return [*restored, *earlier[len(restored) :]]


def told_so_far(attempt: Attempt) -> dict[str, list[list[Event] | None]] | None:
    """Return what a further attempt is to be told again: also what this one has not come to."""
    retry = attempt.start.retry
    earlier: Any = retry.collected if retry is not None else None
    own = attempt.collected or {}
    if not earlier and not attempt.recollected:
        return attempt.collected
    told: dict[str, list[list[Event] | None]] = {}
    for name in {**(earlier or {}), **(attempt.recollected or {}), **own}:
        lists = own.get(name, [])
        told[name] = [*lists, *told_before(attempt, name)[len(lists) :]]
    return told
