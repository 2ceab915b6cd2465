"""``stepwell draw`` as a process: every format, where it goes, and workflows that cannot run."""

import json
from pathlib import Path

import pytest
from tests.end_to_end.conftest import Finish


def test_html_goes_to_a_file_named_after_the_workflow(finish: Finish, folder: Path) -> None:
    code, out, _ = finish("draw", "flows.py:Ask")

    assert (code, out) == (0, "Ask is drawn in Ask.html.\n")
    assert "<html" in (folder / "Ask.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("format", "beginning"), [("mermaid", "flowchart"), ("dot", 'digraph "Ask"'), ("text", "Ask: 2 steps")]
)
def test_other_formats_go_to_standard_output(finish: Finish, format: str, beginning: str) -> None:
    code, out, _ = finish("draw", "flows.py:Ask", "--format", format)

    assert code == 0
    assert out.startswith(beginning)


def test_json_is_json(finish: Finish) -> None:
    _, out, _ = finish("draw", "flows.py:Ask", "--format", "json")

    assert json.loads(out)["name"] == "Ask"


def test_a_file_that_cannot_be_written_is_one_sentence(finish: Finish) -> None:
    code, _, err = finish("draw", "flows.py:Ask", "--output", "no/such/folder.html")

    assert code == 2
    assert "No such file or directory" in err
    assert err.count("\n") == 1


def test_a_workflow_that_cannot_run_is_drawn_with_its_problems(finish: Finish, folder: Path) -> None:
    (folder / "wrong.py").write_text("from stepwell import Workflow\nclass Wrong(Workflow): ...\n", encoding="utf-8")

    code, out, _ = finish("draw", "wrong.py", "--format", "text")

    assert code == 0
    assert "At least one Event of type StartEvent" in out
