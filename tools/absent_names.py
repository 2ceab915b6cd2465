"""Write the table of names that lead nowhere into docs/deviations-names.md, from the table of the import hook.

Usage: python tools/absent_names.py [--check]

With ``--check`` nothing is written; ends with status 1 if the page does not hold what it should.
"""

import sys
from itertools import groupby
from pathlib import Path

from stepwell.compat._table import table

PAGE = Path(__file__).resolve().parents[1] / "docs" / "deviations-names.md"
TITLE = "## Names that lead nowhere\n"
HEAD = "| module | name | the nearest thing |\n|---|---|---|\n"


def rows() -> list[str]:
    known = table()
    same = "llama_agents."
    found = [
        (wanted.rpartition(".")[0], known.nearest(wanted), wanted.rpartition(".")[2])
        for wanted in known.absent
        if not wanted.startswith(same)
    ]
    found += [(place, nearest, "*") for place, nearest in known.below.items() if not place.startswith(same)]
    lines = []
    for (module, nearest), group in groupby(sorted(found), key=lambda one: one[:2]):
        names = [f"`{name}`" for *_, name in group if name != "*"] + (
            ["everything else"] if (module, nearest, "*") in found else []
        )
        lines.append(f"| `{module}` | {', '.join(dict.fromkeys(names))} | {nearest} |\n")
    return lines


def main(arguments: list[str]) -> int:
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(TITLE)
    intro, head, old = rest.partition(HEAD)
    if not head:
        print(f"{PAGE.name} has no table under {TITLE.strip()!r}", file=sys.stderr)
        return 1
    after = old[len("".join(line for line in _leading_rows(old))) :]
    new = f"{before}{TITLE}{intro}{HEAD}{''.join(rows())}{after}"
    if arguments == ["--check"]:
        if new != text:
            print("docs/deviations-names.md is out of date: run python tools/absent_names.py", file=sys.stderr)
        return int(new != text)
    PAGE.write_text(new, encoding="utf-8")
    return 0


def _leading_rows(text: str) -> list[str]:
    lines = text.splitlines(keepends=True)
    end = next((place for place, line in enumerate(lines) if not line.startswith("|")), len(lines))
    return lines[:end]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
