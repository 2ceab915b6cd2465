"""What the page about the machine shows of the code is what the code is: lists and diagrams are made from it here."""

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

from stepwell.core import Effect, Fact, Lane, State

ROOT = Path(__file__).resolve().parents[2]
HOUSE = ROOT / "src" / "stepwell"
PAGE = (ROOT / "docs" / "explanation" / "machine.md").read_text(encoding="utf-8")
CORE = sorted((HOUSE / "core").glob("_*.py"))
DATA = {"__init__", "_facts", "_effects", "_plan", "_state", "_records", "_audit"}
FACTS = {kind.__name__ for kind in get_args(Fact)}
EFFECTS = {kind.__name__ for kind in get_args(Effect)}


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def meaning(kind: type) -> str:
    """Return the first sentence of a class's docstring."""
    text = " ".join((kind.__doc__ or "").replace("``", "`").split())
    return re.split(r"(?<=\.) ", text)[0]


def tellers(name: str) -> str:
    """Return the files of the driver that name a class outside of imports."""
    found = [
        f"`{path.name}`"
        for path in sorted((HOUSE / "runtime").glob("_*.py"))
        if any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree_of(path)))
    ]
    return ", ".join(found)


def fact_rows() -> list[str]:
    return [f"| `{kind.__name__}` | {meaning(kind)} | {tellers(kind.__name__)} |" for kind in get_args(Fact)]


def effect_rows() -> list[str]:
    return [f"| `{kind.__name__}` | {meaning(kind)} |" for kind in get_args(Effect)]


def rules_diagram() -> list[str]:
    """Return an arrow for each import between the files of the core that hold rules."""
    arrows = []
    for path in CORE:
        if path.stem in DATA:
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("stepwell.core._"):
                other = str(node.module).rpartition(".")[2]
                if other not in DATA:
                    arrows.append(f"    {path.stem} --> {other}")
    return sorted(arrows)


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None, title
    return found[1]


def rows(title: str) -> list[str]:
    return [line for line in section(title).splitlines() if line.startswith("| `")]


def diagram(kind: str) -> list[str]:
    found = re.search(rf"^```mermaid\n{kind}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None, kind
    return found[1].splitlines()


@pytest.mark.parametrize(
    ("title", "made"), [("Facts", fact_rows()), ("Effects", effect_rows())], ids=["facts", "effects"]
)
def test_the_page_lists_what_the_machine_takes_and_gives(title: str, made: list[str]) -> None:
    assert rows(title) == made


def test_the_page_draws_the_rules_as_they_import_each_other() -> None:
    assert [line for line in diagram("flowchart TD") if "-->" in line] == rules_diagram()


def test_the_page_lists_every_room_and_no_other() -> None:
    listed = {row.split("`")[1] for row in rows("The rooms")}

    assert listed == {door.parent.name for door in HOUSE.glob("*/__init__.py")}


def test_the_places_of_an_attempt_on_the_page_are_parts_of_the_state() -> None:
    lines = [line.strip() for line in diagram("stateDiagram-v2")]
    places = {place for line in lines for place in re.findall(r"^(\S+) --> (\w+|\[\*\])", line)[0]} - {"[*]"}
    words = {word for line in lines for word in re.findall(r"\b[A-Z][a-z]+[A-Z]\w+", line)}

    assert places <= {*State.__annotations__, *Lane.__annotations__}
    assert words <= FACTS | EFFECTS


def test_the_sequence_names_files_facts_and_effects_that_exist() -> None:
    lines = diagram("sequenceDiagram")
    files = [name for line in lines for name in re.findall(r"participant \w+ as (\w+\._\w+)", line)]
    told = " ".join(line.partition(": ")[2] for line in lines if re.search(r"R-+>+M:|M-+>+R:", line))
    words = set(re.findall(r"\b[A-Z][a-z]+[A-Z]\w+", told)) - {"StopEvent"}

    assert files
    assert [name for name in files if not (HOUSE / f"{name.replace('.', '/')}.py").exists()] == []
    assert words <= FACTS | EFFECTS


def test_every_file_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(\w+/_?\w+\.py)`", PAGE))

    assert named
    assert {name for name in named if not (HOUSE / name).exists()} == set()
