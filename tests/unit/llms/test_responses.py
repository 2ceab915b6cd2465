"""Text that arrives in pieces."""

from hypothesis import given
from hypothesis import strategies as st

from stepwell.llms import ChatMessage, ChatResponse, CompletionResponse, TokenUsage
from stepwell.llms._responses import ArrivedText


@given(st.lists(st.text(max_size=5), max_size=30), st.randoms())
def test_each_chunk_sees_the_text_as_it_was_whenever_it_is_asked(pieces: list[str], chance: object) -> None:
    arrived = ArrivedText()
    chunks = []
    seen_early = []
    for piece in pieces:
        arrived.append(piece)
        chunks.append(CompletionResponse(arrived, delta=piece))
        if chance.random() < 0.3:  # type: ignore[attr-defined]
            seen_early.append(chunks[-1].text)

    expected = ["".join(pieces[: end + 1]) for end in range(len(pieces))]

    assert [chunk.text for chunk in chunks] == expected
    assert set(seen_early) <= set(expected)


def test_asking_every_chunk_for_its_text_joins_each_piece_once() -> None:
    class Counted(str):
        joins = 0

    arrived = ArrivedText()
    for _ in range(1000):
        arrived.append("word ")
        CompletionResponse(arrived).text  # noqa: B018 - reading is the point

    assert arrived._pending == []
    assert len(arrived.up_to(arrived.length)) == 5000


def test_the_text_of_a_whole_completion_is_its_string() -> None:
    assert str(CompletionResponse(text="done")) == "done"
    assert CompletionResponse(text="done").delta == ""


def test_a_chat_response_prints_who_speaks() -> None:
    assert str(ChatResponse(ChatMessage("hi", role="assistant"))) == "assistant: hi"


def test_a_chunk_of_a_chat_has_the_message_so_far() -> None:
    arrived = ArrivedText()
    arrived.append("a b")
    chunk = ChatResponse(text=arrived, delta="b")
    arrived.append(" c")

    assert chunk.message == ChatMessage("a b", role="assistant")


def test_usages_add_up() -> None:
    assert TokenUsage(1, 2, 3, 4, 5) + TokenUsage(1, 1, 1, 1, 1) == TokenUsage(2, 3, 4, 5, 6)
