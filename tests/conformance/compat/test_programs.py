"""Whole programs with the peer's import lines, unchanged, here and there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).with_name("programs")
COMPAT = ("-m", "stepwell.compat")

OUR_LINES = {
    "from llama_index.llms.openai import": "from stepwell.llms.openai import",
    "from llama_index.utils.workflow import": "from stepwell.drawing import",
    "from workflows.events import": "from stepwell import",
    "from workflows import": "from stepwell import",
}
LINES_OF_THE_CORE = {
    "from workflows.events import": "from llama_index.core.workflow import",
    "from workflows import": "from llama_index.core.workflow import",
}

pytestmark = pytest.mark.timeout(900)


def run(*command: str | Path, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done


def rewritten(program: Path, lines: dict[str, str], folder: Path) -> Path:
    """Write the program with other import lines into a folder."""
    text = program.read_text(encoding="utf-8")
    for old, new in lines.items():
        assert old in text
        text = text.replace(old, new)
    folder.mkdir()
    other = folder / program.name
    other.write_text(text, encoding="utf-8")
    return other


def test_a_streaming_program_prints_the_same_as_with_stepwells_own_import_lines(
    model: dict[str, str], tmp_path: Path
) -> None:
    own = rewritten(PROGRAMS / "essay.py", OUR_LINES, tmp_path / "own")
    theirs = rewritten(PROGRAMS / "essay.py", {}, tmp_path / "theirs")
    ours = run(sys.executable, own.name, folder=own.parent, environment=model)

    done = run(sys.executable, *COMPAT, theirs.name, folder=theirs.parent, environment=model)

    assert done.stdout == ours.stdout
    assert done.stdout.endswith(b"\nFinal result A stepwell is a well with stairs.\n")
    assert done.stderr == ours.stderr == b""
    folders = (own.parent, theirs.parent)
    pages = [(folder / "essay.html").read_text(encoding="utf-8").replace(str(folder), "") for folder in folders]
    assert pages[0] == pages[1]


def test_the_import_lines_of_the_core_lead_to_the_same(model: dict[str, str], tmp_path: Path) -> None:
    older = rewritten(PROGRAMS / "essay.py", LINES_OF_THE_CORE, tmp_path / "older")
    newer = run(sys.executable, *COMPAT, PROGRAMS / "essay.py", folder=tmp_path, environment=model)

    done = run(sys.executable, *COMPAT, older, folder=tmp_path, environment=model)

    assert done.stdout == newer.stdout


def test_a_streaming_program_prints_what_it_prints_on_the_peer_byte_for_byte(
    llama_index: str, model: dict[str, str], tmp_path: Path
) -> None:
    peer = run(llama_index, PROGRAMS / "essay.py", folder=tmp_path, environment={**model, "PYTHONPATH": ""})
    both = run(llama_index, *COMPAT, PROGRAMS / "essay.py", folder=tmp_path, environment=model)

    done = run(sys.executable, *COMPAT, PROGRAMS / "essay.py", folder=tmp_path, environment=model)

    # The peer's drawing prints the name of its file; that is listed among the deviations.
    assert peer.stdout == done.stdout + b"essay.html\n"
    assert both.stdout == done.stdout


def test_the_real_agents_of_the_core_run_on_stepwells_workflows(
    llama_index: str, model: dict[str, str], tmp_path: Path
) -> None:
    quiet = {**model, "PYTHONWARNINGS": "ignore"}
    peer = run(llama_index, PROGRAMS / "agent.py", folder=tmp_path, environment={**quiet, "PYTHONPATH": ""})

    done = run(llama_index, *COMPAT, "--only", "workflows", PROGRAMS / "agent.py", folder=tmp_path, environment=quiet)

    assert peer.stdout.startswith(b"True workflows\n")
    # There, an answer makes the step that asked run again from the top, and what it shows is shown twice.
    once = peer.stdout.replace(b"InputRequiredEvent  \nToolCall ask \n", b"InputRequiredEvent  \n")
    assert once != peer.stdout
    assert done.stdout == once.replace(b"True workflows\n", b"True stepwell\n")
    assert done.stdout.endswith(b"It is 42. yes! ['42']\n")


def test_importing_the_real_packages_first_is_refused(llama_index: str, model: dict[str, str], tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import workflows, stepwell.compat\n"
        "try:\n"
        "    stepwell.compat.install()\n"
        "except RuntimeError as error:\n"
        "    print(error)\n"
    )

    done = run(llama_index, program, folder=tmp_path, environment=model)

    said = done.stdout.decode()
    assert re.match(
        r"workflows is already imported from .*workflows/__init__\.py, so it cannot be led to stepwell", said
    )


def test_importing_stepwell_leaves_the_real_packages_alone(
    llama_index: str, model: dict[str, str], tmp_path: Path
) -> None:
    code = (
        "import stepwell, stepwell.compat, workflows\n"
        "print(workflows.Workflow is stepwell.Workflow, workflows.__file__)"
    )

    done = run(llama_index, "-c", code, folder=tmp_path, environment=model)

    assert done.stdout.startswith(b"False ")
    assert os.fsencode(Path(llama_index).parents[1]) in done.stdout
