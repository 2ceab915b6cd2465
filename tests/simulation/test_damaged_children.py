"""Damage anywhere in a snapshot with a child and its child: refused before anything starts, or not seen at all."""

import asyncio
import contextlib
import copy
from typing import Any

from tests.unit.runtime.snapshot_helpers import settle, take_up
from tests.unit.runtime.test_damaged_children import BEGUN, Answer, Outer, damaged, three_runs, ways
from tests.unit.runtime.virtual_loop import virtually

from stepwell import Context, Workflow, WorkflowHandler
from stepwell.errors import ChildMismatchError, ContextSerdeError

MISSING = object()
DAMAGES = [MISSING, None, -1, 10**30, "x", [], {}, {"unheard of": 1}]
EACH = 2
"""How many of these are tried at each place; all eight take 20 seconds, and find no more."""


def refusal_of(document: dict[str, Any]) -> str | None:
    try:
        Context.from_dict(Outer(timeout=None), document)
    except ContextSerdeError as error:
        return str(error)
    return None


async def outcome(document: dict[str, Any], workflow: Workflow[Any, Any]) -> BaseException | None:
    """Take up what was not refused, answer all that it may ask, and return what it fails with."""
    handler = take_up(workflow, document)
    await settle(100)
    for number in range(3):
        if not handler.is_done():
            handler.ctx.send_event(Answer(number=number))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(ended(handler), 1_000)
    if not handler.is_done():
        await handler.cancel_run()
    return handler.exception()


async def ended(handler: WorkflowHandler[Any]) -> None:
    with contextlib.suppress(Exception):
        await handler


@virtually
async def test_damage_in_a_child_of_a_child_is_found_before_anything_starts_or_does_not_matter() -> None:
    document = await three_runs()
    refused = 0

    for place, way in enumerate(list(ways(document))):
        for number in range(EACH):
            damage = DAMAGES[(place * EACH + number) % len(DAMAGES)]
            changed = damaged(document, way) if damage is MISSING else damaged(document, way, damage)
            BEGUN.clear()
            refusal = refusal_of(copy.deepcopy(changed))
            if refusal is not None:
                refused += 1
                assert "Nothing was" in refusal, (way, damage, refusal)
                assert not BEGUN
                continue
            failure = await outcome(changed, Outer(timeout=None))
            assert not isinstance(failure, ContextSerdeError | ChildMismatchError), (way, damage, failure)

    assert refused > 800
