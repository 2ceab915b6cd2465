"""Rooms are entered by their doors: packages with a docstring, imports and a sorted ``__all__``."""

import ast
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2] / "src" / "stepwell"
ROOMS = sorted(path.parent for path in HOUSE.glob("*/__init__.py"))
DOORS = sorted(HOUSE.rglob("__init__.py"))
FILES = sorted(HOUSE.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imported_modules(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the floor they come from"
            names.add(str(node.module))
            names.update(f"{node.module}.{alias.name}" for alias in node.names if alias.name.startswith("_"))
    return names


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_other_rooms_are_entered_by_the_door(path: Path) -> None:
    own_room = ".".join(module_name(path).split(".")[:2])

    hidden = [
        name
        for name in imported_modules(ast.parse(path.read_text(encoding="utf-8")))
        if name.startswith("stepwell.")
        and not name.startswith(own_room + ".")
        and any(part.startswith("_") and not part.startswith("__") for part in name.split("."))
    ]

    assert hidden == []


LATE_DOORS = {HOUSE / room / "__init__.py" for room in (".", "core", "errors", "flow", "runtime")}
"""What most programs never ask for is loaded when it is: an import costs less (ADR 13)."""


def is_for_late_imports(node: ast.stmt) -> bool:
    """Return whether a statement tells type checkers of late imports, or makes them."""
    if not isinstance(node, ast.If):
        return False
    if ast.unparse(node.test) == "TYPE_CHECKING":
        return all(isinstance(one, ast.ImportFrom) for one in node.body)
    return ast.unparse(node.test) == "not TYPE_CHECKING" and all(
        (isinstance(one, ast.FunctionDef) and one.name == "__getattr__")
        or ast.unparse(one) == "__getattr__ = late_names(__name__, _LATE)"
        for one in node.body
    )


@pytest.mark.parametrize("path", DOORS, ids=module_name)
def test_a_door_holds_a_docstring_imports_and_an_all(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))

    assert ast.get_docstring(tree)
    exported: list[str] | None = None
    for node in tree.body[1:]:
        if isinstance(node, (ast.Import, ast.ImportFrom)) or (path in LATE_DOORS and is_for_late_imports(node)):
            continue
        assert isinstance(node, (ast.Assign, ast.AnnAssign)), f"line {node.lineno} is not an import"
        value = node.value
        assert value is not None
        if ast.unparse(node).startswith("__all__"):
            exported = ast.literal_eval(value)
    assert exported is not None, "no __all__"


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_a_module_opens_by_saying_what_it_is_responsible_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_files_behind_a_door_begin_with_an_underscore_or_are_doors_themselves(room: Path) -> None:
    listed = {"llms/openai.py", "cli/__main__.py", "compat/__main__.py", "testing/fixtures.py"}
    open_files = [
        path.relative_to(HOUSE).as_posix()
        for path in room.rglob("*.py")
        if not path.name.startswith("_") and path.relative_to(HOUSE).as_posix() not in listed
    ]

    assert open_files == []
