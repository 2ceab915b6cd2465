"""The page about the command line: its file runs as it stands, and its exit codes are those of the program."""

import re
from pathlib import Path

from tests.end_to_end.conftest import Finish

from stepwell.cli._exits import Exit

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "howto" / "command-line.md").read_text(encoding="utf-8")


def test_the_file_of_the_page_runs_as_the_page_says(finish: Finish, folder: Path) -> None:
    (code_block,) = re.findall(r'```python title="greet.py"\n(.*?)```', PAGE, re.DOTALL)
    (folder / "greet.py").write_text(code_block, encoding="utf-8")

    code, out, _ = finish("run", "greet.py", "--name", "Ada", "--times", "2", "--loud")

    assert code == 0
    assert "hello hello" in out
    assert out.splitlines()[-1] == "hello, ADA"


def test_the_exit_codes_of_the_page_are_those_of_the_program() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}

    assert listed == set(Exit)
