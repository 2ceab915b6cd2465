"""What sentences of errors are made with: a stranger's object shown, and the names that a slip may have meant."""

from collections.abc import Iterable

LONGEST = 100


def shown(value: object) -> str:
    """Return ``repr(value)``, cut to 100 characters, or what can be said of an object that has none."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  # the repr of a stranger's class
        return f"<{type(value).__name__} without a repr>"
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def nearest(name: str, known: Iterable[str], *, most: int = 1, likeness: float = 0.6) -> list[str]:
    """Return the ``known`` names most like ``name``, the likest first; ``likeness`` is from 0 to 1."""
    from difflib import get_close_matches  # noqa: PLC0415  # for who made a slip, and not for every import

    return get_close_matches(name, list(known), n=most, cutoff=likeness)
