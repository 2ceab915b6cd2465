"""``FILE[:Class]``: what is found, and the one sentence about what is not."""

from pathlib import Path

import pytest
from tests.unit.cli.conftest import CommandLine, FlowFile

from stepwell.cli._loading import split_target

TWO = """
    from stepwell import StartEvent, StopEvent, Workflow, step

    class Essay(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result="essay")

    class Letter(Workflow):
        def __init__(self, to, **options):
            super().__init__(**options)
            self.to = to

        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result=self.to)

    ready = Letter("Ada")
"""


def test_a_named_class_is_run(flow_file: FlowFile, stepwell: CommandLine) -> None:
    code, out, _ = stepwell("run", flow_file(TWO) + ":Essay")

    assert (code, out.splitlines()[-1]) == (0, "essay")


def test_a_named_instance_is_run_as_it_was_made(flow_file: FlowFile, stepwell: CommandLine) -> None:
    code, out, _ = stepwell("run", flow_file(TWO) + ":ready")

    assert (code, out.splitlines()[-1]) == (0, "Ada")


def test_a_file_that_does_not_exist_is_named_with_the_near_miss(flow_file: FlowFile, stepwell: CommandLine) -> None:
    name = flow_file(TWO)

    code, out, err = stepwell("run", name.replace(".py", "s.py"))

    assert (code, out) == (2, "")
    assert "does not exist" in err
    assert f"Did you mean {name}?" in err


def test_a_folder_is_no_file(flow_file: FlowFile, stepwell: CommandLine) -> None:
    flow_file(TWO)

    code, _, err = stepwell("run", ".")

    assert code == 2
    assert "is a folder" in err


def test_several_workflows_without_a_name_are_listed(flow_file: FlowFile, stepwell: CommandLine) -> None:
    name = flow_file(TWO)

    code, _, err = stepwell("run", name)

    assert code == 2
    assert f"{name}:Essay or {name}:Letter" in err


def test_an_unknown_class_gets_the_near_miss(flow_file: FlowFile, stepwell: CommandLine) -> None:
    name = flow_file(TWO)

    code, _, err = stepwell("run", f"{name}:Esay")

    assert code == 2
    assert f"Did you mean {name}:Essay?" in err


def test_a_class_that_needs_arguments_says_which_and_what_to_do(flow_file: FlowFile, stepwell: CommandLine) -> None:
    name = flow_file(TWO)

    code, _, err = stepwell("run", f"{name}:Letter")

    assert code == 2
    assert "it needs to" in err
    assert f"{name}:ready" in err


def test_a_class_that_needs_arguments_is_checked_without_them(flow_file: FlowFile, stepwell: CommandLine) -> None:
    name = flow_file(TWO)

    code, out, err = stepwell("check", f"{name}:Letter")

    assert (code, err) == (0, "")
    assert "Letter is fine" in out


def test_a_file_without_a_workflow_is_a_usage_error(flow_file: FlowFile, stepwell: CommandLine) -> None:
    code, _, err = stepwell("run", flow_file("from stepwell import Workflow\nx = 1"))

    assert code == 2
    assert "has no workflow in it" in err


@pytest.mark.parametrize(
    ("source", "line", "reason"),
    [
        ("x = 1\ny = (", 2, "'(' was never closed."),
        ("x = 1\nimport not_there_at_all", 2, "No module named 'not_there_at_all'."),
        ("import sys\nsys.exit(3)", 2, "SystemExit: 3."),
    ],
    ids=["syntax", "import", "exit"],
)
def test_a_file_that_cannot_be_loaded_fails_with_its_line(
    flow_file: FlowFile, stepwell: CommandLine, source: str, line: int, reason: str
) -> None:
    name = flow_file(source)

    code, out, err = stepwell("run", name)

    assert (code, out) == (1, "")
    assert f"{name}:{line} cannot be loaded" in err
    assert err.endswith(f"{reason}\n")
    assert "Traceback" not in err


def test_an_error_of_the_definition_is_one_sentence_and_a_failure(flow_file: FlowFile, stepwell: CommandLine) -> None:
    name = flow_file("""
        from stepwell import StopEvent, Workflow, step

        class Bad(Workflow):
            @step
            async def only(self, ev) -> StopEvent:
                return StopEvent()
    """)

    code, out, err = stepwell("run", name)

    assert (code, out) == (1, "")
    assert "must have at least one parameter annotated as type Event" in err
    assert f"{name}:5" in err
    assert "Traceback" not in err


def test_a_colon_inside_a_path_belongs_to_the_path(tmp_path: Path) -> None:
    (tmp_path / "a:b").mkdir()
    file = tmp_path / "a:b" / "flow.py"

    assert split_target(str(file)) == (str(file), None)
    assert split_target(f"{file}:Essay") == (str(file), "Essay")
