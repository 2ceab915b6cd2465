"""Who is measured, and the environment each of them is measured in.

``bare`` and ``stepwell`` run in the environment of this process, stepwell from the checkout. Each peer runs
in a virtual environment of its own under ``.bench``, made once, with pinned versions of it and all it needs.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORKSHOP = ROOT / ".bench"
PINS = Path(__file__).with_name("constraints.txt")
HOUSE_PINS = ROOT / "constraints.txt"
UVLOOP = "uvloop==0.23.0"
PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "20")
OFFLINE_SIGNS = (
    "Failed to establish a new connection",
    "Max retries exceeded",
    "Temporary failure in name resolution",
    "Name or service not known",
    "Could not fetch URL",
    "No matching distribution found",
)
# Nobody's tracing or telemetry takes part, and nothing of the caller's Python settings.
QUIET = {
    "LANGSMITH_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "BURR_TELEMETRY_ENABLED": "false",
    "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
}
DROPPED = (
    "PYTHONHOME",
    "PYTHONDEVMODE",
    "PYTHONASYNCIODEBUG",
    "PYTHONTRACEMALLOC",
    "PYTHONOPTIMIZE",
    "PYTHONDONTWRITEBYTECODE",  # an import would compile our modules each time, and the libraries' never
)


class NoEnvironment(Exception):
    """A peer's environment could not be made; the text is the reason for the reader of the table."""


@dataclass(frozen=True, slots=True)
class Contender:
    """``requirements`` is empty for those who live in the environment of this process."""

    name: str
    requirements: tuple[str, ...] = ()

    @property
    def adapter(self) -> str:
        return self.name.replace("-", "_")

    @property
    def home(self) -> Path:
        return WORKSHOP / f"venv-{self.name}"


ALL = (
    Contender("bare"),
    Contender("stepwell"),
    Contender("llama-index-workflows", ("llama-index-workflows==2.26.1",)),
    Contender("langgraph", ("langgraph==1.2.22",)),
    Contender("pydantic-graph", ("pydantic-graph==2.68.0",)),
    # Its fan-out imports pydantic, which it does not ask for.
    Contender("burr", ("burr==0.42.0", "pydantic==2.14.3")),
)


def environment() -> dict[str, str]:
    """The variables that every measuring process gets."""
    kept = {name: value for name, value in os.environ.items() if name not in DROPPED}
    return {**kept, **QUIET}


def python_of(contender: Contender, loop: str) -> Path:
    """The interpreter that measures ``contender``, made if need be. Raises ``NoEnvironment``."""
    if contender.requirements:
        return made(contender.home, contender.requirements, loop)
    if loop == "uvloop" and not importable(Path(sys.executable), loop):
        return made(WORKSHOP / "venv-house", ("-e", str(ROOT)), loop)
    return Path(sys.executable)


def made(home: Path, requirements: Sequence[str], loop: str) -> Path:
    """A virtual environment in ``home`` that has ``requirements``; one that is there already is kept."""
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = (*requirements, UVLOOP) if loop == "uvloop" else tuple(requirements)
    stamp = home / ".made"
    if stamp.exists() and stamp.read_text(encoding="utf-8") in (token(wanted), token((*wanted, UVLOOP))):
        return python
    print(f"Making the environment of {home.name} (once) ...", file=sys.stderr, flush=True)
    execute([sys.executable, "-m", "venv", "--clear", str(home)])
    pins = HOUSE_PINS if "-e" in requirements else PINS
    execute([str(python), *PIP, "--constraint", str(pins), *wanted])
    stamp.write_text(token(wanted), encoding="utf-8")
    return python


def token(requirements: Sequence[str]) -> str:
    """What an environment was made from: it is made again when this changes."""
    pins = PINS.read_text(encoding="utf-8")
    return hashlib.sha256("\n".join((*requirements, pins, sys.version)).encode()).hexdigest()


def execute(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode == 0:
        return
    if any(sign in done.stderr for sign in OFFLINE_SIGNS):
        raise NoEnvironment("the package registry could not be reached, or no longer has the pinned versions")
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    raise NoEnvironment(f"its environment could not be made: {last}")


def importable(python: Path, module: str) -> bool:
    return subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0


def versions(python: Path, contender: Contender) -> str:
    """What was measured: version of the library (of stepwell: its commit too) and of pydantic."""
    library = {"bare": ()}.get(contender.name, (contender.name,))
    code = "import importlib.metadata as m, sys; print(', '.join(f'{n} {m.version(n)}' for n in sys.argv[1:]))"
    done = subprocess.run(
        [python, "-c", code, *library, "pydantic"],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    return done.stdout.strip() or "version unknown"


def commit() -> str:
    """The checkout's commit, with a plus sign when files have changed since."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return done.stdout.strip() or "no commit"
