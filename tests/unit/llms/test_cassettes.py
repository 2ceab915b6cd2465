"""What a cassette keeps, and how a request finds its answer."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.errors import CassetteFileError
from stepwell.llms._cassettes import (
    Cassette,
    RecordedExchange,
    RecordedRequest,
    RecordedResponse,
    without_secrets,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=5), parts, max_size=3),
    max_leaves=8,
)


def exchange(body: object, *pieces: str) -> RecordedExchange:
    request = RecordedRequest(method="POST", path="/v1/chat/completions", body=body)
    return RecordedExchange(request=request, response=RecordedResponse(status=200, pieces=list(pieces)))


@settings(max_examples=30)
@given(st.lists(st.tuples(JSON, st.lists(st.text(), max_size=3)), max_size=4))
def test_a_cassette_goes_through_its_file_unchanged(kept: list[tuple[object, list[str]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.json"
        exchanges = [exchange(body, *pieces) for body, pieces in kept]

        Cassette(exchanges).save(path)

        assert Cassette.load(path).exchanges == exchanges


def test_the_order_of_keys_does_not_matter() -> None:
    cassette = Cassette([exchange({"a": 1, "b": 2}, "x")])

    assert cassette.take(exchange({"b": 2, "a": 1}).request) is not None


def test_a_request_recorded_twice_gets_its_answers_in_order_and_then_none() -> None:
    cassette = Cassette([exchange({"a": 1}, "first"), exchange({"a": 1}, "second")])
    request = exchange({"a": 1}).request

    taken = [cassette.take(request) for _ in range(3)]

    assert [answer and answer.pieces for answer in taken] == [["first"], ["second"], None]
    assert cassette.explain(request) == "it was recorded 2 times and has been replayed as often"


def test_an_unknown_request_is_told_how_the_nearest_differs() -> None:
    cassette = Cassette([exchange({"a": 1, "b": [1, 2]}), exchange({"z": 0})])

    told = cassette.explain(exchange({"a": 1, "b": [1, 3]}).request)

    assert told == "the nearest recorded one differs in body.b[1] (recorded 2, asked 3)"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "no such file"),
        ("[]", "cannot be read"),
        ("nonsense", "cannot be read"),
        ('{"format": "other", "exchanges": []}', "its format is 'other'"),
        ('{"format": "stepwell-cassette-1", "exchanges": [{}]}', "its exchanges are incomplete"),
    ],
)
def test_a_file_that_is_no_cassette_is_told_as_such(tmp_path: Path, content: str | None, problem: str) -> None:
    path = tmp_path / "c.json"
    if content is not None:
        path.write_text(content)

    with pytest.raises(CassetteFileError, match=problem):
        Cassette.load(path)


@given(st.text("abcXYZ019", min_size=12), st.text(' \n",:{}', max_size=3))
def test_what_looks_like_a_key_is_removed(secret: str, around: str) -> None:
    text = f"{around}sk-{secret}{around}"

    assert secret not in without_secrets(text, None)


def test_the_key_that_was_used_is_removed_whatever_it_looks_like() -> None:
    assert without_secrets({"a": ["my key is hunter2!"]}, "hunter2") == {"a": ["my key is [removed]!"]}


def test_fields_with_names_of_secrets_are_removed() -> None:
    assert without_secrets({"Password": "x", "token": 3, "text": "y"}, None) == {
        "Password": "[removed]",
        "token": 3,
        "text": "y",
    }
