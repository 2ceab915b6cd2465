"""Each example runs as a user runs it: a process of its own, offline."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))
AGENT, RETRIEVAL, SURVEY = (
    ROOT / "examples" / name for name in ("02_agent.py", "03_retrieval.py", "04_child_workflows.py")
)
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


def test_the_agent_calls_tools_and_what_a_person_allows() -> None:
    printed = run(AGENT, said="yes\n")

    assert printed.startswith(STAND_IN)
    assert "I look at both wells." in printed
    assert {"[depth: 19.5]", "[depth: 4.0]"} <= set(printed.splitlines())
    assert "May I call open_sluice" in printed
    assert "[open_sluice: 500 liters let out of Chand Baori]" in printed


def test_the_agent_does_not_do_what_nobody_allows() -> None:
    printed = run(AGENT)

    assert "[open_sluice: A person did not allow it.]" in printed
    assert "500 liters let out" not in printed
    assert "\nThe result: Chand Baori" in printed


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ([], "Udayamati"),
        (["How many steps lead down in New Delhi?"], "108 steps"),
    ],
)
def test_retrieval_finds_the_passage_that_answers(question: list[str], found: str) -> None:
    assert found in run(RETRIEVAL, *question)


def test_retrieval_tells_every_stage_to_callbacks() -> None:
    printed = run(RETRIEVAL)

    trace = printed[printed.index("Trace: retrieval") :]
    stages = [
        name for name in ("CHUNKING", "EMBEDDING", "RETRIEVE", "SYNTHESIZE", "LLM") if f"CBEventType.{name} " in trace
    ]
    assert stages == ["CHUNKING", "EMBEDDING", "RETRIEVE", "SYNTHESIZE", "LLM"]
    assert trace.index("RETRIEVE") < trace.rindex("EMBEDDING") < trace.index("SYNTHESIZE") < trace.index("LLM")


def test_the_survey_runs_children_at_once_and_asks_for_one_of_them() -> None:
    printed = run(SURVEY, said="28\n")

    assert printed.count("[SurveyWell] measuring") == 3
    assert "How deep is Rani ki Vav" in printed
    assert printed.splitlines()[-1] == "the deepest is Rani ki Vav: 28 m"
