"""Small programs run on LlamaIndex Workflows and on stepwell: they must see the same, or a listed deviation.

A program is written once, against a neutral namespace (``engine``), and returns what it saw as plain data. All of them
run in one process for each engine, and once more on stepwell by the module names of the peer. ``expected.json`` says of
each program that sees something else here which row of docs/deviations.md that is, and what exactly it sees there and
here; of each row that no program shows, why not; and which programs use what is not built here yet.
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
NOT_BUILT: dict[str, str] = EXPECTED["not_built"]
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


@pytest.fixture(scope="module")
def runs(llama_index: str) -> dict[str, Any]:
    """What the programs saw ``there``, ``here``, and here by the ``names`` of the peer. All three at the same time."""
    runner = [HERE / "run_programs.py"]
    commands: dict[str, list[Any]] = {
        "there": [llama_index, *runner, "workflows"],
        "here": [sys.executable, *runner, "stepwell"],
        "names": [sys.executable, "-m", "stepwell.compat", *runner, "workflows"],
    }
    house = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    started = {
        where: subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=house if where != "there" else {**house, "PYTHONPATH": ""},
        )
        for where, command in commands.items()
    }
    told = {}
    for where, process in started.items():
        output, errors = process.communicate()
        assert process.returncode == 0, f"{where}: {errors}"
        told[where] = json.loads(output)["results"]
    return told


@pytest.fixture(scope="module")
def there(runs: dict[str, Any]) -> Any:
    return runs["there"]


@pytest.fixture(scope="module")
def here(runs: dict[str, Any]) -> Any:
    return runs["here"]


def saw(result: dict[str, Any]) -> Any:
    assert "crashed" not in result, result["crashed"]
    return {"saw": result["saw"], "printed": result["printed"]}


@pytest.mark.parametrize("program", [name for name in PROGRAMS if name not in DIFFERENCES and name not in NOT_BUILT])
def test_a_program_sees_the_same_on_both(there: Any, here: Any, program: str) -> None:
    assert saw(here[program]) == saw(there[program])


@pytest.mark.parametrize("program", sorted(DIFFERENCES))
def test_a_program_that_shows_a_deviation_sees_what_is_listed(there: Any, here: Any, program: str) -> None:
    difference = DIFFERENCES[program]

    assert saw(there[program])["saw"] == difference["there"]
    assert saw(here[program])["saw"] == difference["here"]
    assert saw(here[program]) != saw(there[program])


def test_a_program_of_what_is_not_built_here_sees_something_else_or_fails(there: Any, here: Any) -> None:
    as_there = [name for name in NOT_BUILT if here[name].get("saw") == saw(there[name])["saw"]]

    assert as_there == [], "these are built now: take them off the list in expected.json, and their rows off the page"


@pytest.mark.parametrize("program", [name for name in PROGRAMS if name not in NOT_BUILT])
def test_a_program_sees_the_same_by_the_names_of_the_peer(here: Any, runs: dict[str, Any], program: str) -> None:
    assert saw(runs["names"][program]) == saw(here[program])


def test_all_programs_ran_everywhere(runs: dict[str, Any]) -> None:
    assert sorted(runs["there"]) == sorted(runs["here"]) == sorted(runs["names"]) == sorted(PROGRAMS)


def test_each_difference_belongs_to_a_program_and_names_rows_of_the_page() -> None:
    named = {row for difference in DIFFERENCES.values() for row in difference["deviations"]} | set(NOT_BUILT.values())

    assert set(DIFFERENCES) | set(NOT_BUILT) <= set(PROGRAMS)
    assert set(DIFFERENCES).isdisjoint(NOT_BUILT)
    assert all(difference["deviations"] for difference in DIFFERENCES.values())
    assert named <= set(ROW.findall(PAGE))


def test_each_row_of_the_page_is_shown_by_a_program_or_says_why_not() -> None:
    rows = ROW.findall(PAGE)
    shown = {row for difference in DIFFERENCES.values() for row in difference["deviations"]} | set(NOT_BUILT.values())

    assert len(rows) == len(set(rows))
    assert shown | set(NOT_SHOWN) == set(rows)
    assert shown.isdisjoint(NOT_SHOWN)
