"""The documentation is true: its programs run and print what it says, its links lead somewhere, its lists are whole."""

import contextlib
import io
import logging
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from stepwell import errors

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
ADRS = sorted((DOCS / "adr").glob("0*.md"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
BRANCHES = {"DefinitionError", "StepError", "UsageError", "ModelError", "ReplayError", "StepwellError"}


def page_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def programs(text: str) -> list[tuple[int, str, str | None]]:
    """Return line, code and promised output (of a text block right behind it) of each Python block."""
    blocks = list(BLOCK.finditer(text))
    found = []
    for place, block in enumerate(blocks):
        if block[1] == "python":
            after = blocks[place + 1] if place + 1 < len(blocks) else None
            follows = after is not None and after[1] == "text" and not text[block.end() : after.start()].strip()
            line = text.count("\n", 0, block.start(2))
            found.append((line, block[2], after[2] if after is not None and follows else None))
    return found


def prose(text: str) -> str:
    return BLOCK.sub("", text)


def anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.fixture
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        assert self.family != socket.AF_INET or address[0].startswith("127."), f"a page calls out to {address}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def page_module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    return module


@contextlib.contextmanager
def captured() -> Iterator[io.StringIO]:
    """Catch what is printed, on either stream, and by logging that a page sets up."""
    root = logging.getLogger()
    kept, root.handlers = root.handlers, []
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            yield printed
    finally:
        root.handlers = kept


@pytest.mark.usefixtures("_offline")
@pytest.mark.parametrize("page", [page for page in PAGES if programs(text_of(page))], ids=page_name)
def test_the_programs_of_a_page_run_and_print_what_it_says(
    page: Path, page_module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    for line, code, promised in programs(text_of(page)):
        with captured() as printed:
            exec(compile("\n" * line + code, page.name, "exec"), vars(page_module))
        if promised is not None:
            output = "\n".join(row.rstrip() for row in printed.getvalue().strip().splitlines())
            pattern = ".*?".join(re.escape(part) for part in promised.strip().split("…"))
            assert re.fullmatch(pattern, output, re.DOTALL), (
                f"{page_name(page)}:{line} promises\n{promised}\nand its program printed\n{output}"
            )


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_link_between_files_leads_somewhere(page: Path) -> None:
    lost = []
    for link in LINK.findall(prose(text_of(page))):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in anchors(text_of(target))):
            lost.append(link)

    assert lost == []


def test_the_index_leads_to_every_page() -> None:
    reached: set[Path] = set()
    ahead = [DOCS / "README.md"]
    while ahead:
        page = ahead.pop()
        reached.add(page)
        linked = {(page.parent / link.partition("#")[0]).resolve() for link in LINK.findall(text_of(page))}
        folders = [one for place in linked if place.is_dir() for one in place.glob("*.md")]
        ahead.extend(one for one in {*linked, *folders} - reached if one.suffix == ".md" and DOCS in one.parents)

    assert {page_name(page) for page in DOCS.rglob("*.md")} - {page_name(page) for page in reached} == set()


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_no_page_holds_a_path_of_one_machine(page: Path) -> None:
    text = text_of(page)

    assert str(ROOT) not in text
    assert re.findall(r"(?<![\w.~/])/(?:home|root|work|tmp|Users|mnt|opt)/\S*", text) == []


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^(\w+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = set(re.findall(r"`make (\w+)`|^\s*make (\w+)$", text_of(page), re.MULTILINE))

    assert {one or other for one, other in named} <= targets


@pytest.mark.parametrize("page", ADRS, ids=page_name)
def test_a_decision_fits_on_a_page_and_says_forces_decision_price_and_doubt(page: Path) -> None:
    text = text_of(page)

    titles = re.findall(r"^## (.+)$", text, re.MULTILINE)

    assert titles == ["Forces", "Decision", "Price", "What would change our mind"]
    assert text.count("\n") <= 60


def error_rows() -> list[tuple[str, str, str]]:
    """Return branch (from the title above), class and built-in bases of each row of the error reference."""
    rows = []
    branch = ""
    for line in text_of(DOCS / "reference" / "errors.md").splitlines():
        if line.startswith("## "):
            branch = (re.findall(r"`(\w+)`", line) or [""])[0]
        elif row := re.match(r"\| `(\w+)` \|([^|]*)\|", line):
            rows.append((branch, row[1], row[2]))
    return rows


def test_the_error_reference_lists_every_error_once_and_nothing_else() -> None:
    listed = sorted(name for _, name, _ in error_rows())

    assert listed == sorted(name for name in errors.__all__ if isinstance(getattr(errors, name), type))


@pytest.mark.parametrize(("branch", "name", "also"), error_rows(), ids=[name for _, name, _ in error_rows()])
def test_the_error_reference_has_each_error_under_its_branch_with_its_built_ins(
    branch: str, name: str, also: str
) -> None:
    kind = getattr(errors, name)
    built_ins = [base.__name__ for base in kind.__bases__ if base.__module__ == "builtins"]

    assert branch in BRANCHES
    assert issubclass(kind, getattr(errors, branch)) or name == "Problem"
    assert re.findall(r"`(\w+)`", also) == [base for base in built_ins if base not in ("Exception", "object")]
