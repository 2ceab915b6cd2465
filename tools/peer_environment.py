"""Make a virtual environment of its own for a peer library, and print the path of its Python.

Usage: python tools/peer_environment.py NAME REQUIREMENT [REQUIREMENT ...]

The environment is ``.venv-peers/NAME`` in the repository. Called again with the same requirements it changes nothing.
Ends with status 1 and one line on standard error if the packages cannot be had.
"""

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def make(name: str, requirements: list[str]) -> Path:
    folder = ROOT / ".venv-peers" / name
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp = folder / "requirements.txt"
    wanted = "\n".join([*requirements, ""])
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print(f"Installing {' '.join(requirements)} into {folder.relative_to(ROOT)} (once) ...", file=sys.stderr)
    venv.create(folder, with_pip=True, clear=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
    subprocess.run(command, check=True, stdout=sys.stderr, timeout=600)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def main(arguments: list[str]) -> int:
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(make(arguments[0], arguments[1:]))
    except (OSError, subprocess.SubprocessError) as error:
        print(f"the environment of {arguments[0]} cannot be made: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
