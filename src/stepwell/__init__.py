"""stepwell: event-driven workflows whose types are the wiring."""

__all__: list[str] = []
