"""The code blocks of the page about models run as they stand, offline."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[3] / "docs" / "howto" / "models.md"
BLOCKS = re.findall(r"^## (.+?)\n.*?```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(("title", "code"), BLOCKS, ids=[title for title, _ in BLOCKS])
def test_the_code_block_runs(title: str, code: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code, f"{PAGE.name}: {title}", "exec"), {"__name__": "howto"})


def test_every_block_is_under_a_title_of_its_own() -> None:
    assert len(BLOCKS) == PAGE.read_text(encoding="utf-8").count("```python") == 10
