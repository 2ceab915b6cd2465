"""The authoring language: events, steps, retry policies, markers, and the codec for what they carry."""

__all__: list[str] = []
