"""Where in a value the codec is, as a text for errors: ``state.items[3].client``, ``state['k']``."""

from typing import TypeAlias

# An attribute's name, an index, or (in a tuple, to tell it from a name) a key.
Segment: TypeAlias = str | int | tuple[object]

LONGEST_SHOWN = 12
LONGEST_KEY = 60


def shown_path(root: str, segments: list[Segment]) -> str:
    """Return the path as text; the middle of a very long one is left out."""
    if len(segments) > LONGEST_SHOWN:
        head, tail = segments[: LONGEST_SHOWN // 2], segments[-LONGEST_SHOWN // 2 :]
        left_out = len(segments) - len(head) - len(tail)
        return f"{root}{joined(head)}…({left_out} more)…{joined(tail)}"
    return root + joined(segments)


def joined(segments: list[Segment]) -> str:
    return "".join(map(shown_segment, segments))


def shown_segment(segment: Segment) -> str:
    if isinstance(segment, str):
        return f".{segment}"
    if isinstance(segment, int):
        return f"[{segment}]"
    try:
        text = repr(segment[0])
    except Exception:  # noqa: BLE001  # a key's own repr, or an int with too many digits, must not hide the error
        text = f"a {type(segment[0]).__name__}"
    return f"[{text[:LONGEST_KEY]}…]" if len(text) > LONGEST_KEY else f"[{text}]"
