"""Small programs run on LlamaIndex Workflows and on stepwell: they must see the same, or a listed deviation.

A program is written once, against a neutral namespace (``engine``), and returns what it saw as plain data. All of them
run in one process for each engine. ``expected.json`` says of each program that sees something else here which row of
docs/deviations.md that is, and what exactly it sees there and here; of each row that no program shows, why not.
"""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
EXPECTED = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
DIFFERENCES: dict[str, Any] = EXPECTED["differences"]
NOT_SHOWN: dict[str, str] = EXPECTED["not_shown"]
PAGE = (ROOT / "docs" / "deviations.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([a-z][a-z-]*)` \|", re.MULTILINE)

pytestmark = pytest.mark.timeout(900)  # the peer's environment is made in the first test that needs it


def programs_of(path: Path) -> list[str]:
    """The names of a file's programs, without running it."""
    return [
        node.name
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.AsyncFunctionDef)
        and any(isinstance(mark, ast.Name) and mark.id == "program" for mark in node.decorator_list)
    ]


PROGRAMS = [name for path in sorted((HERE / "programs").glob("*.py")) for name in programs_of(path)]


def run_on(engine: str, python: str) -> Any:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src") if engine == "stepwell" else ""}
    done = subprocess.run(
        [python, HERE / "run_programs.py", engine], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["results"]


@pytest.fixture(scope="module")
def here() -> Any:
    return run_on("stepwell", sys.executable)


@pytest.fixture(scope="module")
def there(llama_index: str) -> Any:
    return run_on("workflows", llama_index)


def saw(result: dict[str, Any]) -> Any:
    assert "crashed" not in result, result["crashed"]
    return {"saw": result["saw"], "printed": result["printed"]}


@pytest.mark.parametrize("program", [name for name in PROGRAMS if name not in DIFFERENCES])
def test_a_program_sees_the_same_on_both(there: Any, here: Any, program: str) -> None:
    assert saw(here[program]) == saw(there[program])


@pytest.mark.parametrize("program", sorted(DIFFERENCES))
def test_a_program_that_shows_a_deviation_sees_what_is_listed(there: Any, here: Any, program: str) -> None:
    difference = DIFFERENCES[program]

    assert saw(there[program])["saw"] == difference["there"]
    assert saw(here[program])["saw"] == difference["here"]
    assert saw(here[program]) != saw(there[program])


def test_all_programs_ran_on_both(there: Any, here: Any) -> None:
    assert sorted(there) == sorted(here) == sorted(PROGRAMS)


def test_each_difference_belongs_to_a_program_and_names_rows_of_the_page() -> None:
    named = {row for difference in DIFFERENCES.values() for row in difference["deviations"]}

    assert set(DIFFERENCES) <= set(PROGRAMS)
    assert all(difference["deviations"] for difference in DIFFERENCES.values())
    assert named <= set(ROW.findall(PAGE))


def test_each_row_of_the_page_is_shown_by_a_program_or_says_why_not() -> None:
    rows = ROW.findall(PAGE)
    shown = {row for difference in DIFFERENCES.values() for row in difference["deviations"]}

    assert len(rows) == len(set(rows))
    assert shown | set(NOT_SHOWN) == set(rows)
    assert shown.isdisjoint(NOT_SHOWN)
