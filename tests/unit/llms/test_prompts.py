"""Prompts with named gaps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.errors import PromptTemplateError, PromptVariableError
from stepwell.llms import ChatMessage, ChatPromptTemplate, ImageBlock, PromptTemplate, TextBlock


@given(st.text(), st.text())
def test_what_is_filled_in_is_not_read_again(before: str, value: str) -> None:
    template = before.replace("{", "{{").replace("}", "}}") + "{value}"

    assert PromptTemplate(template).format(value=value) == before + value


def test_a_gap_may_come_twice() -> None:
    assert PromptTemplate("{a} and {a}").format(a=1) == "1 and 1"


def test_a_missing_name_is_named() -> None:
    with pytest.raises(PromptVariableError, match="lacks topic") as caught:
        PromptTemplate("About {topic} in {style}.").format(style="verse")

    assert caught.value.missing == ("topic",)


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(KeyError, match="did you mean 'topic'"):
        PromptTemplate("About {topic}.").format(topik="wells")


@pytest.mark.parametrize("gap", ["{a.b}", "{a[0]}", "{}", "{0}", "{a!r}", "{a:>10}", "{a", "a}"])
def test_a_gap_that_is_more_than_a_name_is_refused(gap: str) -> None:
    with pytest.raises(PromptTemplateError, match="cannot be read"):
        PromptTemplate(gap)


def test_a_template_can_be_filled_in_two_steps() -> None:
    half = PromptTemplate("{a} {b}").partial_format(a="x")

    assert half.format(b="y") == "x y"
    assert half.template_vars == ("a", "b")


def test_a_chat_template_fills_texts_and_keeps_the_rest() -> None:
    image = ImageBlock(url="https://example.org/well.png")
    template = ChatPromptTemplate(
        [
            ChatMessage("You are {who}.", role="system"),
            ChatMessage([TextBlock(text="What is {what}?"), image], role="user"),
        ]
    )

    system, user = template.format_messages(who="a guide", what="this")

    assert system.content == "You are a guide."
    assert user.blocks == [TextBlock(text="What is this?"), image]
    assert template.template_vars == ("who", "what")


def test_a_chat_template_is_made_of_pairs() -> None:
    template = ChatPromptTemplate.from_messages([("system", "Be {how}."), ("user", "Hi")])

    assert [str(said) for said in template.format_messages(how="brief")] == ["system: Be brief.", "user: Hi"]


def test_a_chat_template_names_what_is_missing() -> None:
    with pytest.raises(PromptVariableError, match="lacks how"):
        ChatPromptTemplate.from_messages([("system", "Be {how}.")]).format_messages()
