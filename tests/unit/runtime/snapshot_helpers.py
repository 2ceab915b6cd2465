"""Words for tests of snapshots: to put a run away, as text, and to take it up in another workflow object."""

import asyncio
import json
from typing import Any

from stepwell import Context, Event, Workflow, WorkflowHandler


async def settle(turns: int = 20) -> None:
    """Let everything happen that can happen at once."""
    for _ in range(turns):
        await asyncio.sleep(0)


def document(handler: WorkflowHandler[Any]) -> dict[str, Any]:
    """Return a run as what JSON made of it."""
    data: dict[str, Any] = json.loads(json.dumps(handler.ctx.to_dict()))
    return data


async def put_away(handler: WorkflowHandler[Any]) -> dict[str, Any]:
    """Return a run as data, and end it."""
    data = document(handler)
    await handler.cancel_run()
    return data


def take_up(workflow: Workflow[Any, Any], data: dict[str, Any]) -> WorkflowHandler[Any]:
    """Go on with a run."""
    return workflow.run(ctx=Context.from_dict(workflow, data))


async def shown(handler: WorkflowHandler[Any], kind: type[Event]) -> list[Any]:
    """Return the events of a class that a run shows to its end."""
    return [event async for event in handler.stream_events() if type(event) is kind]
