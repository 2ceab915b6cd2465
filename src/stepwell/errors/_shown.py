"""Showing a stranger's object in a sentence: short, on one line, and whatever its own ``repr`` does."""

LONGEST = 100


def shown(value: object) -> str:
    """Return ``repr(value)``, cut to 100 characters, or what can be said of an object that has none."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  # the repr of a stranger's class
        return f"<{type(value).__name__} without a repr>"
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
