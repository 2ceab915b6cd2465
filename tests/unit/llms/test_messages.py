"""Messages and their blocks."""

import pytest

from stepwell.errors import ImageSourceError
from stepwell.llms import ChatMessage, ImageBlock, MessageRole, TextBlock, ToolCallBlock

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def test_a_message_of_text_has_one_text_block() -> None:
    message = ChatMessage(role="user", content="hi")

    assert message.role is MessageRole.USER
    assert message.blocks == [TextBlock(text="hi")]
    assert str(message) == "user: hi"


def test_a_message_without_text_has_no_content() -> None:
    assert ChatMessage(role="assistant", blocks=[ToolCallBlock(tool_name="add")]).content is None


def test_an_empty_text_is_still_a_text() -> None:
    assert ChatMessage("").content == ""


def test_a_role_prints_as_the_peers_does() -> None:
    assert str(MessageRole.USER) == "MessageRole.USER"
    assert MessageRole.USER.value == "user"


def test_a_message_goes_through_json_unchanged() -> None:
    message = ChatMessage(
        [TextBlock(text="look"), ImageBlock(image=PNG), ToolCallBlock(tool_call_id="1", tool_name="see")],
        role="assistant",
    )

    assert ChatMessage.model_validate_json(message.model_dump_json()) == message


@pytest.mark.parametrize(
    ("start", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8", "image/webp"),
    ],
)
def test_the_type_of_an_image_is_seen_in_its_bytes(start: bytes, media_type: str) -> None:
    assert ImageBlock(image=start).address().startswith(f"data:{media_type};base64,")


def test_an_image_of_unknown_type_asks_what_it_is() -> None:
    with pytest.raises(ImageSourceError, match="image_mimetype="):
        ImageBlock(image=b"BM......").address()


def test_an_image_whose_type_is_told_is_believed() -> None:
    assert ImageBlock(image=b"BM", image_mimetype="image/bmp").address() == "data:image/bmp;base64,Qk0="


def test_an_image_has_exactly_one_source() -> None:
    with pytest.raises(ValueError, match="not both and not neither"):
        ImageBlock()
    with pytest.raises(ValueError, match="not both and not neither"):
        ImageBlock(url="https://example.org/a.png", image=PNG)
