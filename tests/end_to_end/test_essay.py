"""The first example is what ``stepwell demo`` runs."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def classes_in(path: Path) -> dict[str, str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: ast.unparse(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def test_the_demo_runs_the_workflow_of_the_first_example_word_for_word() -> None:
    demo = classes_in(ROOT / "src" / "stepwell" / "cli" / "_essay.py")

    assert demo == classes_in(ROOT / "examples" / "01_essay.py")
