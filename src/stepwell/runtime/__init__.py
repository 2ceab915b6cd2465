"""The asyncio driver: runs, contexts, state stores, handlers and streams."""

__all__: list[str] = []
