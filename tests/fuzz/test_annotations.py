"""Whatever a step's annotations are: a DefinitionError that says what is wrong, or a workflow that runs to an end."""

import asyncio
import contextlib
import itertools
import time

import pytest
from hypothesis import HealthCheck, assume, given, note, settings
from tests.fuzz.signature_programs import Program, programs

from stepwell import Workflow
from stepwell.errors import DefinitionError, StepwellError
from stepwell.testing import run_virtual

TURNS = 100
LONGEST_SECONDS = 0.02
"""In real time: for steps in threads."""


def python_takes(program: Program) -> bool:
    """Return whether Python itself has nothing against the program."""
    try:
        program.run(decorated=False)
    except Exception:  # noqa: BLE001  # whatever the odd annotation raises
        return False
    return True


def explains(error: Exception) -> bool:
    """Return whether an error is a sentence, or the step's or the resource's own."""
    if isinstance(error, KeyError):
        return error.args in ((1,), ("made nothing",))
    return len(str(error)) > 40


async def run_for_a_while(workflow: Workflow) -> None:
    """Run to the end, or end it: steps that feed each other go on for ever, and virtual time stands still for them."""
    handler = workflow.run()
    until = time.monotonic() + LONGEST_SECONDS
    for turn in itertools.count():
        if handler.is_done() or (turn > TURNS and time.monotonic() > until):
            break
        await asyncio.sleep(0)
    await handler.cancel_run()
    await handler


@pytest.mark.timeout(300)
@settings(max_examples=300, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(programs())
def test_an_odd_step_is_refused_in_words_or_runs_to_an_end(program: Program) -> None:
    assume(python_takes(program))
    note(program.source())

    said: list[Exception] = []
    try:
        workflow = program.run()(timeout=20, disable_validation=True)
        with contextlib.suppress(DefinitionError):
            workflow.validate()
        run_virtual(run_for_a_while(workflow))
    except (StepwellError, KeyError) as error:
        said.append(error)

    assert all(map(explains, said))
