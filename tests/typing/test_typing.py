"""The public signatures under mypy and pyright: what must check does, and what must not is refused, line by line."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
MUST, MUST_NOT = HERE / "must_check.py", HERE / "must_not_check.py"


def refused_lines() -> set[int]:
    return {number for number, line in enumerate(MUST_NOT.read_text().splitlines(), 1) if line.endswith("# refused")}


def mypy(version: str, cache: Path) -> dict[str, dict[int, str]]:
    """Return mypy's errors for a version of Python, by file name and line."""
    arguments = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml")]
    arguments += ["--python-version", version, "--cache-dir", str(cache)]
    arguments += ["--no-error-summary", "--no-pretty", "--hide-error-context"]
    done = subprocess.run(
        [*arguments, str(MUST), str(MUST_NOT)], capture_output=True, text=True, timeout=100, check=False, cwd=ROOT
    )
    found: dict[str, dict[int, str]] = {MUST.name: {}, MUST_NOT.name: {}}
    for name, line, text in re.findall(r"^.*?(\w+\.py):(\d+): error: (.*)$", done.stdout, re.MULTILINE):
        found.setdefault(name, {})[int(line)] = text
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return found


def pyright(version: str) -> dict[str, dict[int, str]]:
    """Return pyright's errors for a version of Python, by file name and line."""
    arguments = [sys.executable, "-m", "pyright", "--outputjson", "--pythonversion", version]
    done = subprocess.run(
        [*arguments, "--pythonpath", sys.executable, str(MUST), str(MUST_NOT)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=ROOT,
    )
    found: dict[str, dict[int, str]] = {MUST.name: {}, MUST_NOT.name: {}}
    for one in json.loads(done.stdout)["generalDiagnostics"]:
        if one["severity"] == "error":
            found[Path(one["file"]).name][one["range"]["start"]["line"] + 1] = one["message"]
    return found


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mypy")


@pytest.fixture(scope="module", params=[f"{name} {version}" for version in VERSIONS for name in ("mypy", "pyright")])
def errors(request: pytest.FixtureRequest, cache: Path) -> dict[str, dict[int, str]]:
    name, version = request.param.split()
    return mypy(version, cache) if name == "mypy" else pyright(version)


@pytest.mark.timeout(110)
def test_programs_as_the_documentation_writes_them_check(errors: dict[str, dict[int, str]]) -> None:
    assert errors[MUST.name] == {}


@pytest.mark.timeout(110)
def test_each_mistake_is_refused_and_nothing_else_is(errors: dict[str, dict[int, str]]) -> None:
    assert set(errors[MUST_NOT.name]) == refused_lines(), errors[MUST_NOT.name]
