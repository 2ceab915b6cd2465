"""Snapshots that were damaged or changed: one clear error, or a run that comes to an end; never anything else."""

import asyncio
import contextlib
import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from tests.simulation.snapshot_programs import DONE, Author, Person, Scripted
from tests.simulation.test_snapshots import Moment, TurningLoop, begin

from stepwell import Context
from stepwell.errors import ChildMismatchError, ContextSerdeError, StepwellError

SEEDS = 8
CHANGES = 40

Way = tuple[Any, ...]

OTHER_VALUES: list[Any] = [
    None,
    True,
    False,
    -1,
    0,
    1,
    2,
    7,
    10**30,
    0.5,
    "",
    "x",
    "work",
    [],
    [1],
    {},
    {"a": 1},
    float("nan"),
]


def ways(data: Any, way: Way = ()) -> Iterator[Way]:
    """Yield the way to each part of a document."""
    if way:
        yield way
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in entries:
        yield from ways(value, (*way, key))


def at(data: Any, way: Way) -> Any:
    for key in way:
        data = data[key]
    return data


def changed(random: Random, document: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the document with one change, and what was changed."""
    document = copy.deepcopy(document)
    every = list(ways(document))
    *inner, key = random.choice(every)
    holder = at(document, tuple(inner))
    match random.choice(["drop", "other", "other", "other", "exchange", "add", "repeat"]):
        case "drop":
            del holder[key]
            return document, f"without {(*inner, key)}"
        case "exchange":
            holder[key] = copy.deepcopy(at(document, random.choice(every)))
        case "add" if isinstance(holder, dict):
            holder["unheard of"] = 1
        case "repeat" if isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        case _:
            holder[key] = random.choice(OTHER_VALUES)
    return document, f"{(*inner, key)} is {str(holder.get(key) if isinstance(holder, dict) else holder)[:80]}"


async def try_out(document: dict[str, Any]) -> str:
    """Take up what may be no snapshot; return what came of it."""
    unheard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, facts: unheard.append(facts))
    workflow = Scripted(timeout=None, disable_validation=True)
    try:
        ctx: Context[Any] = Context.from_dict(workflow, document)
    except ContextSerdeError:
        return "refused"
    handler = workflow.run(ctx=ctx) if ctx.is_running else workflow.run(script=[], groups=[], endings=[])
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(Person().attend(handler, []), 1_000_000)
    error = handler.exception()
    assert not isinstance(error, ContextSerdeError | ChildMismatchError), f"found too late: {error}"
    notes = getattr(error, "__notes__", [])
    assert error is None or isinstance(error, StepwellError) or any("in step" in note for note in notes), repr(error)
    if not handler.is_done():
        lasts_long = str(10**30) in str(document)
        assert lasts_long or handler.ctx.awaited_events, "the run hangs, and waits for nobody"
        await handler.cancel_run()
    assert not unheard, unheard
    return "taken up"


def attack(seed: int, changes: int) -> None:
    random = Random(seed)
    life = begin(Author(random).program())
    moment: Moment = random.choice(life.moments)
    for number in range(changes):
        document, change = changed(random, json.loads(json.dumps(moment.document)))
        try:
            with asyncio.Runner(loop_factory=TurningLoop) as runner:
                runner.run(try_out(document))
        except BaseException as error:
            error.add_note(f"seed {seed}, change {number}: {change}")
            raise
        finally:
            DONE.clear()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_changed_snapshot_is_refused_or_comes_to_an_end(seed: int) -> None:
    attack(seed, CHANGES)
