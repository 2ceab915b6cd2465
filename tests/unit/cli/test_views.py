"""What the views write: text that flows, lines of their own, JSON that any value survives."""

import io
import json
import subprocess
import sys
from datetime import UTC, datetime

from stepwell import Event, StopEvent
from stepwell.cli._shown import LINE_LENGTH, line_of, text_in
from stepwell.cli._views import JsonView, PlainView, as_json


class Word(Event):
    text: str


class Pair(Event):
    left: str
    right: int


def test_an_event_with_one_string_is_text() -> None:
    assert text_in(Word(text="two ")) == "two "


def test_an_event_with_more_fields_and_a_stop_event_are_no_text() -> None:
    assert text_in(Pair(left="a", right=1)) is None
    assert text_in(StopEvent(result="a")) is None


def test_text_flows_and_a_line_after_it_begins_anew() -> None:
    out = io.StringIO()
    view = PlainView(out, None)

    for event in (Word(text="one "), Word(text="two"), Pair(left="a", right=1), Word(text="ended\n"), Word(text="")):
        view.show(event)
    view.ask("Name? ")
    view.answered("Ada")

    assert out.getvalue() == "one two\nPair left='a' right=1\nended\nName? Ada\n"


def test_a_long_event_is_cut_on_its_line() -> None:
    line = line_of(Pair(left="x" * 10_000, right=1))

    assert len(line) == LINE_LENGTH
    assert line.endswith("…")


def test_json_has_a_form_for_every_value() -> None:
    holder: list[object] = []
    holder.append(holder)
    values = {"at": datetime(2026, 1, 2, tzinfo=UTC), "odd": object, "bytes": b"\xff", "nan": float("nan")}

    told = json.loads(as_json(values))
    ring = json.loads(as_json({"ring": holder}))

    assert told["at"] == "2026-01-02T00:00:00Z"
    assert told["odd"] == "<class 'object'>"
    assert told["nan"] == "NaN"
    assert ring == {"ring": "[[...]]"}


def test_a_line_break_in_a_value_stays_inside_its_json_line() -> None:
    out = io.StringIO()

    JsonView(out, None).show(Word(text="one\ntwo"))

    assert out.getvalue().count("\n") == 1
    assert json.loads(out.getvalue())["fields"] == {"text": "one\ntwo"}


def test_importing_the_command_line_loads_neither_click_nor_rich_nor_openai() -> None:
    code = "import sys, stepwell.cli; print(sorted({'click', 'rich', 'openai', 'tenacity'} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
