"""Measurements of stepwell against hand-written asyncio and its peers. Run them with ``make bench``."""
