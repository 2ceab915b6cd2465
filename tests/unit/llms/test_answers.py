"""How pieces become an answer."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.llms import Fragment, ToolCallPiece
from stepwell.llms._answers import PartialAnswer

CALLS = st.lists(
    st.tuples(
        st.text("abc_", min_size=1, max_size=4),
        st.dictionaries(st.text(max_size=3), st.text(max_size=8) | st.integers(), max_size=3),
    ),
    max_size=4,
)


@settings(max_examples=50)
@given(CALLS, st.integers(1, 7), st.booleans())
def test_tool_calls_cut_anywhere_come_together_again(
    calls: list[tuple[str, dict[str, object]]], size: int, is_interleaved: bool
) -> None:
    answer = PartialAnswer()
    fragments = []
    for index, (name, arguments) in enumerate(calls):
        text = json.dumps(arguments)
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
        fragments.append([ToolCallPiece(index=index, id=f"call{index}", name=name)])
        fragments[-1] += [ToolCallPiece(index=index, arguments=piece) for piece in pieces]
    order = (
        [lane[row] for row in range(max(map(len, fragments), default=0)) for lane in fragments if row < len(lane)]
        if is_interleaved
        else [piece for lane in fragments for piece in lane]
    )

    for piece in order:
        answer.take(Fragment(tool_calls=(piece,)))

    told = answer.chat().message.tool_calls
    assert [(call.tool_name, call.tool_kwargs) for call in told] == calls
    assert [call.tool_call_id for call in told] == [f"call{index}" for index in range(len(calls))]


def test_parallel_calls_that_share_an_index_are_told_apart_by_their_ids() -> None:
    answer = PartialAnswer()

    answer.take(Fragment(tool_calls=(ToolCallPiece(index=0, id="a", name="one", arguments="{}"),)))
    answer.take(Fragment(tool_calls=(ToolCallPiece(index=0, id="b", name="two", arguments='{"x": 1}'),)))

    assert [call.tool_name for call in answer.chat().message.tool_calls] == ["one", "two"]


def test_arguments_that_are_no_json_object_stay_text() -> None:
    answer = PartialAnswer()
    answer.take(Fragment(tool_calls=(ToolCallPiece(index=0, id="a", name="one", arguments='{"x": '),)))
    answer.take(Fragment(tool_calls=(ToolCallPiece(index=1, id="b", name="two", arguments="[1]"),)))

    assert [call.tool_kwargs for call in answer.chat().message.tool_calls] == ['{"x": ', "[1]"]


def test_no_arguments_are_empty_arguments() -> None:
    answer = PartialAnswer()
    answer.take(Fragment(tool_calls=(ToolCallPiece(index=0, id="a", name="now"),)))

    assert answer.chat().message.tool_calls[0].tool_kwargs == {}


def test_a_refusal_is_no_content() -> None:
    answer = PartialAnswer()
    answer.take(Fragment(refusal="I will "))
    answer.take(Fragment(refusal="not."))

    assert answer.chat().message.content is None
    assert answer.chat().additional_kwargs == {"refusal": "I will not."}


def test_a_piece_without_text_shows_a_reader_nothing_new() -> None:
    answer = PartialAnswer()

    assert not answer.take(Fragment(finish_reason="stop"))
    assert answer.take(Fragment(text="x"))
