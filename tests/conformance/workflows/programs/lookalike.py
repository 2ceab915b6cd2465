"""A class that has nothing of the engine but a name."""


class Context:
    """No context of a run."""
