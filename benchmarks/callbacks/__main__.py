"""Make the environment of the peer, measure in it, print the table; exit code 1 if a target is missed.

``--rounds N`` and ``--pairs N`` change how much is measured (medians of 15 interleaved rounds of 1,500 pairs).
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEER = "llama-index-core==0.14.25"


def main() -> int:
    made = subprocess.run(
        [sys.executable, ROOT / "tools" / "peer_environment.py", "callbacks", PEER],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        return made.returncode
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    script = Path(__file__).with_name("pairs.py")
    return subprocess.run([made.stdout.strip(), script, *sys.argv[1:]], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
