"""Each example runs as a user runs it: a process of its own, offline."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))
ESSAY, AGENT, RETRIEVAL, SURVEY, APPROVAL, TRACE = EXAMPLES
LONGEST = 60
LONGER = {ESSAY: 67}  # its workflow is that of ``stepwell demo``, word for word
STAND_IN = "This is stepwell's offline stand-in"


@functools.cache
def run(path: Path, *arguments: str, said: str = "") -> str:
    """Run an example, once for all tests, with ``said`` on its standard input; return what it printed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OPENAI_")}
    sources = [str(ROOT / "src"), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sources))
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path), *arguments],
        input=said,
        capture_output=True,
        text=True,
        env=environment,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_runs_without_a_key_and_complains_of_nothing(path: Path) -> None:
    assert run(path)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_can_be_read_at_a_glance(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGER.get(path, LONGEST)


def test_the_agent_calls_tools_and_answers() -> None:
    printed = run(AGENT)

    assert printed.startswith(STAND_IN)
    assert {"depth: 19.5", "depth: 4.0"} <= set(printed.splitlines())
    assert printed.splitlines()[-1] == "Chand Baori is."


def test_what_cannot_be_undone_is_done_when_a_person_allows_it() -> None:
    printed = run(APPROVAL, said="yes\nno\n")

    assert "May I let 500 liters out of Chand Baori?" in printed
    assert printed.splitlines()[1:] == [
        "50 liters let out of Rani ki Vav",
        "500 liters let out of Chand Baori",
        "Agrasen ki Baoli stays closed",
    ]


def test_what_nobody_allows_is_not_done() -> None:
    assert "Chand Baori stays closed" in run(APPROVAL)


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ([], "Udayamati"),
        (["How many steps lead down in New Delhi?"], "108 steps"),
    ],
)
def test_retrieval_finds_the_passage_that_answers(question: list[str], found: str) -> None:
    assert found in run(RETRIEVAL, *question)


def test_the_trace_has_steps_model_calls_and_events_of_the_program() -> None:
    printed = run(TRACE)

    trace = printed[printed.index("Trace: Notes") :]
    assert [trace.count(f"CBEventType.{name} ") for name in ("CHUNKING", "LLM")] == [1, 2]
    assert trace.count("AGENT_STEP (note)") == 2


def test_the_survey_runs_children_at_once_and_asks_for_one_of_them() -> None:
    printed = run(SURVEY, said="28\n")

    assert printed.count("[SurveyWell] measuring") == 3
    assert "How deep is Rani ki Vav" in printed
    assert printed.splitlines()[-1] == "the deepest is Rani ki Vav: 28 m"
