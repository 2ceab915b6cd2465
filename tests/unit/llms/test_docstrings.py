"""What a docstring says of parameters."""

import pytest

from stepwell.llms._docstrings import parameter_descriptions, summary

GOOGLE = """Find things.

    More of it.

    Args:
        query: what to look for: words
            or phrases
        limit (int, optional): how many

    Returns:
        hits: a list
    """
SPHINX = """Find things.

    :param query: what to look for
        in words
    :param int limit: how many
    :returns: hits
    """


@pytest.mark.parametrize(
    ("docstring", "query"),
    [(GOOGLE, "what to look for: words or phrases"), (SPHINX, "what to look for in words")],
)
def test_both_forms_are_read(docstring: str, query: str) -> None:
    assert parameter_descriptions(docstring) == {"query": query, "limit": "how many"}


def test_the_summary_ends_where_the_sections_begin() -> None:
    assert summary(GOOGLE) == "Find things.\n\nMore of it."
    assert summary(SPHINX) == "Find things."


def test_no_docstring_says_nothing() -> None:
    assert summary(None) == ""
    assert parameter_descriptions(None) == {}
