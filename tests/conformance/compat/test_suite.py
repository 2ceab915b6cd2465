"""A suite of tests written against the peer's package: it passes there, and it passes here, unchanged.

The tests are in ``suite``, and import only ``workflows`` and ``llama_index``. Here they are run by
``python -m stepwell.compat -m pytest``.
"""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

SUITE = Path(__file__).with_name("suite")
LEAST = 90

pytestmark = pytest.mark.timeout(900)


def outcomes(command: list[str], report: Path, environment: dict[str, str]) -> dict[str, str]:
    """Run the suite; return what became of each test."""
    done = subprocess.run(
        [*command, "-m", "pytest", "-q", str(SUITE), f"--junitxml={report}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), done.stderr
    cases = ElementTree.parse(report).iter("testcase")
    ends = {f"{case.get('classname')}.{case.get('name')}": ", ".join(part.tag for part in case) for case in cases}
    assert done.returncode == 0, done.stdout
    return ends


def test_the_suite_passes_on_the_peer_and_on_stepwell(llama_index: str, model: dict[str, str], tmp_path: Path) -> None:
    there = outcomes([llama_index], tmp_path / "there.xml", {**model, "PYTHONPATH": ""})

    here = outcomes([sys.executable, "-m", "stepwell.compat"], tmp_path / "here.xml", model)

    assert len(there) >= LEAST
    assert here == there
    assert set(here.values()) == {""}


def test_the_suite_passes_on_stepwell_where_the_peer_is_installed_too(
    llama_index: str, model: dict[str, str], tmp_path: Path
) -> None:
    here = outcomes([llama_index, "-m", "stepwell.compat"], tmp_path / "here.xml", model)

    assert len(here) >= LEAST
    assert set(here.values()) == {""}
