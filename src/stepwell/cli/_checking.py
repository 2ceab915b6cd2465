"""``stepwell check``: validation without a run, one line for each problem, as compilers print them."""

import inspect
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from stepwell.cli._exits import Exit
from stepwell.cli._loading import find_named, load_file, make, split_target, workflows_of
from stepwell.errors import (
    ConfigValidationError,
    NoWorkflowError,
    StartEventError,
    StopEventError,
    WorkflowArgumentsError,
    WorkflowGraphError,
)
from stepwell.runtime import Workflow, collect_steps


def check_file(target: str) -> Exit:
    """Check the named workflow, or all of a file. Raises what keeps the file from being loaded."""
    path, name = split_target(target)
    if name is not None:
        return Exit.OK if _is_fine(name, lambda: _checkable(find_named(target), path)) else Exit.FAILED
    classes = workflows_of(load_file(path))
    if not classes:
        raise NoWorkflowError(path=path)
    # A list, not a generator: every class is checked, also behind one that is wrong.
    fine = [_is_fine(key, partial(_checkable, cls, path)) for key, cls in classes.items()]
    return Exit.OK if all(fine) else Exit.FAILED


def _checkable(found: Workflow[Any, Any] | type[Workflow[Any, Any]], path: str) -> Workflow[Any, Any]:
    """Return something to validate; a class that needs arguments is not given any: its steps say it all."""
    if isinstance(found, Workflow):
        return found
    try:
        return make(found, path)
    except WorkflowArgumentsError:
        bare = found.__new__(found)
        Workflow.__init__(bare)
        return bare


def _is_fine(name: str, found: Callable[[], Workflow[Any, Any]]) -> bool:
    try:
        workflow = found()
        with_people = workflow.validate()
    except (ConfigValidationError, WorkflowGraphError) as error:
        for problem in error.problems:
            sys.stdout.write(f"{problem.file}:{problem.line}: [{problem.rule}] {name}: {problem.text}\n")
        return False
    except (StartEventError, StopEventError) as error:
        sys.stdout.write(f"{error.location}: {name}: {error}\n")
        return False
    steps = len(collect_steps(type(workflow)))
    people = "; it asks people" if with_people else ""
    place = inspect.getsourcefile(type(workflow))
    sys.stdout.write(f"{place}: {name} is fine: {steps} step{'s' if steps != 1 else ''}{people}.\n")
    return True
